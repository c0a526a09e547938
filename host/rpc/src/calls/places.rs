//! Where data lies: moving it, renaming it, and the space there is.

use crate::args::Args;
use crate::calls::{Calls, Outcome};
use crate::error::{Kind, RpcError};
use crate::json::Json;
use daemon::Daemon;
use std::path::{Component, Path, PathBuf};

impl Calls {
    pub(super) async fn set_location(&self, args: &Args) -> Outcome {
        let location = args.text("location").filter(|location| !location.is_empty());
        let location = location.ok_or_else(|| RpcError::params("no location"))?;
        let location = absolute(location, "new location path")?;
        let move_data = args.boolean("move").unwrap_or(false);
        Ok(self.daemon.set_location(self.selected(args), location, move_data).await?)
    }

    pub(super) async fn rename_path(&self, args: &Args, out: &mut Json) -> Outcome {
        let [number] = self.selected(args)[..] else {
            return Err(RpcError::params("torrent-rename-path requires 1 torrent"));
        };
        let path = args.text("path").unwrap_or_default();
        let name = args.text("name").unwrap_or_default();
        let done = self.daemon.rename_path(number, path.to_owned(), name.to_owned()).await;
        out.key("id").unsigned(u64::from(number.0));
        out.key("name").string(name);
        out.key("path").string(path);
        done.map_err(|error| RpcError::from(error).with_result())
    }

    pub(super) async fn free_space(&self, args: &Args, out: &mut Json) -> Outcome {
        let path = args.text("path").ok_or_else(|| RpcError::params("directory path is not absolute"))?;
        let folder = absolute(path, "directory path")?;
        let looked = tokio::task::spawn_blocking(move || Daemon::free_space(&folder)).await;
        let space = looked.map_err(|_| Kind::Internal)?;
        let (free, total) =
            space.as_ref().map_or((-1, -1), |space| (signed(space.free), signed(space.total)));
        out.key("path").string(path);
        out.key("size_bytes").integer(free);
        // In this one place the legacy dialect has an underscore.
        out.raw_key("total_size").integer(total);
        space.map(|_| ()).map_err(|error| RpcError::new(Kind::System, plain(&error)).with_result())
    }
}

/// The path, if it begins at the root and the system can have it; `what` it is, in Transmission's words.
pub(super) fn absolute(path: &str, what: &str) -> Result<PathBuf, RpcError> {
    if path.contains('\0') {
        Err(RpcError::params(format!("{what} holds a NUL byte")))
    } else if Path::new(path).is_absolute() {
        Ok(PathBuf::from(path))
    } else {
        Err(RpcError::new(Kind::RelativePath, format!("{what} is not absolute")))
    }
}

/// Is this the folder or within it, as the path is spelled? A way up (`..`) leads who knows where.
pub(super) fn is_within(path: &Path, folder: &Path) -> bool {
    path.starts_with(folder) && !path.components().any(|component| component == Component::ParentDir)
}

fn signed(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

/// What the system says, without the number of the error.
fn plain(error: &std::io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn within_a_folder() {
        let within = |path: &str| is_within(Path::new(path), Path::new("/srv/down"));
        for path in ["/srv/down", "/srv/down/", "/srv//down/./tv", "/srv/down/a/b"] {
            assert!(within(path), "{path}");
        }
        for path in ["/srv", "/", "/srv/downs", "/srv/down/..", "/srv/down/../down/x", "/etc", "srv/down"] {
            assert!(!within(path), "{path}");
        }
    }

    #[test]
    fn absolute_paths() {
        assert_eq!(absolute("/a", "it").unwrap(), Path::new("/a"));
        assert_eq!(absolute("a", "it").unwrap_err().legacy_text(), "it is not absolute");
        assert_eq!(absolute("/a\0b", "it").unwrap_err().legacy_text(), "it holds a NUL byte");
    }
}
