//! `follow-get`: the distributions whose releases are followed, and how far that is.

use crate::calls::Calls;
use crate::json::Json;
use daemon::Follow;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

/// How far the following of a distribution is.
#[derive(Clone, PartialEq, Debug)]
pub struct Followed {
    /// The version of its latest release; `None` before the site has said so.
    pub latest: Option<String>,
    /// What became of that release: `looking`, `missing`, `fetching`, `verifying`, `verified` or `rejected`.
    pub state: &'static str,
    /// Part of it that is here, 0 to 1.
    pub percent_done: f64,
    /// The versions that are here and verified.
    pub verified: Vec<String>,
    /// What went wrong last, in one line.
    pub problem: Option<String>,
    /// When the site is asked next.
    pub next_look: Option<SystemTime>,
}

/// Tells how far the following of a distribution is.
pub type Following = Arc<dyn Fn(&Follow) -> Followed + Send + Sync>;

impl Calls {
    pub(super) fn follow_get(&self, out: &mut Json) {
        let settings = self.daemon.settings();
        let all = self.following.iter().flat_map(|tell| settings.follow.iter().map(|it| (it, tell(it))));
        out.key("follow").list(all, |out, (follow, followed)| {
            out.object(|out| write(out, follow, &followed));
        });
    }
}

fn write(out: &mut Json, follow: &Follow, followed: &Followed) {
    out.key("name").string(&follow.name);
    out.key("keep").unsigned(follow.keep.into());
    out.key("latest").string(followed.latest.as_deref().unwrap_or_default());
    out.key("state").string(followed.state);
    out.key("percent_done").number(followed.percent_done);
    out.key("verified").list(&followed.verified, |out, version| out.string(version));
    out.key("problem").string(followed.problem.as_deref().unwrap_or_default());
    let next = followed.next_look.and_then(|at| at.duration_since(UNIX_EPOCH).ok());
    out.key("next_look").unsigned(next.map_or(0, |at| at.as_secs()));
}
