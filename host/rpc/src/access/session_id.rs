//! The session id: a web page of a stranger cannot read it, so it cannot make a browser call us.

use crate::access::credentials::{random_text, same};
use crate::limits::SESSION_ID_AGE;
use std::sync::Mutex;
use std::time::Instant;

/// Letters and digits of an id.
const LENGTH: usize = 48;

/// The id of now. It is another at every start and every hour; the one before is not honoured, as clients must be
/// ready for 409 at any time.
pub(crate) struct SessionId(Mutex<(String, Instant)>);

impl SessionId {
    /// A new one.
    pub(crate) fn new(now: Instant) -> Self {
        Self(Mutex::new((random_text(LENGTH), now)))
    }

    /// The id that is good at this moment.
    pub(crate) fn current(&self, now: Instant) -> String {
        let mut held = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if now.saturating_duration_since(held.1) >= SESSION_ID_AGE {
            *held = (random_text(LENGTH), now);
        }
        held.0.clone()
    }

    /// Is this the id of now?
    pub(crate) fn fits(&self, told: &[u8], now: Instant) -> bool {
        same(told, self.current(now).as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_lasts_an_hour() {
        let start = Instant::now();
        let id = SessionId::new(start);
        let first = id.current(start);
        assert_eq!(first.len(), LENGTH);
        assert!(id.fits(first.as_bytes(), start + SESSION_ID_AGE / 2));
        assert!(!id.fits(b"forged", start) && !id.fits(b"", start));
        let second = id.current(start + SESSION_ID_AGE);
        assert_ne!(first, second);
        assert!(!id.fits(first.as_bytes(), start + SESSION_ID_AGE));
    }
}
