//! Published installation images: where they are, and whether they are what was published.
//!
//! A torrent proves that its bytes are the ones the torrent was made for, not that the torrent is the right one.
//! This package finds the rest of the chain: [`Catalogue`] knows the sites of distributions and resolves "the latest
//! release of Arch" to a torrent with its sums and signatures; [`Checks`] holds an image against them in one pass.
//! The trust rules are in docs/images.md.

mod arch;
mod catalogue;
mod checks;
mod checksums;
mod document;
mod gather;
mod hash;
mod keys;
mod limits;
mod link;
mod listing;
mod metalink;
mod minisign;
mod mirrored;
mod openpgp;
mod release;
mod signature;
mod sum;
mod wkd;

pub use catalogue::{Bases, Catalogue, CatalogueError, Distribution};
pub use checks::{CheckFailure, CheckReport, Checks, Subject, Verified};
pub use checksums::{Checksums, ChecksumsError};
pub use document::{DocumentError, Location, read_document};
pub use gather::{GatherError, gather, signed_sums};
pub use keys::{KeyChoice, KeyChoiceError, Keys, KeysError};
pub use link::{Described, MirrorLinks};
pub use metalink::{Metalink, MetalinkError, plain_name};
pub use mirrored::{MirroredError, Mirrors, fetch_mirrored};
pub use openpgp::Fingerprint;
pub use release::{Proof, Release, ResolveError};
pub use signature::{Signature, SignatureError};
pub use sum::{Algorithm, Sum, SumError};
pub use wkd::WkdAddress;
