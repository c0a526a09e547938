//! Web seeds against servers that misbehave, with a real disk behind.

mod bodies;
mod session;
mod urls;
mod world;
