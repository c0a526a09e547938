//! The peer wire protocol as a machine without input or output.

mod contract;

pub use contract::{Close, ExtendedHandshake, Fact, Order, Violation};
