//! Family `pass_at_k` of the calculator.

use crate::Function;

/// The functions of this family.
pub static FUNCTIONS: &[Function] = &[];
