//! Tokens that may do less than the user.

/// What a caller may do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Scope {
    /// Look at everything, change nothing.
    ReadOnly,
    /// Add torrents and look at what is there.
    AddOnly,
    /// Everything.
    All,
}

/// A token that stands in `settings.json` under `rpc-tokens`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Token {
    /// What it is called, for the log and for Basic authentication.
    pub name: String,
    /// What its holder may do.
    pub scope: Scope,
    /// The salted hash of the token, as that of a password.
    pub secret: String,
}

/// Calls that change nothing.
const READING: [&str; 10] = [
    "torrent_get",
    "session_get",
    "session_stats",
    "free_space",
    "group_get",
    "follow_get",
    "port_test",
    "torrent_why",
    "torrent_doctor",
    "torrent_web_seeds",
];

impl Scope {
    /// May this caller use the method, given in our spelling?
    pub(crate) fn allows(self, method: &str) -> bool {
        match self {
            Self::All => true,
            Self::AddOnly => method == "torrent_add" || READING.contains(&method),
            Self::ReadOnly => READING.contains(&method),
        }
    }

    /// Its name in `settings.json`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::ReadOnly => "read-only",
            Self::AddOnly => "add-only",
            Self::All => "all",
        }
    }

    /// The scope of that name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        [Self::ReadOnly, Self::AddOnly, Self::All].into_iter().find(|scope| scope.name() == name)
    }
}

/// Does the method change nothing? A notification of such a call has nothing to do.
pub(crate) fn only_reads(method: &str) -> bool {
    READING.contains(&method)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_allow_what_they_say() {
        for (scope, get, add, remove) in [
            (Scope::ReadOnly, true, false, false),
            (Scope::AddOnly, true, true, false),
            (Scope::All, true, true, true),
        ] {
            assert_eq!(scope.allows("torrent_get"), get);
            assert_eq!(scope.allows("torrent_add"), add);
            assert_eq!(scope.allows("torrent_remove"), remove);
            assert_eq!(scope.allows("session_set"), remove);
            assert_eq!(Scope::named(scope.name()), Some(scope));
        }
        assert_eq!(Scope::named("root"), None);
    }
}
