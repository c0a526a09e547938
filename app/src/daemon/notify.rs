//! What systemd is told (`sd_notify(3)`): datagrams to the socket that it names.

use rustix::time::{ClockId, clock_gettime};
use std::ffi::OsStr;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};

/// The way to whoever started us. Tells nobody where nobody asked.
pub(super) struct Notify(Option<(UnixDatagram, SocketAddr)>);

impl Notify {
    /// The socket that the environment names.
    pub(super) fn from_environment() -> Self {
        Self(std::env::var_os("NOTIFY_SOCKET").and_then(|name| open(&name).ok()))
    }

    /// We serve.
    pub(super) fn ready(&self) {
        self.tell("READY=1\nSTATUS=Serving\n");
    }

    /// We read our settings again; [`Self::ready`] follows.
    pub(super) fn reloading(&self) {
        let now = clock_gettime(ClockId::Monotonic);
        let micros = i128::from(now.tv_sec) * 1_000_000 + i128::from(now.tv_nsec) / 1_000;
        self.tell(&format!("RELOADING=1\nMONOTONIC_USEC={micros}\n"));
    }

    /// We are about to end.
    pub(super) fn stopping(&self) {
        self.tell("STOPPING=1\nSTATUS=Saving, and telling the trackers\n");
    }

    fn tell(&self, text: &str) {
        if let Some((socket, address)) = &self.0
            && let Err(error) = socket.send_to_addr(text.as_bytes(), address)
        {
            tracing::debug!(%error, "systemd does not listen");
        }
    }
}

fn open(name: &OsStr) -> io::Result<(UnixDatagram, SocketAddr)> {
    let address = match name.as_bytes().strip_prefix(b"@") {
        Some(name) => SocketAddr::from_abstract_name(name)?,
        None => SocketAddr::from_pathname(name)?,
    };
    Ok((UnixDatagram::unbound()?, address))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn systemd_hears_of_the_whole_life() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let systemd = UnixDatagram::bind(&path).unwrap();
        let notify = Notify(Some(open(path.as_os_str()).unwrap()));
        let heard = || {
            let mut bytes = [0; 256];
            let length = systemd.recv(&mut bytes).unwrap();
            String::from_utf8(bytes[..length].to_vec()).unwrap()
        };
        notify.ready();
        assert!(heard().starts_with("READY=1\n"));
        notify.reloading();
        assert!(heard().starts_with("RELOADING=1\nMONOTONIC_USEC="));
        notify.stopping();
        assert!(heard().starts_with("STOPPING=1\n"));
        Notify(None).ready();
    }
}
