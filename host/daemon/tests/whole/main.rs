//! Whole daemons on loopback.

mod lifecycle;
mod magnets;
mod places;
mod queue;
mod sleep;
mod world;
