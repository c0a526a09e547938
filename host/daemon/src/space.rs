//! Free space.

use crate::Space;
use std::io;
use std::path::Path;

/// Space on the file system of `path`.
pub(crate) fn space(path: &Path) -> io::Result<Space> {
    if !path.is_absolute() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "path is not absolute"));
    }
    let system = rustix::fs::statvfs(path)?;
    let bytes = |blocks: u64| blocks.saturating_mul(system.f_frsize);
    Ok(Space { free: bytes(system.f_bavail), total: bytes(system.f_blocks) })
}
