//! The web client: files of the folder that `TRANSMISSION_WEB_HOME` names, else the built-in status page.

use crate::http::reply::{self, Reply};
use crate::limits::WEB_FILE_BYTES;
use hyper::StatusCode;
use hyper::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderValue};
use percent_encoding::percent_decode_str;
use std::path::{Path, PathBuf};

/// The built-in page: its files and their types.
const BUILT_IN: [(&str, &str, &[u8]); 3] = [
    ("index.html", "text/html; charset=UTF-8", include_bytes!("../../page/index.html")),
    ("page.js", "text/javascript; charset=UTF-8", include_bytes!("../../page/page.js")),
    ("page.css", "text/css; charset=UTF-8", include_bytes!("../../page/page.css")),
];

/// What the built-in page may do: nothing but run its own script, which talks to us alone.
const BUILT_IN_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
                               img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'";

/// The file at `path`, which is what follows `…/web/` in the URL, still percent-encoded.
pub(crate) async fn file(home: Option<&Path>, path: &str) -> Reply {
    let Some(names) = names(path) else { return missing() };
    match home {
        Some(home) => {
            let full = names.iter().fold(home.to_path_buf(), |folder, name| folder.join(name));
            from_disk(full).await
        }
        None => built_in(&names),
    }
}

/// The names of the path, each of them one that a folder can hold: no way up, no second root, no other separator.
fn names(path: &str) -> Option<Vec<String>> {
    let decoded = percent_decode_str(path).decode_utf8().ok()?;
    let path = if decoded.is_empty() || decoded.ends_with('/') { decoded + "index.html" } else { decoded };
    let plain = |name: &&str| {
        !matches!(*name, "" | "." | "..")
            && !name.contains(['\\', '\0'])
            && !name.chars().any(char::is_control)
    };
    path.split('/').map(|name| plain(&name).then(|| name.to_owned())).collect()
}

fn built_in(names: &[String]) -> Reply {
    let [name] = names else { return missing() };
    match BUILT_IN.iter().find(|(known, ..)| known == name) {
        Some((_, kind, bytes)) => {
            let mut reply = fresh(reply::content(StatusCode::OK, kind, *bytes));
            reply.headers_mut().insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(BUILT_IN_POLICY));
            reply
        }
        None => missing(),
    }
}

async fn from_disk(path: PathBuf) -> Reply {
    let kind = kind_of(&path);
    // Files are read beside the network's threads: a folder on a slow disk keeps nobody waiting.
    let read = tokio::task::spawn_blocking(move || {
        let about = std::fs::metadata(&path)?;
        if !about.is_file() || about.len() > WEB_FILE_BYTES {
            return Err(std::io::ErrorKind::NotFound.into());
        }
        std::fs::read(&path)
    });
    match read.await {
        // What a web client of others does is its own affair.
        Ok(Ok(bytes)) => fresh(reply::content(StatusCode::OK, kind, bytes)),
        Ok(Err(_)) | Err(_) => missing(),
    }
}

/// The page of tomorrow's version must not meet today's script.
fn fresh(mut reply: Reply) -> Reply {
    reply.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    reply
}

fn missing() -> Reply {
    reply::page(StatusCode::NOT_FOUND, "There is no such file.")
}

fn kind_of(path: &Path) -> &'static str {
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    match extension.to_ascii_lowercase().as_str() {
        "html" | "htm" => "text/html; charset=UTF-8",
        "js" | "mjs" => "text/javascript; charset=UTF-8",
        "css" => "text/css; charset=UTF-8",
        "json" | "map" | "webmanifest" => "application/json; charset=UTF-8",
        "txt" => "text/plain; charset=UTF-8",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "gif" => "image/gif",
        "jpg" | "jpeg" => "image/jpeg",
        "webp" => "image/webp",
        "ico" => "image/vnd.microsoft.icon",
        "woff" => "font/woff",
        "woff2" => "font/woff2",
        "wasm" => "application/wasm",
        _ => "application/octet-stream",
    }
}

/// Only for tests: the bytes of an answer that is whole.
#[cfg(test)]
pub(crate) fn bytes(reply: Reply) -> bytes::Bytes {
    match reply.into_body() {
        reply::Content::Whole(bytes) => bytes,
        reply::Content::Stream(_) => bytes::Bytes::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_folder_is_served_and_nothing_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let home = folder.path().join("web");
        std::fs::create_dir_all(home.join("style")).unwrap();
        std::fs::write(home.join("index.html"), "hello").unwrap();
        std::fs::write(home.join("style/app.css"), "b{}").unwrap();
        std::fs::write(home.join("with space.js"), "1").unwrap();
        std::fs::write(folder.path().join("secret.txt"), "secret").unwrap();
        for (path, kind, text) in [
            ("", "text/html", "hello"),
            ("index.html", "text/html", "hello"),
            ("style/app.css", "text/css", "b{}"),
            ("with%20space.js", "text/javascript", "1"),
        ] {
            let reply = file(Some(&home), path).await;
            assert_eq!(reply.status(), 200, "{path}");
            assert!(reply.headers()["content-type"].to_str().unwrap().starts_with(kind));
            assert_eq!(bytes(reply), text.as_bytes());
        }
        for path in [
            "../secret.txt",
            "..%2fsecret.txt",
            "style/../../secret.txt",
            "%2e%2e/secret.txt",
            "/etc/passwd",
            "..%5csecret.txt",
            "%00",
            "style",
            "missing.js",
            "%ff",
        ] {
            assert_eq!(file(Some(&home), path).await.status(), 404, "{path}");
        }
    }

    #[tokio::test]
    async fn the_built_in_page_runs_no_script_but_its_own() {
        let reply = file(None, "").await;
        let policy = reply.headers()["content-security-policy"].to_str().unwrap().to_owned();
        assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"));
        let html = String::from_utf8(bytes(reply).to_vec()).unwrap();
        assert!(html.contains("page.js") && !html.contains("onclick") && !html.contains("style="));
        let script = bytes(file(None, "page.js").await);
        assert!(!String::from_utf8_lossy(&script).contains("innerHTML"));
        assert_eq!(file(None, "page/../page.js").await.status(), 404);
    }
}
