//! Reports of a comparison of systems: terminal, Markdown, HTML. Apart from the reports of a run, which start from
//! findings; this starts from [`RunsComparison`](seatrial_types::RunsComparison) and nothing else.

mod html;
mod markdown;
mod terminal;
mod words;

pub use html::html;
pub use markdown::markdown;
pub use terminal::terminal;
