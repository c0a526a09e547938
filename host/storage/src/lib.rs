//! Blocks to verified pieces on disk, and back.
