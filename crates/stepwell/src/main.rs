//! The stepwell binary: configuration, the clock, the loops, the commands.
fn main() {}
