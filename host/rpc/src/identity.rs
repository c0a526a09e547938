//! Who we say we are. Programs that drive Transmission look at these to find out what they may ask.

/// Version of the RPC; 18 speaks both dialects.
pub(crate) const RPC_VERSION: u32 = 18;
/// The oldest version whose clients are understood.
pub(crate) const RPC_VERSION_MINIMUM: u32 = 14;
/// The same as three numbers; its presence in an answer makes `transmission-remote` 4.1 speak JSON-RPC.
pub(crate) const RPC_SEMVER: &str = "6.0.1";
/// Begins with a dotted number as Transmission's does: some programs parse it and refuse less than 2.40.
pub const VERSION: &str = "4.1.0 (starling)";
