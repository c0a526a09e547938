//! The tracker's end: who is in which swarm, and what an announce or scrape is answered.
//!
//! Made for demonstrations, tests and small private use: everything is in memory and bounded, the oldest peers go
//! first, and nobody is asked for leave.

mod http;
mod swarms;

pub use http::{HttpRequest, QueryError, announce_response, failure_response, parse_query, scrape_response};
pub use swarms::{ServerConfig, Swarms};
