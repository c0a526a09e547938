//! Keys and signatures made here, byte by byte, and held against the rules.

mod forge;
mod rules;
mod vectors;

pub(crate) use forge::armored;
