//! Dense symmetric linear algebra for the few small systems of this crate (Newton steps, sandwich
//! covariances). Own code because it is forty lines; a matrix library would cost more to compile than the
//! rest of the crate.

/// A square matrix in row-major order.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Square {
    size: usize,
    cells: Vec<f64>,
}

impl Square {
    /// The zero matrix.
    pub(crate) fn zeros(size: usize) -> Self {
        Self {
            size,
            cells: vec![0.0; size * size],
        }
    }

    /// The cell in row `i`, column `j`.
    pub(crate) fn at(&self, i: usize, j: usize) -> f64 {
        self.cells[i * self.size + j]
    }

    /// Adds to the cell in row `i`, column `j`.
    pub(crate) fn add(&mut self, i: usize, j: usize, x: f64) {
        self.cells[i * self.size + j] += x;
    }

    /// Adds `weight · x xᵀ` for a sparse vector of (index, value) pairs.
    pub(crate) fn add_outer(&mut self, x: &[(usize, f64)], weight: f64) {
        for &(i, xi) in x {
            for &(j, xj) in x {
                self.cells[i * self.size + j] += weight * xi * xj;
            }
        }
    }

    /// Lower Cholesky factor; `None` unless the matrix is positive definite (to rounding).
    pub(crate) fn cholesky(&self) -> Option<Cholesky> {
        let n = self.size;
        let mut factor = vec![0.0; n * n];
        for i in 0..n {
            for j in 0..=i {
                let (row_i, row_j) = (&factor[i * n..i * n + j], &factor[j * n..j * n + j]);
                let dot: f64 = row_i.iter().zip(row_j).map(|(a, b)| a * b).sum();
                let rest = self.at(i, j) - dot;
                if i == j {
                    // Relative to the diagonal: a pivot that is all rounding means a singular matrix.
                    if rest <= 1e-13 * self.at(i, i).abs() || rest.is_nan() {
                        return None;
                    }
                    factor[i * n + i] = rest.sqrt();
                } else {
                    factor[i * n + j] = rest / factor[j * n + j];
                }
            }
        }
        Some(Cholesky { size: n, factor })
    }
}

/// The factor of a positive definite matrix; solves systems with it.
#[derive(Debug, Clone)]
pub(crate) struct Cholesky {
    size: usize,
    factor: Vec<f64>,
}

impl Cholesky {
    /// Solves `A x = b`.
    pub(crate) fn solve(&self, b: &[f64]) -> Vec<f64> {
        let n = self.size;
        let mut x = b.to_vec();
        for i in 0..n {
            let done: f64 = (0..i).map(|j| self.factor[i * n + j] * x[j]).sum();
            x[i] = (x[i] - done) / self.factor[i * n + i];
        }
        for i in (0..n).rev() {
            let done: f64 = (i + 1..n).map(|j| self.factor[j * n + i] * x[j]).sum();
            x[i] = (x[i] - done) / self.factor[i * n + i];
        }
        x
    }

    /// The inverse matrix.
    pub(crate) fn inverse(&self) -> Square {
        let n = self.size;
        let mut inverse = Square::zeros(n);
        let mut unit = vec![0.0; n];
        for j in 0..n {
            unit[j] = 1.0;
            for (i, x) in self.solve(&unit).into_iter().enumerate() {
                inverse.cells[i * n + j] = x;
            }
            unit[j] = 0.0;
        }
        inverse
    }
}

/// Diagonal of `A B A` for symmetric `A` and `B` of one size: the variances of a sandwich.
pub(crate) fn sandwich_diagonal(a: &Square, b: &Square) -> Vec<f64> {
    let n = a.size;
    (0..n)
        .map(|i| {
            let row = &a.cells[i * n..(i + 1) * n];
            (0..n)
                .map(|j| {
                    let inner: f64 = b.cells[j * n..(j + 1) * n]
                        .iter()
                        .zip(row)
                        .map(|(x, y)| x * y)
                        .sum();
                    row[j] * inner
                })
                .sum()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example() -> Square {
        let mut a = Square::zeros(3);
        a.add_outer(&[(0, 1.0), (1, -1.0)], 2.0);
        a.add_outer(&[(1, 1.0), (2, -1.0)], 1.0);
        a.add_outer(&[(0, 1.0), (1, 1.0), (2, 1.0)], 0.5);
        a
    }

    /// Protects: a solution put back gives the right-hand side, and the inverse agrees with it.
    #[test]
    fn solves_and_inverts() {
        let a = example();
        let factor = a.cholesky().unwrap();
        let x = factor.solve(&[1.0, 2.0, 3.0]);
        for (i, want) in [1.0, 2.0, 3.0].into_iter().enumerate() {
            let got: f64 = (0..3).map(|j| a.at(i, j) * x[j]).sum();
            assert!((got - want).abs() < 1e-12);
        }
        let inverse = factor.inverse();
        let diagonal = sandwich_diagonal(&inverse, &a);
        for (i, got) in diagonal.into_iter().enumerate() {
            assert!((got - inverse.at(i, i)).abs() < 1e-12);
        }
    }

    /// Protects: a singular matrix is refused, not inverted to noise.
    #[test]
    fn refuses_singular() {
        let mut a = Square::zeros(2);
        a.add_outer(&[(0, 1.0), (1, -1.0)], 3.0);
        assert!(a.cholesky().is_none());
        assert!(Square::zeros(1).cholesky().is_none());
    }
}
