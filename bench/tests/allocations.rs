//! Decisions cost no memory management: once the busiest moment is past, a block received, a round of the choker and
//! the messages of a connection allocate nothing.
#![allow(unsafe_code, reason = "an allocator that counts is an allocator")]

use starling_bench::download::{Download, Shape};
use starling_bench::seeding::Seeding;
use starling_bench::stream::Stream;
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::time::Instant;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

/// The system's allocator, which counts what each thread asks for.
struct Counting;

// SAFETY: everything is handed to the system's allocator as it came; the counter is a plain number of this thread, which
// needs no allocation and is never dropped.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: the caller's promise about `layout` is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise holds for the system's allocator, where `pointer` came from.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Allocations of this thread during `work`.
fn allocations(work: impl FnOnce()) -> u64 {
    let before = ALLOCATIONS.get();
    work();
    ALLOCATIONS.get() - before
}

#[test]
fn picking_blocks_allocates_nothing() {
    for (peers, percent) in [(1, 100), (30, 60)] {
        let shape =
            Shape { pieces: 4000, piece_length: 256 << 10, peers, percent, rate_bytes_per_second: 256 << 20 };
        let mut download = Download::new(shape, Instant::now());
        (0..20_000).for_each(|_| download.block());
        let count = allocations(|| (0..20_000).for_each(|_| download.block()));
        assert!(!download.is_complete() && download.peer_count() == peers as usize);
        assert_eq!(count, 0, "{peers} peers");
    }
}

#[test]
fn rechoking_allocates_nothing() {
    let mut seeding = Seeding::new(100, Instant::now());
    (0..10).for_each(|_| _ = seeding.round());
    let mut orders = 0;
    let count = allocations(|| orders = (0..20).map(|_| seeding.round()).sum());
    assert!(orders > 20, "turns were given: {orders}");
    assert_eq!(count, 0);
}

#[test]
fn the_messages_of_a_connection_allocate_nothing() {
    let mut stream = Stream::new(Instant::now());
    (0..10).for_each(|_| stream.receive(64));
    assert_eq!(allocations(|| (0..100).for_each(|_| stream.receive(64))), 0);
}

#[test]
fn the_counter_counts() {
    assert_eq!(allocations(|| drop(std::hint::black_box(Box::new(1)))), 1);
}
