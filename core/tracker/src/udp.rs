//! UDP trackers (BEP 15, BEP 41): packets of both ends, and the client.

mod client;
mod packet;
#[cfg(test)]
mod tests;

pub use client::{UdpClient, UdpOutput, UdpRequestKey};
pub use packet::{MAGIC, UdpRequest, UdpResponse, url_data};
