//! A small imitation of Arch's site, with one mirror. All its releases have the same bytes.

use super::http::{Answer, Server, part, status};
use super::{Scratch, single};
use serde_json::{Value, json};
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};

pub const VERSION: &str = "2026.11.01";
pub const NAME: &str = "archlinux-2026.11.01-x86_64.iso";
pub const SIGNER: &str = "48EACB48BF5F87AD6368575FBE001A56E4813149";
pub const SHA256: &str = "d5fd99163ba0bfa8304c8b207dcfab90e7377bac3bdaee43c659fb7f86c9ca1a";
pub const SHA256_OF_NOTHING: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
pub const KEY: &[u8] = include_bytes!("../../../host/images/src/openpgp/tests/data/rsa.asc");
pub const SIGNATURE: &[u8] = include_bytes!("../../../host/images/src/openpgp/tests/data/image.sig.asc");
pub const OTHER_KEY: &[u8] = include_bytes!("../../../host/images/src/openpgp/tests/data/ed25519.asc");

/// The bytes that the signature is of.
pub fn image() -> Vec<u8> {
    (0_u64..300_000).map(|i| ((i * i / 7 + i) % 251) as u8).collect()
}

/// What the site publishes.
#[derive(Clone)]
pub struct Published {
    pub version: &'static str,
    pub sha256: &'static str,
    pub key: &'static [u8],
    pub signature: Option<&'static [u8]>,
}

pub const GOOD: Published =
    Published { version: VERSION, sha256: SHA256, key: KEY, signature: Some(SIGNATURE) };

/// The site and its one mirror.
pub struct Site {
    pub publisher: Server,
    pub mirror: Server,
    published: Arc<Mutex<Published>>,
}

impl Site {
    pub fn new(published: Published) -> Self {
        let mirror = Server::start(|request| {
            if request.target.contains(".iso") {
                part(&image(), request.range)
            } else {
                status("404 Not Found", "text/html", b"<html>no</html>")
            }
        });
        let published = Arc::new(Mutex::new(published));
        let (now, seed) = (Arc::clone(&published), mirror.url("iso/"));
        let publisher = Server::start(move |request| {
            let now = now.lock().expect("not poisoned").clone();
            now.answer(&request.target, &torrent(now.version, &seed))
        });
        Self { publisher, mirror, published }
    }

    /// Publishes something else from now on.
    pub fn publish(&self, published: Published) {
        *self.published.lock().expect("not poisoned") = published;
    }

    /// The torrent file of the release.
    pub fn torrent(&self) -> Vec<u8> {
        torrent(VERSION, &self.mirror.url("iso/"))
    }

    /// `--images-base` that leads here.
    pub fn base(&self) -> String {
        format!("arch={}", self.publisher.url(""))
    }

    pub fn get(&self, scratch: &Scratch, source: &str) -> Command {
        let mut get = scratch.get(Path::new(source), "out");
        get.args(["--no-peers", "--timeout", "30s", "--images-base", &self.base()]);
        get
    }
}

/// The name of a release's image.
pub fn name(version: &str) -> String {
    format!("archlinux-{version}-x86_64.iso")
}

fn torrent(version: &str, web_seed: &str) -> Vec<u8> {
    let mut torrent = single(&name(version), &image());
    torrent.web_seeds = vec![web_seed.to_owned()];
    torrent.encode()
}

impl Published {
    fn answer(&self, target: &str, torrent: &[u8]) -> Answer {
        let path = target.split('?').next().unwrap_or_default();
        let ok = |body: &[u8]| status("200 OK", "application/octet-stream", body);
        let missing = || status("404 Not Found", "text/html", b"<html>no</html>");
        if path == "/api/v1/releng/releases/" {
            return ok(self.list().to_string().as_bytes());
        }
        if path.starts_with("/.well-known/openpgpkey/archlinux.org/hu/") && target.ends_with("?l=pierre") {
            return ok(self.key);
        }
        match path.rsplit('/').next().unwrap_or_default() {
            "" if path == format!("/releng/releases/{}/torrent/", self.version) => ok(torrent),
            last if last == format!("{}.sig", name(self.version)) => self.signature.map_or_else(missing, ok),
            _ => missing(),
        }
    }

    fn list(&self) -> Value {
        let Self { version, sha256, .. } = self;
        json!({
            "version": 1,
            "latest_version": version,
            "releases": [{
                "version": version,
                "iso_url": format!("/iso/{version}/{}", name(version)),
                "torrent_url": format!("/releng/releases/{version}/torrent/"),
                "magnet_uri": format!("magnet:?xt=urn:btih:{}", "0".repeat(40)),
                "sha256_sum": sha256,
                "b2_sum": null,
                "pgp_fingerprint": SIGNER,
                "wkd_email": "pierre@archlinux.org",
            }],
        })
    }
}
