//! What this machine asks for the ways to send blocks and to write pieces that docs/performance.md compares:
//! CPU-seconds per GiB, three runs each in turn. Needs 2 GiB in the folder named, or in the current one.

use rustix::fs::{FallocateFlags, fallocate, sendfile};
use rustix::net::SendFlags;
use rustix::time::{ClockId, clock_gettime};
use std::fs::File;
use std::io::{self, IoSlice, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

const TOTAL: usize = 1 << 30;
const BLOCK: usize = 16 << 10;
const HEADER: [u8; 13] = [7; 13];
const PIECE: usize = 1 << 20;

#[derive(Clone, Copy, Debug)]
enum Send {
    /// One read a block.
    Read { batch: usize },
    /// One read for all blocks of a batch.
    ReadTogether { batch: usize },
    /// The kernel sends from the file; headers are written between.
    Sendfile,
}

#[derive(Clone, Copy, Debug)]
enum Put {
    Plain,
    /// Room is made for each piece first.
    WithRoom,
    /// All room is made first.
    Reserved,
}

fn main() -> io::Result<()> {
    let folder = std::env::args().nth(1).map_or_else(std::env::temp_dir, PathBuf::from);
    let path = folder.join("starling-ways.bin");
    let sends = [
        Send::Read { batch: 8 },
        Send::Read { batch: 16 },
        Send::Read { batch: 32 },
        Send::ReadTogether { batch: 16 },
        Send::ReadTogether { batch: 32 },
        Send::Sendfile,
    ];
    let puts = [Put::Plain, Put::WithRoom, Put::Reserved];
    for _ in 0..3 {
        for way in puts {
            println!("write {way:?}: {:.3}", write(&path, way)?.as_secs_f64());
        }
        for way in sends {
            println!("send {way:?}: {:.3}", send(&path, way)?.as_secs_f64());
        }
    }
    std::fs::remove_file(path)
}

/// Writes a new file; the processor time of that.
fn write(path: &Path, way: Put) -> io::Result<Duration> {
    let piece = vec![7; PIECE];
    let file = File::create(path)?;
    let start = thread_time();
    if matches!(way, Put::Reserved) {
        fallocate(&file, FallocateFlags::KEEP_SIZE, 0, TOTAL as u64)?;
    }
    for offset in (0..TOTAL as u64).step_by(PIECE) {
        if matches!(way, Put::WithRoom) {
            fallocate(&file, FallocateFlags::KEEP_SIZE, offset, PIECE as u64)?;
        }
        file.write_all_at(&piece, offset)?;
    }
    Ok(thread_time().saturating_sub(start))
}

/// Sends the file over loopback to a receiver that only reads; the sender's processor time.
fn send(path: &Path, way: Send) -> io::Result<Duration> {
    let file = File::open(path)?;
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let mut receiver = TcpStream::connect(listener.local_addr()?)?;
    let (mut socket, _) = listener.accept()?;
    let reading = std::thread::spawn(move || {
        let mut buffer = vec![0; 1 << 20];
        while receiver.read(&mut buffer).is_ok_and(|n| n > 0) {}
    });
    let (clock, start) = (Instant::now(), thread_time());
    match way {
        Send::Sendfile => send_file(&file, &mut socket)?,
        Send::Read { batch } => send_read(&file, &mut socket, batch, 1)?,
        Send::ReadTogether { batch } => send_read(&file, &mut socket, batch, batch)?,
    }
    let took = thread_time().saturating_sub(start);
    print!("{:>5.0} MiB/s ", TOTAL as f64 / f64::from(1 << 20) / clock.elapsed().as_secs_f64());
    drop(socket);
    // It ends with the connection.
    let _ = reading.join();
    Ok(took)
}

/// Reads `batch` blocks, `together` in each call, and writes them with their headers in one.
fn send_read(file: &File, socket: &mut TcpStream, batch: usize, together: usize) -> io::Result<()> {
    let mut buffer = vec![0; batch * BLOCK];
    for first in (0..TOTAL).step_by(batch * BLOCK) {
        for (number, part) in buffer.chunks_mut(together * BLOCK).enumerate() {
            file.read_exact_at(part, (first + number * together * BLOCK) as u64)?;
        }
        let pairs = buffer.chunks(BLOCK).flat_map(|block| [&HEADER[..], block]);
        let mut slices: Vec<_> = pairs.map(IoSlice::new).collect();
        let mut rest = &mut slices[..];
        while !rest.is_empty() {
            let n = socket.write_vectored(rest)?;
            IoSlice::advance_slices(&mut rest, n);
        }
    }
    Ok(())
}

fn send_file(file: &File, socket: &mut TcpStream) -> io::Result<()> {
    let mut offset = 0;
    for end in (BLOCK..=TOTAL).step_by(BLOCK) {
        rustix::net::send(&*socket, &HEADER, SendFlags::MORE)?;
        while offset < end as u64 {
            let left = end - offset as usize;
            sendfile(&*socket, file, Some(&mut offset), left)?;
        }
    }
    Ok(())
}

fn thread_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec.unsigned_abs() as u32)
}
