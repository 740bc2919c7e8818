//! How the parts of a sample become bytes. Apart from the tables so that each form is tested without a database.

pub(crate) mod scores;
pub(crate) mod slices;
pub(crate) mod text;
pub(crate) mod timing;
