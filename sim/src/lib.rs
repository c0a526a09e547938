//! A deterministic world for the core: network, disk and clock from one seed.
