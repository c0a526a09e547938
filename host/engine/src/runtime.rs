//! How tasks meet threads: the one knob.
//!
//! All sockets live on one thread. A peer's bytes are copied there once, by the kernel, and handed to the storage
//! workers by pointer; hashing and writing have threads of their own. One thread of system calls keeps two cores'
//! worth of hashing busy, and no lock or cache line travels between peers.

use std::io;

/// A runtime for a [`Session`](crate::Session).
pub fn build() -> io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(crate::limits::BLOCKING_THREADS)
        .build()
}

/// Raises the limit of open files to what the system allows without asking: sockets and files share it.
pub(crate) fn raise_handle_limit() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    if let Err(error) = setrlimit(Resource::Nofile, limit) {
        tracing::debug!(%error, "the limit of open files stays as it is");
    }
}
