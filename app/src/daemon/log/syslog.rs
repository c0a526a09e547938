//! The system's log (`syslog(3)`): one datagram a line.

use std::io;
use std::os::unix::net::UnixDatagram;
use tracing::Level;

/// Where every system's log listens.
const SOCKET: &str = "/dev/log";

/// The facility of daemons, in its place in the number before a line.
const DAEMON: u8 = 3 << 3;

/// The longest line that is sent; longer ones are refused by some logs.
const LONGEST: usize = 2048;

/// The way to the system's log.
pub(in super::super) struct Syslog {
    socket: UnixDatagram,
    path: &'static str,
}

impl Syslog {
    /// Opens the way; an error where nothing listens.
    pub(super) fn open() -> io::Result<Self> {
        let socket = UnixDatagram::unbound()?;
        socket.connect(SOCKET)?;
        // A log that takes no lines must not hold us up.
        socket.set_nonblocking(true)?;
        Ok(Self { socket, path: SOCKET })
    }

    /// Sends one line.
    pub(super) fn write(&self, level: Level, line: &[u8]) -> io::Result<()> {
        let datagram = datagram(level, line);
        if self.socket.send(&datagram).is_err() {
            // The log may have been started anew: its old socket is dead.
            self.socket.connect(self.path)?;
            self.socket.send(&datagram)?;
        }
        Ok(())
    }
}

fn datagram(level: Level, line: &[u8]) -> Vec<u8> {
    let severity = match level {
        Level::ERROR => 3,
        Level::WARN => 4,
        Level::INFO => 6,
        _ => 7,
    };
    let line = line.trim_ascii();
    let mut bytes = format!("<{}>starling-daemon[{}]: ", DAEMON | severity, std::process::id()).into_bytes();
    bytes.extend_from_slice(&line[..line.len().min(LONGEST)]);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_bears_its_weight_and_its_sender() {
        let id = std::process::id();
        assert_eq!(
            datagram(Level::WARN, b"WARN full\n"),
            format!("<28>starling-daemon[{id}]: WARN full").as_bytes()
        );
        assert!(datagram(Level::ERROR, &[b'x'; 9000]).len() < LONGEST + 64);
    }
}
