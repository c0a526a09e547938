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
