//! A web server's page about a folder: the names in it, and which of them is the newest image.

use percent_encoding::percent_decode_str;

/// The names that a page links to and that lie in the folder itself; folders end with a slash.
pub(crate) fn names(page: &str) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    // Every server writes the attribute so, and in lower case.
    for part in page.split("href=").skip(1) {
        let Some(quote) = part.chars().next().filter(|c| matches!(c, '"' | '\'')) else { continue };
        let Some((target, _)) = part[1..].split_once(quote) else { continue };
        let Ok(name) = percent_decode_str(target.strip_prefix("./").unwrap_or(target)).decode_utf8() else {
            continue;
        };
        let bare = name.strip_suffix('/').unwrap_or(&name);
        let is_plain =
            !bare.is_empty() && bare != "." && bare != ".." && !bare.contains(['/', '?', '#', ':', '\0']);
        if is_plain && !names.contains(&name.to_string()) {
            names.push(name.into_owned());
        }
    }
    names
}

/// A version in numbers: 24.04.3 is newer than 24.4, and 10 than 9.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Version {
    numbers: Vec<u64>,
    pub(crate) text: String,
}

impl Version {
    /// Numbers with dots between them; anything else (betas, code names) is not a release.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let number = |part: &str| {
            let digits =
                !part.is_empty() && part.len() < 19 && part.bytes().all(|byte| byte.is_ascii_digit());
            digits.then(|| part.parse().ok()).flatten()
        };
        let numbers: Option<Vec<u64>> = text.split('.').map(number).collect();
        Some(Self { numbers: numbers?, text: text.to_owned() })
    }
}

/// A name with a place for a version in it, such as `debian-{version}-amd64-netinst.iso.torrent`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Pattern(String);

/// Where the version stands in a pattern.
pub(crate) const VERSION: &str = "{version}";

impl Pattern {
    pub(crate) fn new(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// The version in a name that fits.
    pub(crate) fn version(&self, name: &str) -> Option<Version> {
        let (before, after) = self.0.split_once(VERSION)?;
        Version::parse(name.strip_prefix(before)?.strip_suffix(after)?)
    }

    /// The name with the newest version, or with exactly the one wanted.
    pub(crate) fn newest(&self, names: &[String], wanted: Option<&str>) -> Option<(Version, String)> {
        let fitting = names.iter().filter_map(|name| Some((self.version(name)?, name.clone())));
        fitting.filter(|(version, _)| wanted.is_none_or(|wanted| version.text == wanted)).max()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn only_names_in_the_folder_are_taken() {
        let page = r#"<a href="?C=N;O=D">Name</a> <a href="/">Parent</a> <a href='../'>up</a>
            <a href="24.04/">24.04/</a> <a href="a%20b.iso">a b</a> <a href="https://elsewhere/x.iso">x</a>
            <a href="./c.iso">c</a> <a href="c.iso">c</a> <a href=d.iso>d</a> <a href="/e.iso">e</a>"#;
        assert_eq!(names(page), ["24.04/", "a b.iso", "c.iso"]);
    }

    #[test]
    fn the_newest_is_the_highest_number() {
        let pattern = Pattern::new("os-{version}-live.torrent");
        let names =
            ["os-9-live.torrent", "os-10-live.torrent", "os-11_Beta-live.torrent", "edu-os-12-live.torrent"];
        let names = names.map(str::to_owned);
        assert_eq!(pattern.newest(&names, None).unwrap().0.text, "10");
        assert_eq!(pattern.newest(&names, Some("9")).unwrap().1, "os-9-live.torrent");
        assert_eq!(pattern.newest(&names, Some("8")), None);
        let version = |text| Version::parse(text).unwrap();
        assert!(version("26.04.1") > version("26.04") && version("26.04") > version("25.10"));
        assert_eq!(Version::parse("26.04-beta"), None);
        assert_eq!(Version::parse(""), None);
    }

    proptest! {
        #[test]
        fn no_page_is_too_strange(page in "(?s).{0,200}", tail in "(?s)[\"'a-zé%./]{0,20}") {
            let _ = names(&page);
            for name in names(&format!("href=\"{tail}\" href={tail}")) {
                prop_assert!(!name.trim_end_matches('/').contains('/'));
            }
        }
    }
}
