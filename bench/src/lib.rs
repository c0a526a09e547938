//! What our own code costs, measured without any other client.
//!
//! - `benches/`: micro benches of one package each; `cargo bench -p starling-bench`.
//! - `callgrind`: instructions per operation of the hot paths in `examples/hot.rs`, the figure that repeats.
//! - `run-growth`: how cost grows with peers, torrents, pieces and files, over real sockets on loopback; `growth/`.
//!
//! This library has what they share: small worlds around the machines of the core, which answer at once, so that
//! nothing but the machine is measured.

pub mod download;
pub mod messages;
pub mod node;
pub mod seeding;
pub mod stream;
