//! Who may ask: passwords, tokens, whitelists, session ids, places, and patience with those who guess.

pub(crate) mod credentials;
pub(crate) mod guesses;
pub(crate) mod hosts;
pub(crate) mod places;
pub(crate) mod scope;
pub(crate) mod session_id;
pub(crate) mod whitelist;
