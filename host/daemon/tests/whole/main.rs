//! Whole daemons on loopback.

mod lifecycle;
mod queue;
mod world;
