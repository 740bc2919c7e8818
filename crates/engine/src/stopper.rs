//! The port by which something that knows metrics says which samples are still worth asking: the engine knows none, and
//! asks as planned where nobody speaks up.

use seatrial_types::{SampleKey, SampleRecord};

/// Whether a sample is worth asking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// It is.
    Yes,
    /// That depends on samples that are not finished yet.
    Later,
    /// Neither it nor any that follows it in its task.
    Over,
}

/// Decides how far the tasks of a run are asked.
///
/// Samples of a task come in the order in which they are asked, epoch by epoch. What was wanted once stays wanted. The
/// answer must not depend on the order in which samples finish, or a resumed run could end elsewhere.
pub trait Stopper {
    /// Takes a sample that this session finished; what earlier ones finished it knows already.
    fn take(&mut self, sample: &SampleRecord);

    /// Whether a sample is worth asking, as far as is known.
    fn wanted(&self, key: SampleKey) -> Wanted;
}

/// Asks everything that was planned and nothing else.
#[derive(Debug, Clone, Copy, Default)]
pub struct AsPlanned;

impl Stopper for AsPlanned {
    fn take(&mut self, _: &SampleRecord) {}

    fn wanted(&self, _: SampleKey) -> Wanted {
        Wanted::Yes
    }
}
