//! The steps that a transfer consists of, each by itself and as plain as it can be.

use super::{Figure, Watch};
use hash::Backend;
use std::fs::File;
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::thread;

/// Bytes of a step's read, write or message.
const STEP: usize = 1 << 20;

/// Messages hashed side by side.
const ROWS: usize = 16;

/// Both hashes, piece by piece and side by side, of about `bytes` bytes.
pub(super) fn hashing(bytes: u64) -> Vec<Figure> {
    let pieces: Vec<Vec<u8>> = (0..ROWS).map(|i| vec![i as u8; STEP]).collect();
    let slices: Vec<[&[u8]; 1]> = pieces.iter().map(|piece| [&piece[..]]).collect();
    let messages: Vec<&[&[u8]]> = slices.iter().map(|slices| &slices[..]).collect();
    let rounds = bytes.div_ceil((ROWS * STEP) as u64);
    let bytes = rounds * (ROWS * STEP) as u64;
    let mut figures = Vec::new();
    for (how, backend) in [("one by one", Backend::Single), ("side by side", Backend::detect())] {
        let watch = Watch::start();
        for _ in 0..rounds {
            std::hint::black_box(hash::sha1_many_with(backend, &messages));
        }
        figures.push(watch.stop(format!("SHA-1, pieces {how}"), bytes));
        let watch = Watch::start();
        for _ in 0..rounds {
            std::hint::black_box(hash::sha256_many_with(backend, &messages));
        }
        figures.push(watch.stop(format!("SHA-256, pieces {how}"), bytes));
    }
    figures
}

/// Reading the image from the page cache, and writing as many bytes to a new file.
pub(super) fn disk(image: &Path, copy: &Path, bytes: u64) -> io::Result<Vec<Figure>> {
    let mut buffer = vec![0; STEP];
    let mut file = File::open(image)?;
    let watch = Watch::start();
    while file.read(&mut buffer)? > 0 {}
    let read = watch.stop("reading a file, from memory", bytes);
    let mut file = File::create_new(copy)?;
    let watch = Watch::start();
    for _ in 0..bytes / STEP as u64 {
        file.write_all(&buffer)?;
    }
    let written = watch.stop("writing a file, to memory", bytes);
    let watch = Watch::start();
    file.sync_data()?;
    let synced = watch.stop("writing it to the disk", bytes);
    std::fs::remove_file(copy)?;
    Ok(vec![read, written, synced])
}

/// A connection to ourselves: what one end sends, the other receives.
pub(super) fn loopback(bytes: u64) -> io::Result<Figure> {
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    let mut sender = TcpStream::connect(listener.local_addr()?)?;
    let (mut receiver, _) = listener.accept()?;
    let watch = Watch::start();
    let sending = thread::spawn(move || -> io::Result<()> {
        let buffer = vec![0; STEP];
        (0..bytes / STEP as u64).try_for_each(|_| sender.write_all(&buffer))
    });
    let mut buffer = vec![0; STEP];
    while receiver.read(&mut buffer)? > 0 {}
    sending.join().unwrap_or_else(|_| Err(io::ErrorKind::Other.into()))?;
    Ok(watch.stop("loopback TCP, both ends", bytes))
}
