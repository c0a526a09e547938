//! Bencode: borrowed decoding with limits, canonical encoding (BEP 3).
