//! The words of the public API.

pub(crate) mod add;
pub(crate) mod command;
pub(crate) mod details;
pub(crate) mod diagnosis;
pub(crate) mod edit;
pub(crate) mod events;
pub(crate) mod settings;
pub(crate) mod start;
pub(crate) mod stats;
