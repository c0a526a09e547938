//! The server with a real daemon behind it, spoken to byte by byte over loopback.

mod calls;
mod events;
mod nonsense;
mod port_test;
mod transport;
mod world;
