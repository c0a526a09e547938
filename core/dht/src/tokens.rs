//! Write tokens: proof that whoever stores something can receive at the address it claims (BEP 5).

use crate::limits::TOKEN_ROTATION;
use sha1::{Digest, Sha1};
use std::net::IpAddr;
use std::time::Instant;

/// Long enough that it is not guessed within its life at the rate a source is answered.
const TOKEN_BYTES: usize = 8;

/// Makes and checks tokens. One is good for [`TOKEN_ROTATION`] at least and twice that at most.
#[derive(Debug)]
pub(crate) struct Tokens {
    secret: [u8; 16],
    former_secret: [u8; 16],
    rotate_at: Instant,
    rng: fastrand::Rng,
}

impl Tokens {
    pub(crate) fn new(now: Instant, mut rng: fastrand::Rng) -> Self {
        let mut secrets = [[0; 16]; 2];
        for secret in &mut secrets {
            rng.fill(secret);
        }
        let [secret, former_secret] = secrets;
        Self { secret, former_secret, rotate_at: now + TOKEN_ROTATION, rng }
    }

    /// Changes the secret when it is time.
    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        while now >= self.rotate_at {
            self.former_secret = self.secret;
            self.rng.fill(&mut self.secret);
            self.rotate_at += TOKEN_ROTATION;
        }
    }

    /// The token for an address.
    pub(crate) fn make(&self, address: IpAddr) -> [u8; TOKEN_BYTES] {
        digest(&self.secret, address)
    }

    /// Is this a token that the address was given lately?
    pub(crate) fn check(&self, address: IpAddr, token: &[u8]) -> bool {
        [&self.secret, &self.former_secret].into_iter().any(|secret| digest(secret, address) == token)
    }
}

fn digest(secret: &[u8; 16], address: IpAddr) -> [u8; TOKEN_BYTES] {
    let hasher = Sha1::new().chain_update(secret);
    let hash: [u8; 20] = match address {
        IpAddr::V4(v4) => hasher.chain_update(v4.octets()),
        IpAddr::V6(v6) => hasher.chain_update(v6.octets()),
    }
    .finalize()
    .into();
    std::array::from_fn(|i| hash[i])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::start;
    use std::time::Duration;

    #[test]
    fn a_token_is_bound_to_its_address_and_ends_within_ten_minutes() {
        let now = start();
        let mut tokens = Tokens::new(now, fastrand::Rng::with_seed(1));
        let (own, other) = ("1.2.3.4".parse().unwrap(), "1.2.3.5".parse().unwrap());
        let token = tokens.make(own);
        assert!(tokens.check(own, &token));
        assert!(!tokens.check(other, &token));
        assert!(!tokens.check(own, &token[..7]) && !tokens.check(own, b""));
        tokens.handle_timeout(now + TOKEN_ROTATION);
        assert!(tokens.check(own, &token), "good for one rotation");
        tokens.handle_timeout(now + 2 * TOKEN_ROTATION);
        assert!(!tokens.check(own, &token), "and not for two");
        let late = tokens.make(own);
        tokens.handle_timeout(now + Duration::from_hours(5));
        assert!(!tokens.check(own, &late), "a long sleep rotates both secrets");
    }
}
