//! From text to steps, by recursive descent: a sum of products of signed powers.

use super::{Function, Operator, Step};

/// Parentheses and signs inside of each other at most, so that no text can use up
/// the stack.
const MAX_DEPTH: usize = 32;

/// Variables of an expression at most.
const MAX_VARIABLES: usize = 16;

/// Variables in the order in which they come first, and the steps of an expression; or
/// what is wrong with it.
pub(super) fn parse(text: &str) -> Result<(Vec<String>, Vec<Step>), String> {
    let mut parser = Parser {
        rest: text,
        depth: 0,
        variables: Vec::new(),
        steps: Vec::new(),
    };
    parser.sum()?;
    let rest = parser.rest.trim_start();
    if !rest.is_empty() {
        return Err(format!("`{rest}` is too much"));
    }
    if parser.variables.is_empty() {
        return Err("it names no variable".to_owned());
    }
    Ok((parser.variables, parser.steps))
}

struct Parser<'a> {
    rest: &'a str,
    depth: usize,
    variables: Vec<String>,
    steps: Vec<Step>,
}

impl Parser<'_> {
    fn sum(&mut self) -> Result<(), String> {
        self.product()?;
        loop {
            let operator = if self.take("+") {
                Operator::Add
            } else if self.take("-") {
                Operator::Subtract
            } else {
                return Ok(());
            };
            self.product()?;
            self.steps.push(Step::Operate(operator));
        }
    }

    fn product(&mut self) -> Result<(), String> {
        self.signed()?;
        loop {
            let operator = if self.take("*") {
                Operator::Multiply
            } else if self.take("/") {
                Operator::Divide
            } else {
                return Ok(());
            };
            self.signed()?;
            self.steps.push(Step::Operate(operator));
        }
    }

    fn signed(&mut self) -> Result<(), String> {
        self.deeper(|parser| {
            if parser.take("-") {
                parser.signed()?;
                parser.steps.push(Step::Negate);
                return Ok(());
            }
            if parser.take("+") {
                return parser.signed();
            }
            parser.power()
        })
    }

    fn power(&mut self) -> Result<(), String> {
        self.atom()?;
        if self.take("**") || self.take("^") {
            self.signed()?;
            self.steps.push(Step::Operate(Operator::Power));
        }
        Ok(())
    }

    fn atom(&mut self) -> Result<(), String> {
        if self.take("(") {
            self.sum()?;
            return self.expect(")");
        }
        self.rest = self.rest.trim_start();
        match self.rest.chars().next() {
            Some(c) if c.is_ascii_digit() || c == '.' => self.number(),
            Some(c) if c.is_alphabetic() || c == '_' => self.name(),
            Some(c) => Err(format!("`{c}` is where a variable or a number has to be")),
            None => Err("it ends where a variable or a number has to be".to_owned()),
        }
    }

    fn number(&mut self) -> Result<(), String> {
        let mut last = ' ';
        let len = self.cut(|c| {
            let is_exponents_sign = (c == '-' || c == '+') && (last == 'e' || last == 'E');
            last = c;
            c.is_ascii_alphanumeric() || c == '.' || is_exponents_sign
        });
        let text = &self.rest[..len];
        let number: f32 = (text.parse()).map_err(|_no_number| format!("`{text}` is no number"))?;
        self.rest = &self.rest[len..];
        self.steps.push(Step::Number(number));
        Ok(())
    }

    fn name(&mut self) -> Result<(), String> {
        let len = self.cut(|c| c.is_alphanumeric() || c == '_');
        let name = &self.rest[..len];
        self.rest = &self.rest[len..];
        if self.take("(") {
            return self.call(name);
        }
        let known = self.variables.iter().position(|known| known == name);
        let place = match known {
            Some(place) => place,
            None if self.variables.len() == MAX_VARIABLES => {
                return Err(format!("it is of more than {MAX_VARIABLES} variables"));
            }
            None => {
                self.variables.push(name.to_owned());
                self.variables.len() - 1
            }
        };
        self.steps.push(Step::Variable(place));
        Ok(())
    }

    fn call(&mut self, name: &str) -> Result<(), String> {
        let known = Function::ALL.iter().find(|(known, ..)| *known == name);
        let Some((_, function, takes)) = known else {
            return Err(format!("there is no function `{name}`"));
        };
        for n in 0..*takes {
            if n > 0 {
                self.expect(",")?;
            }
            self.sum()?;
        }
        self.expect(")")?;
        self.steps.push(Step::Call(*function));
        Ok(())
    }

    fn deeper(
        &mut self,
        parse: impl FnOnce(&mut Self) -> Result<(), String>,
    ) -> Result<(), String> {
        if self.depth == MAX_DEPTH {
            return Err(format!("it is more than {MAX_DEPTH} deep"));
        }
        self.depth += 1;
        parse(self)?;
        self.depth -= 1;
        Ok(())
    }

    /// Takes a symbol that comes next; `*` is not the first half of `**`.
    fn take(&mut self, symbol: &str) -> bool {
        let rest = self.rest.trim_start();
        if symbol == "*" && rest.starts_with("**") {
            return false;
        }
        match rest.strip_prefix(symbol) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn expect(&mut self, symbol: &str) -> Result<(), String> {
        if self.take(symbol) {
            return Ok(());
        }
        match self.rest.trim_start() {
            "" => Err(format!("it ends where `{symbol}` has to be")),
            rest => Err(format!("`{symbol}` has to be before `{rest}`")),
        }
    }

    fn cut(&self, mut is_part: impl FnMut(char) -> bool) -> usize {
        let end = self.rest.find(|c| !is_part(c));
        end.unwrap_or(self.rest.len())
    }
}
