//! Batches of datagrams that bear the socket's own traffic class.
//!
//! `quinn-udp` sets the traffic class of every batch anew, to that without a mark. Here a batch says nothing of it, so
//! that what was set for the socket counts.

use socket2::{MsgHdr, SockAddr, SockRef};
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use tokio::net::UdpSocket;

/// Length of the one control message, and of the room that it takes.
const MESSAGE: usize = 18;
const ROOM: usize = 24;

/// Sends `contents` as datagrams of `segment` bytes, in one system call.
pub(super) fn send(socket: &UdpSocket, to: SocketAddr, contents: &[u8], segment: usize) -> io::Result<()> {
    let to = SockAddr::from(to);
    let buffers = [IoSlice::new(contents)];
    let message = MsgHdr::new().with_addr(&to).with_buffers(&buffers);
    let control = u16::try_from(segment).ok().filter(|_| contents.len() > segment).map(segment_size);
    let message = match &control {
        Some(control) => message.with_control(control),
        None => message,
    };
    SockRef::from(socket).sendmsg(&message, 0).map(drop)
}

/// A `cmsghdr` of Linux on a machine of 64 bits, with `UDP_SEGMENT` at the level of UDP, and its value.
fn segment_size(bytes: u16) -> [u8; ROOM] {
    const LEVEL: i32 = 17;
    const UDP_SEGMENT: i32 = 103;
    let mut control = [0; ROOM];
    control[..8].copy_from_slice(&(MESSAGE as u64).to_ne_bytes());
    control[8..12].copy_from_slice(&LEVEL.to_ne_bytes());
    control[12..16].copy_from_slice(&UDP_SEGMENT.to_ne_bytes());
    control[16..MESSAGE].copy_from_slice(&bytes.to_ne_bytes());
    control
}

/// Whether [`send`] can send more than one datagram at a time.
pub(super) const CAN_BATCH: bool = cfg!(all(target_os = "linux", target_pointer_width = "64"));

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_batch_arrives_as_its_datagrams() {
        let (from, to) = tokio::join!(UdpSocket::bind("127.0.0.1:0"), UdpSocket::bind("127.0.0.1:0"));
        let (from, to) = (from.unwrap(), to.unwrap());
        let payload: Vec<u8> = (0..=255).cycle().take(2_500).collect();
        send(&from, to.local_addr().unwrap(), &payload, 1_000).unwrap();
        let (mut got, mut lengths, mut buffer) = (Vec::new(), Vec::new(), vec![0; 4_096]);
        while got.len() < payload.len() {
            let length = to.recv(&mut buffer).await.unwrap();
            got.extend_from_slice(&buffer[..length]);
            lengths.push(length);
        }
        assert_eq!((got, lengths), (payload, vec![1_000, 1_000, 500]));
    }
}
