//! Tracker announce and scrape over HTTP and UDP, both ends, without input or output.
//!
//! [`Announcer`] decides when one torrent asks which tracker; [`UdpClient`] speaks to UDP trackers; [`http`] builds
//! URLs and reads answers for an HTTP client to carry; [`server`] is the other end of both. A machine is told
//! facts by `handle_*`, drained by `poll_output` and woken at `poll_timeout`; it reads no clock and no socket.

mod announce;
mod announcer;
pub mod http;
pub mod limits;
mod peers;
pub mod server;
mod text;
pub mod udp;

pub use announce::{
    AnnounceError, AnnounceEvent, AnnounceRequest, AnnounceResponse, Progress, Retry, ScrapeCounts,
};
pub use announcer::{Announcer, Config, Output, TrackerKey, TrackerSnapshot, TrackerStatus};
pub use peers::usable_peers;
pub use text::clean_text;
pub use udp::{UdpClient, UdpOutput, UdpRequestKey};
