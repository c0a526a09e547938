//! Keys and signatures made here, byte by byte, and held against the rules.

mod forge;
mod rules;

pub(crate) use forge::armored;
