//! Every bound of the package, each with its reason.

use std::time::Duration;

/// A list of releases or a folder's listing; the largest real ones are some 200 KiB.
pub(crate) const MAX_LISTING_BYTES: usize = 4 << 20;

/// A checksums file; OpenBSD's and Debian's largest are below 100 KiB.
pub(crate) const MAX_CHECKSUMS_BYTES: usize = 4 << 20;

/// A signature, with room for a few signers.
pub(crate) const MAX_SIGNATURE_BYTES: usize = 64 << 10;

/// A file of keys; Fedora's whole ring is some 60 KiB, keys flooded with certifications some MiB.
pub(crate) const MAX_KEY_BYTES: usize = 2 << 20;

/// A metalink with hundreds of mirrors and piece hashes.
pub(crate) const MAX_METALINK_BYTES: usize = 4 << 20;

/// A file of a user's own distributions.
pub(crate) const MAX_CATALOGUE_BYTES: usize = 1 << 20;

/// Signatures of one signature file, and of one key by itself: each costs a public-key operation.
pub(crate) const MAX_SIGNATURES: usize = 64;

/// User ids, and subkeys, of one key that are looked at.
pub(crate) const MAX_KEY_PARTS: usize = 256;

/// Keys of one key file.
pub(crate) const MAX_CERTIFICATES: usize = 256;

/// The shortest RSA key that is believed.
pub(crate) const MIN_RSA_BITS: u64 = 2048;

/// The longest RSA key and exponent that are calculated with.
pub(crate) const MAX_RSA_BITS: u64 = 8192;

/// See [`MAX_RSA_BITS`].
pub(crate) const MAX_RSA_EXPONENT_BITS: u64 = 64;

/// How far another clock may be ahead of ours.
pub(crate) const CLOCK_SKEW_SECONDS: u64 = 24 * 60 * 60;

/// Bytes of a file hashed at a time.
pub(crate) const HASH_BUFFER: usize = 1 << 20;

/// Mirrors that are asked for a signature that the site does not have.
pub(crate) const SIGNATURE_MIRRORS: usize = 6;

/// One mirror's answer with a signature.
pub(crate) const SIGNATURE_MIRROR_TIMEOUT: Duration = Duration::from_secs(10);

/// Folders of versions that are looked into for the newest image: releases announced and not out come first.
pub(crate) const VERSION_FOLDERS: usize = 4;

/// Mirrors of one metalink or of one answer's `Link` fields.
pub(crate) const MAX_MIRRORS: usize = 1024;

/// Mirrors tried for a file without a torrent before the last error is told.
pub(crate) const MIRROR_TRIES: usize = 12;

/// How long a mirror may be slow before the next one is asked.
pub(crate) const SLOW_MIRROR_AFTER: Duration = Duration::from_secs(5);

/// Bytes per second below which a mirror is slow: an image of a GiB would take an hour.
pub(crate) const SLOW_MIRROR_RATE: u64 = 300_000;
