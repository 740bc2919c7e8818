//! The `seatrial` binary.
fn main() {}
