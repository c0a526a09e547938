//! How the process takes memory from the system.
//!
//! The system's allocator gives every thread a heap of its own, up to eight for each core, and what one of them frees
//! stays with it: after hashing thousands of torrents a daemon would hold for ever what their opening took, once for
//! each thread that did some of it. Two heaps are enough for threads that hardly allocate while bytes flow.

/// Heaps at most: one of the thread that all torrents live on, one of all others.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const HEAPS: i32 = 2;

/// Limits the heaps. To be called before other threads begin.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[allow(unsafe_code, reason = "a call of the C library; the block says why it is sound")]
pub(super) fn limit_heaps() {
    // SAFETY: it takes two numbers, touches nothing of ours, and no other thread is there yet.
    let is_done = unsafe { libc::mallopt(libc::M_ARENA_MAX, HEAPS) };
    if is_done == 0 {
        tracing::debug!("the allocator keeps as many heaps as it likes");
    }
}

/// Other allocators keep no heap for each thread.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub(super) const fn limit_heaps() {}
