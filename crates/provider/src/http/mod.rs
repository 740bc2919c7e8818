//! Any endpoint that takes and gives JSON: how to ask and where to look is told by the suite.

mod fold;
mod spec;

pub(crate) use fold::JsonFold;
pub use spec::{JsonApi, JsonApiError, JsonSpec, JsonStreamSpec};
