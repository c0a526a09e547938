//! The distributions that have a name: those built in, the user's own, and addresses in the place of their sites.

use images::{Bases, Catalogue, CatalogueError};
use std::path::{Path, PathBuf};

/// All of them. `file` is the user's own table, in the place of the usual one. Blocks.
pub(crate) fn open(file: Option<&Path>, bases: &Bases) -> Result<Catalogue, CatalogueError> {
    let mut catalogue = Catalogue::built_in()?;
    let usual = usual_file().filter(|path| path.is_file());
    if let Some(path) = file.or(usual.as_deref()) {
        catalogue.add_file(path)?;
    }
    catalogue.rebase(bases, |name| std::env::var(name).ok())?;
    Ok(catalogue)
}

/// `$XDG_CONFIG_HOME/starling/images.toml` or `~/.config/starling/images.toml`.
fn usual_file() -> Option<PathBuf> {
    let named = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let folder = named("XDG_CONFIG_HOME").or_else(|| named("HOME").map(|home| home.join(".config")))?;
    Some(folder.join("starling/images.toml"))
}
