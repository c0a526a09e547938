//! Whole daemons on loopback.

mod lifecycle;
mod queue;
mod sleep;
mod world;
