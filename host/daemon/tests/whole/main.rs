//! Whole daemons on loopback.

mod lifecycle;
mod magnets;
mod places;
mod publishers;
mod queue;
mod sleep;
mod super_seeding;
mod world;
