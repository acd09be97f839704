//! Small symmetric systems of equations.

/// Less than this share of the unit on the diagonal is as good as nothing: the
/// solution would be longer than a thousand times the right side.
const LEAST_PIVOT: f64 = 1e-3;

/// Solves equations by the square root free Cholesky decomposition L D L'.
#[derive(Debug)]
pub(super) struct Symmetric {
    /// The lower triangle row by row.
    matrix: Vec<f64>,
    solution: Vec<f64>,
}

impl Symmetric {
    /// Room for so many equations.
    pub(super) fn new(equations: usize) -> Self {
        Self {
            matrix: vec![0.0; equations * (equations + 1) / 2],
            solution: vec![0.0; equations],
        }
    }

    /// The x of (`unit` I - T) x = `right`, with the lower triangle of T given
    /// row by row. `None` if that is not positive definite, or nearly not.
    pub(super) fn solve(
        &mut self,
        unit: f64,
        tensor: impl Iterator<Item = f64>,
        right: impl Iterator<Item = f64>,
    ) -> Option<&Vec<f64>> {
        for (entry, tensor) in std::iter::zip(&mut self.matrix, tensor) {
            *entry = -tensor;
        }
        for (x, right) in std::iter::zip(&mut self.solution, right) {
            *x = right;
        }
        let (a, x) = (&mut self.matrix, &mut self.solution);
        let at = |row: usize, col: usize| row * (row + 1) / 2 + col;
        for row in 0..x.len() {
            for col in 0..row {
                let known: f64 = (0..col)
                    .map(|k| a[at(row, k)] * a[at(col, k)] * a[at(k, k)])
                    .sum();
                a[at(row, col)] = (a[at(row, col)] - known) / a[at(col, col)];
                x[row] -= a[at(row, col)] * x[col];
            }
            let known: f64 = (0..row)
                .map(|k| a[at(row, k)] * a[at(row, k)] * a[at(k, k)])
                .sum();
            a[at(row, row)] += unit - known;
            if a[at(row, row)] <= LEAST_PIVOT * unit {
                return None;
            }
        }
        for row in (0..x.len()).rev() {
            let known: f64 = (row + 1..x.len()).map(|k| a[at(k, row)] * x[k]).sum();
            x[row] = x[row] / a[at(row, row)] - known;
        }
        Some(&self.solution)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_solution_put_into_its_equations_gives_their_right_side() {
        let unit = 10.0;
        let tensor = [[1.0, 2.0, 0.5], [2.0, -3.0, 4.0], [0.5, 4.0, 2.5]];
        let right = [1.0, -2.0, 30.0];
        let triangle = (0..3).flat_map(|row| tensor[row][..=row].to_vec());
        let mut system = Symmetric::new(3);
        let x = system.solve(unit, triangle, right.into_iter()).unwrap();
        for (row, right) in right.iter().enumerate() {
            let sum: f64 = std::iter::zip(tensor[row], x).map(|(t, x)| t * x).sum();
            assert!((unit * x[row] - sum - right).abs() < 1e-12, "{row}");
        }
    }

    #[test]
    fn equations_that_hold_along_a_whole_line_are_not_solved() {
        // All of the tensor lies along (1, 1) and leaves nothing there.
        let tensor = [1.0, 1.0, 1.0].into_iter();
        let right = [1.0, 1.0].into_iter();
        assert!(Symmetric::new(2).solve(2.0, tensor, right).is_none());
    }
}
