//! Sockets that systemd opened for us (`sd_listen_fds(3)`).

use rustix::net::{AddressFamily, getsockname};
use rustix::process::{PidfdFlags, PidfdGetfdFlags, getpid, pidfd_getfd, pidfd_open};
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixListener;

/// The number of the first descriptor that is handed over.
const FIRST: i32 = 3;

/// More descriptors than a unit of ours could sensibly name.
const MOST: i32 = 16;

/// A socket that listens already.
pub(super) enum Handed {
    Tcp(TcpListener),
    Unix(UnixListener),
}

/// The sockets, if they were meant for this process.
pub(super) fn sockets() -> Vec<Handed> {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<i32>().ok());
    if number("LISTEN_PID") != i32::try_from(std::process::id()).ok() {
        return Vec::new();
    }
    let count = number("LISTEN_FDS").unwrap_or(0).clamp(0, MOST);
    (FIRST..FIRST + count).filter_map(|number| taken(number).or_else(|| complain(number))).collect()
}

fn complain(number: i32) -> Option<Handed> {
    tracing::warn!(number, "a socket that systemd handed over cannot be used");
    None
}

/// A copy of a descriptor, asked of the kernel by its number: a number alone is no proof that it is open and ours.
fn taken(number: i32) -> Option<Handed> {
    let this = pidfd_open(getpid(), PidfdFlags::empty()).ok()?;
    let socket: OwnedFd = pidfd_getfd(this, number, PidfdGetfdFlags::empty()).ok()?;
    let handed = match getsockname(&socket).ok()?.address_family() {
        AddressFamily::INET | AddressFamily::INET6 => Handed::Tcp(socket.into()),
        AddressFamily::UNIX => Handed::Unix(socket.into()),
        _ => return None,
    };
    match &handed {
        Handed::Tcp(listener) => listener.set_nonblocking(true),
        Handed::Unix(listener) => listener.set_nonblocking(true),
    }
    .ok()?;
    Some(handed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsRawFd;

    #[test]
    fn listeners_are_told_apart_and_other_descriptors_refused() {
        let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
        // Where the kernel is told to refuse the call, there is nothing to test.
        let Some(handed) = taken(tcp.as_raw_fd()) else { return };
        assert!(
            matches!(handed, Handed::Tcp(copy) if copy.local_addr().unwrap() == tcp.local_addr().unwrap())
        );
        let folder = tempfile::tempdir().unwrap();
        let unix = UnixListener::bind(folder.path().join("socket")).unwrap();
        assert!(matches!(taken(unix.as_raw_fd()), Some(Handed::Unix(_))));
        let file = std::fs::File::open(folder.path()).unwrap();
        assert!(taken(file.as_raw_fd()).is_none());
        assert!(taken(99_999).is_none());
    }
}
