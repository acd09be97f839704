//! Arithmetic over variables, as in `(nir-red)/(nir+red)`: parsed once into steps
//! for a stack, and then done for a row of pixels at a time.
//!
//! Operators and their order are Python's (and numexpr's, which `TiTiler` uses):
//! `-a**2` is `-(a**2)`, and `a**-b` and `2**3**2 = 2**9` are what they are there. A
//! parser of a crate was looked at (exmex), whose `-a^2` is `(-a)^2`.

mod indices;
mod parse;

use std::fmt;

use super::Raster;

/// Characters of an expression at most.
const MAX_CHARS: usize = 512;

/// Pixels that are computed together, so that what lies between stays near.
const BLOCK: usize = 512;

/// What is wrong with an expression, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`expression={text}`: {what}; write for example (nir-red)/(nir+red), with + - * / **, and {functions}", functions = Function::names())]
pub struct ExpressionError {
    text: String,
    what: String,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Step {
    Number(f32),
    /// A place among the variables.
    Variable(usize),
    Negate,
    Operate(Operator),
    Call(Function),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operator {
    Add,
    Subtract,
    Multiply,
    Divide,
    Power,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Function {
    Abs,
    Sqrt,
    Exp,
    Log,
    Log10,
    Min,
    Max,
}

impl Function {
    const ALL: [(&'static str, Self, usize); 7] = [
        ("abs", Self::Abs, 1),
        ("sqrt", Self::Sqrt, 1),
        ("exp", Self::Exp, 1),
        ("log", Self::Log, 1),
        ("log10", Self::Log10, 1),
        ("min", Self::Min, 2),
        ("max", Self::Max, 2),
    ];

    fn names() -> String {
        let names: Vec<&str> = Self::ALL.iter().map(|(name, ..)| *name).collect();
        names.join(", ")
    }
}

/// A checked expression over named variables. Two are equal if their steps are.
#[derive(Clone, Debug, PartialEq)]
pub struct Expression {
    text: String,
    variables: Vec<String>,
    steps: Vec<Step>,
    /// Of an index by itself.
    range: Option<[f64; 2]>,
}

impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Expression {
    /// Reads an expression.
    ///
    /// # Errors
    /// If it is none, or too long.
    pub fn parse(text: &str) -> Result<Self, ExpressionError> {
        let short: String = text.chars().take(MAX_CHARS).collect();
        let wrong = |what: String| ExpressionError {
            text: short.clone(),
            what,
        };
        if short.len() < text.len() {
            return Err(wrong(format!("it has more than {MAX_CHARS} characters")));
        }
        let (variables, steps) = parse::parse(text).map_err(wrong)?;
        Ok(Self {
            text: text.trim().to_owned(),
            variables,
            steps,
            range: None,
        })
    }

    /// The variables it is of, in the order in which they come first.
    #[must_use]
    pub fn variables(&self) -> &[String] {
        &self.variables
    }

    /// Computes it, in `f32`, for rasters of one shape, one a variable. Where one of
    /// them is `nodata`, or no finite number comes out, there is NaN.
    ///
    /// # Panics
    /// If there are not as many rasters as variables, or their shapes differ.
    #[must_use]
    pub fn of(&self, rasters: &[Raster<u16>], nodata: u16) -> Raster<f32> {
        self.computed(rasters, |sample| {
            if sample == nodata {
                f32::NAN
            } else {
                f32::from(sample)
            }
        })
    }

    /// [`Expression::of`] for values that were computed, in which NaN is no data.
    ///
    /// # Panics
    /// As of [`Expression::of`].
    #[must_use]
    pub fn of_values(&self, rasters: &[Raster<f32>]) -> Raster<f32> {
        self.computed(rasters, std::convert::identity)
    }

    fn computed<T: Copy>(&self, rasters: &[Raster<T>], value: impl Fn(T) -> f32) -> Raster<f32> {
        assert_eq!(
            rasters.len(),
            self.variables.len(),
            "an expression takes one raster a variable"
        );
        let shape = rasters[0].shape;
        assert!(
            rasters.iter().all(|raster| raster.shape == shape),
            "the variables of an expression have one shape"
        );
        let mut out = Raster::filled(shape, f32::NAN);
        let mut stack: Vec<Vec<f32>> = Vec::new();
        for (number, block) in out.data.chunks_mut(BLOCK).enumerate() {
            let pixels = number * BLOCK..number * BLOCK + block.len();
            let samples = |variable: usize| &rasters[variable].data[pixels.clone()];
            self.block(&mut stack, samples, &value, block);
        }
        out
    }

    fn block<'a, T: Copy + 'a>(
        &self,
        stack: &mut Vec<Vec<f32>>,
        samples: impl Fn(usize) -> &'a [T],
        value: impl Fn(T) -> f32,
        out: &mut [f32],
    ) {
        let mut top = 0;
        for step in &self.steps {
            let (takes, puts) = step.arity();
            top -= takes;
            if stack.len() <= top {
                stack.push(Vec::with_capacity(BLOCK));
            }
            let (below, above) = stack.split_at_mut(top + 1);
            let first = &mut below[top];
            match step {
                Step::Number(number) => {
                    first.clear();
                    first.resize(out.len(), *number);
                }
                Step::Variable(variable) => {
                    first.clear();
                    first.extend(samples(*variable).iter().map(|sample| value(*sample)));
                }
                Step::Negate => {
                    for value in first.iter_mut() {
                        *value = -*value;
                    }
                }
                Step::Operate(operator) => operator.apply(first, &above[0]),
                Step::Call(function) => {
                    function.apply(first, above.first().map_or(&[], |second| &second[..]));
                }
            }
            top += puts;
        }
        for (out, value) in std::iter::zip(out, &stack[0]) {
            *out = if value.is_finite() { *value } else { f32::NAN };
        }
    }
}

impl Step {
    /// Values that it takes from the stack, and puts there.
    fn arity(self) -> (usize, usize) {
        let takes = match self {
            Self::Number(_) | Self::Variable(_) => 0,
            Self::Negate => 1,
            Self::Operate(_) => 2,
            Self::Call(function) => function.takes(),
        };
        (takes, 1)
    }
}

impl Operator {
    fn apply(self, first: &mut [f32], second: &[f32]) {
        let pairs = std::iter::zip(first, second);
        match self {
            Self::Add => pairs.for_each(|(a, b)| *a += b),
            Self::Subtract => pairs.for_each(|(a, b)| *a -= b),
            Self::Multiply => pairs.for_each(|(a, b)| *a *= b),
            Self::Divide => pairs.for_each(|(a, b)| *a /= b),
            Self::Power => pairs.for_each(|(a, b)| *a = power(*a, *b)),
        }
    }
}

/// With holes kept: IEEE 754 has it that `NaN^0` is 1.
fn power(base: f32, exponent: f32) -> f32 {
    if base.is_nan() || exponent.is_nan() {
        f32::NAN
    } else {
        base.powf(exponent)
    }
}

impl Function {
    fn takes(self) -> usize {
        let known = Self::ALL.iter().find(|(_, function, _)| *function == self);
        known.map_or(1, |(.., takes)| *takes)
    }

    fn apply(self, first: &mut [f32], second: &[f32]) {
        let each = |function: fn(f32) -> f32, first: &mut [f32]| {
            for value in first.iter_mut() {
                *value = function(*value);
            }
        };
        // Not `f32::min`, which ignores holes.
        let pick = |is_first: fn(f32, f32) -> bool, first: &mut [f32]| {
            for (a, b) in std::iter::zip(first, second) {
                if b.is_nan() || !(a.is_nan() || is_first(*a, *b)) {
                    *a = *b;
                }
            }
        };
        match self {
            Self::Abs => each(f32::abs, first),
            Self::Sqrt => each(f32::sqrt, first),
            Self::Exp => each(f32::exp, first),
            Self::Log => each(f32::ln, first),
            Self::Log10 => each(f32::log10, first),
            Self::Min => pick(|a, b| a <= b, first),
            Self::Max => pick(|a, b| a >= b, first),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grid::Shape;
    use proptest::prelude::*;

    const NODATA: u16 = 65_535;

    fn value(text: &str, samples: &[u16]) -> f32 {
        let expression = Expression::parse(text).unwrap();
        let shape = Shape { rows: 1, cols: 1 };
        let rasters: Vec<_> = (samples.iter())
            .map(|sample| Raster::filled(shape, *sample))
            .collect();
        expression.of(&rasters, NODATA).data[0]
    }

    #[test]
    fn operators_have_the_order_that_python_gives_them() {
        // Each by Python 3 with a=6, b=3 in the order in which they come.
        for (text, samples, expected) in [
            ("a-b-1", &[6, 3][..], 2.0),
            ("a/b/2", &[6, 3], 1.0),
            ("a+b*2", &[6, 3], 12.0),
            ("(a+b)*2", &[6, 3], 18.0),
            ("-a**2", &[6], -36.0),
            ("2**3**2+0*a", &[6], 512.0),
            ("a**-1*6", &[6], 1.0),
            ("2*-a", &[6], -12.0),
            ("- -a", &[6], 6.0),
            ("1e1+a-1.5E-0", &[6], 14.5),
            ("a^2", &[6], 36.0),
            ("sqrt(abs(-a*a))", &[6], 6.0),
            ("max(a, b) - min(a, b)", &[6, 3], 3.0),
            ("log(exp(a))", &[6], 6.0),
            ("log10(a*0+1000)", &[6], 3.0),
        ] {
            let got = value(text, samples);
            assert!((got - expected).abs() < 1e-5, "{text}: {got}");
        }
    }

    #[test]
    fn an_index_is_a_hole_where_a_variable_is_or_where_it_is_divided_by_zero() {
        let ndvi = "(nir-red)/(nir+red)";
        assert!((value(ndvi, &[3000, 1000]) - 0.5).abs() < 1e-6);
        assert!(value(ndvi, &[NODATA, 1000]).is_nan());
        assert!(value(ndvi, &[3000, NODATA]).is_nan());
        assert!(value(ndvi, &[0, 0]).is_nan());
        for text in ["min(a,b)", "max(a,b)", "max(b,a)", "a**0*b", "1+0*a+b"] {
            assert!(value(text, &[NODATA, 1]).is_nan(), "{text}");
            assert!(value(text, &[1, NODATA]).is_nan(), "{text}");
        }
    }

    #[test]
    fn rasters_longer_than_a_block_are_computed_whole() {
        let shape = Shape { rows: 7, cols: 191 };
        let counted = Raster {
            shape,
            data: (0..7 * 191).collect(),
        };
        let out = Expression::parse("n*2-1").unwrap().of(&[counted], NODATA);
        let expected: Vec<f32> = (0..7_u16 * 191).map(|n| f32::from(n) * 2.0 - 1.0).collect();
        assert_eq!(out.data, expected);
    }

    #[test]
    fn what_is_no_expression_is_told_with_what_was_meant() {
        for (text, told) in [
            ("", "it ends"),
            ("1+2", "names no variable"),
            ("a+", "it ends"),
            ("a b", "`b` is too much"),
            ("(a", "it ends where `)`"),
            ("a;b", "`;b` is too much"),
            ("sin(a)", "no function `sin`"),
            ("min(a)", "`,` has to be before `)`"),
            ("1.2.3*a", "`1.2.3` is no number"),
            ("a*/b", "`/` is where"),
        ] {
            let error = Expression::parse(text).unwrap_err().to_string();
            assert!(error.contains(told), "{text}: {error}");
        }
        let deep = format!("{}a{}", "(".repeat(200), ")".repeat(200));
        assert!(Expression::parse(&deep).is_err());
        assert!(Expression::parse(&"-".repeat(500)).is_err());
        assert!(Expression::parse(&format!("a{}", "+a".repeat(256))).is_err());
    }

    proptest! {
        #[test]
        fn no_text_makes_the_parser_or_the_computation_stumble(text in "[ab0-9.e()+*/,^ -]{0,40}|\\PC{0,30}") {
            if let Ok(expression) = Expression::parse(&text) {
                let raster = Raster::filled(Shape { rows: 2, cols: 3 }, 7);
                let rasters = vec![raster; expression.variables().len()];
                let out = expression.of(&rasters, NODATA);
                prop_assert_eq!(out.data.len(), 6);
            }
        }
    }
}
