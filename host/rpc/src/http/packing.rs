//! Packed answers, for clients that ask for them.

use crate::limits::PACKED_FROM_BYTES;
use bytes::Bytes;
use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};
use ruzstd::encoding::{CompressionLevel, compress_to_vec};
use std::io::{Error, Write};

/// How an answer is packed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Packing {
    /// `gzip`
    Gzip,
    /// `zstd`
    Zstd,
    /// `deflate`, which means zlib.
    Deflate,
}

impl Packing {
    /// The one that an `Accept-Encoding` header allows and that we like best.
    pub(crate) fn accepted(header: &str) -> Option<Self> {
        [Self::Gzip, Self::Zstd, Self::Deflate].into_iter().find(|packing| accepts(header, packing.name()))
    }

    /// Its name in `Content-Encoding`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
            Self::Deflate => "deflate",
        }
    }

    /// The packed bytes, if that makes them fewer. Blocks for some milliseconds a megabyte.
    pub(crate) fn pack(self, plain: &[u8]) -> Option<Bytes> {
        if plain.len() < PACKED_FROM_BYTES {
            return None;
        }
        let packed = self.packed(plain).ok()?;
        (packed.len() < plain.len()).then(|| packed.into())
    }

    fn packed(self, plain: &[u8]) -> Result<Vec<u8>, Error> {
        let out = Vec::with_capacity(plain.len() / 4);
        match self {
            Self::Gzip => {
                let mut encoder = GzEncoder::new(out, Compression::fast());
                encoder.write_all(plain)?;
                encoder.finish()
            }
            Self::Zstd => Ok(compress_to_vec(plain, CompressionLevel::Fastest)),
            Self::Deflate => {
                let mut encoder = ZlibEncoder::new(out, Compression::fast());
                encoder.write_all(plain)?;
                encoder.finish()
            }
        }
    }
}

fn accepts(header: &str, name: &str) -> bool {
    header.split(',').any(|offer| {
        let mut parts = offer.split(';').map(str::trim);
        let named = parts.next().is_some_and(|coding| coding.eq_ignore_ascii_case(name));
        let refused = parts.any(|weight| {
            let value = weight.strip_prefix("q=").and_then(|value| value.parse::<f32>().ok());
            value.is_some_and(|value| value <= 0.0)
        });
        named && !refused
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::read::{GzDecoder, ZlibDecoder};
    use ruzstd::decoding::StreamingDecoder;
    use std::io::Read;

    #[test]
    fn headers() {
        for (header, expected) in [
            ("gzip", Some(Packing::Gzip)),
            ("deflate, gzip", Some(Packing::Gzip)),
            ("br;q=1.0, deflate;q=0.5", Some(Packing::Deflate)),
            ("br, zstd, deflate", Some(Packing::Zstd)),
            ("gzip;q=0, deflate", Some(Packing::Deflate)),
            ("GZIP;q=1", Some(Packing::Gzip)),
            ("identity", None),
            ("", None),
        ] {
            assert_eq!(Packing::accepted(header), expected, "{header}");
        }
    }

    #[test]
    fn packed_bytes_come_back() {
        let plain = b"torrent ".repeat(1000);
        let mut back = Vec::new();
        let gzip = Packing::Gzip.pack(&plain).unwrap();
        GzDecoder::new(&gzip[..]).read_to_end(&mut back).unwrap();
        assert_eq!(back, plain);
        back.clear();
        let deflate = Packing::Deflate.pack(&plain).unwrap();
        ZlibDecoder::new(&deflate[..]).read_to_end(&mut back).unwrap();
        assert_eq!(back, plain);
        back.clear();
        let zstd = Packing::Zstd.pack(&plain).unwrap();
        StreamingDecoder::new(&zstd[..]).unwrap().read_to_end(&mut back).unwrap();
        assert_eq!(back, plain);
    }

    #[test]
    fn short_answers_stay_plain() {
        assert_eq!(Packing::Gzip.pack(b"{}"), None);
    }
}
