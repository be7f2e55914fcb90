//! The SDK from outside: what it writes, and what it says over the wire.

mod chapter;
mod definitions;
mod fake;
mod golden;
mod live;
mod wire;
