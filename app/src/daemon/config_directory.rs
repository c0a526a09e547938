//! Where settings and state are kept: where Transmission's daemon keeps them.

use std::ffi::OsString;
use std::path::PathBuf;

/// The folder below the user's configuration.
const NAME: &str = "transmission-daemon";

/// `--config-dir`, else `$TRANSMISSION_HOME`, else the daemon's folder below `$XDG_CONFIG_HOME` or `~/.config`. Always
/// absolute; `None` if nothing says where.
pub(crate) fn find(option: Option<&PathBuf>) -> Option<PathBuf> {
    let found = choose(option, |name| std::env::var_os(name).filter(|value| !value.is_empty()));
    found.and_then(|path| std::path::absolute(path).ok())
}

fn choose(option: Option<&PathBuf>, variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let named = |name: &str| variable(name).map(PathBuf::from);
    option
        .cloned()
        .or_else(|| named("TRANSMISSION_HOME"))
        // The base directory specification has relative paths ignored.
        .or_else(|| Some(named("XDG_CONFIG_HOME").filter(|path| path.is_absolute())?.join(NAME)))
        .or_else(|| Some(named("HOME")?.join(".config").join(NAME)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(option: Option<&str>, variables: &[(&str, &str)]) -> Option<PathBuf> {
        let find =
            |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| value.into());
        choose(option.map(PathBuf::from).as_ref(), find)
    }

    #[test]
    fn the_option_beats_the_variables_and_these_each_other() {
        let all = [("TRANSMISSION_HOME", "/t"), ("XDG_CONFIG_HOME", "/x"), ("HOME", "/h")];
        assert_eq!(chosen(Some("/o"), &all), Some("/o".into()));
        assert_eq!(chosen(None, &all), Some("/t".into()));
        assert_eq!(chosen(None, &all[1..]), Some("/x/transmission-daemon".into()));
        assert_eq!(chosen(None, &all[2..]), Some("/h/.config/transmission-daemon".into()));
        assert_eq!(chosen(None, &[("XDG_CONFIG_HOME", "x"), ("HOME", "/h")]), chosen(None, &all[2..]));
        assert_eq!(chosen(None, &[]), None);
    }
}
