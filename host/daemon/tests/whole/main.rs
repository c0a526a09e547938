//! Whole daemons on loopback.

mod lifecycle;
mod magnets;
mod queue;
mod sleep;
mod world;
