//! Operations of normalizing flows: maps of couplings, permutations, small matrices.

use super::Var;
use crate::ops::{
    Attributes, CouplingAffine, CouplingFlow, CouplingSpline, Direction, InverseMatrix, PermuteColumns, Spline,
};

impl<'t> Var<'t> {
    /// The affine map of a coupling with the raw parameters `[…, 2n]` for this variable `[…, n]`: the result and the
    /// log-determinant `[…]`.
    pub fn coupling_affine(self, raw: Var<'t>, direction: Direction, clamp: bool) -> (Var<'t>, Var<'t>) {
        let y = self.apply(&CouplingAffine, &[raw], CouplingAffine::attributes(direction, clamp));
        (y, y.output(1))
    }

    /// The rational-quadratic spline of a coupling with the raw parameters `[…, n (3 bins + 3)]` for this variable `[…, n]`: the
    /// result and the log-determinant `[…]`.
    pub fn coupling_spline(self, raw: Var<'t>, direction: Direction, spline: &Spline) -> (Var<'t>, Var<'t>) {
        let y = self.apply(&CouplingSpline, &[raw], CouplingSpline::attributes(direction, spline));
        (y, y.output(1))
    }

    /// A whole coupling flow of this variable `[rows, D]` given a condition `[rows, C]`, with all its weights as one variable and the
    /// words of a [`FlowProgram`](crate::ops::FlowProgram): the latent variables and the log-determinant `[rows]`.
    pub fn coupling_flow(
        self,
        condition: Var<'t>,
        weights: Var<'t>,
        words: Var<'t>,
        attributes: Attributes,
    ) -> (Var<'t>, Var<'t>) {
        let z = self.apply(&CouplingFlow, &[condition, weights, words], attributes);
        (z, z.output(1))
    }

    /// The columns of the last axis in the order of `indices`, a variable of integers.
    pub fn permute_columns(self, indices: Var<'t>) -> Var<'t> {
        self.apply(&PermuteColumns, &[indices], PermuteColumns::attributes())
    }

    /// The inverse of this square matrix, and the logarithm of its absolute determinant.
    pub fn inverse_matrix(self) -> (Var<'t>, Var<'t>) {
        let inverse = self.apply(&InverseMatrix, &[], InverseMatrix::attributes());
        (inverse, inverse.output(1))
    }
}
