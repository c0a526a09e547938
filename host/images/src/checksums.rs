//! Checksums files: `sha256sum`'s lines, BSD's lines, mixed and in any order.
//!
//! ```text
//! e3b0c442…  image.iso             GNU; an asterisk in the place of the second space means the same here
//! \e3b0c442…  odd\\name.iso        GNU, a name with a backslash or line feed in it
//! SHA256 (image.iso) = e3b0c442…   BSD
//! ```

use crate::sum::{Algorithm, Sum, from_hex};
use std::borrow::Cow;
use thiserror::Error;

/// Why a checksums file says nothing about an image.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum ChecksumsError {
    /// No line names it.
    #[error("no checksum is listed for {0}; only a line with exactly this name counts")]
    NotListed(String),
    /// Only MD5 or SHA-1, which prove nothing.
    #[error("the only checksums listed for {0} are of a kind that can be forged (MD5, SHA-1)")]
    OnlyWeak(String),
}

/// A line of a checksums file: what one file must come to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Line {
    name: String,
    value: Value,
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum Value {
    Known(Sum),
    /// A GNU line with 128 digits: `sha512sum` and `b2sum` write the same.
    Either(Vec<u8>),
    /// MD5, SHA-1 and others that are not counted.
    Weak,
}

/// One demand on a file: it holds if the file has any of these sums.
pub(crate) type AnyOf = Vec<Sum>;

/// A parsed checksums file.
#[derive(Clone, Debug, Default)]
pub struct Checksums {
    lines: Vec<Line>,
}

impl Checksums {
    /// Reads what can be read; lines of other kinds (comments, headings) are passed over. `file_name` helps where
    /// the lines do not tell their algorithm.
    pub fn parse(text: &str, file_name: &str) -> Self {
        let lines = text.lines().map(str::trim_end).filter_map(|line| bsd(line).or_else(|| gnu(line)));
        let hint = hint(file_name);
        let lines = lines.map(|line| match (line.value, hint) {
            (Value::Either(value), Some(algorithm)) => {
                Line { name: line.name, value: Value::Known(Sum { algorithm, value }) }
            }
            (value, _) => Line { name: line.name, value },
        });
        Self { lines: lines.collect() }
    }

    /// Whether it lists a file of exactly this name, however weakly.
    pub fn lists(&self, name: &str) -> bool {
        self.lines.iter().any(|line| line.name == name)
    }

    /// What is demanded of the file with exactly this name. All of it must hold.
    pub(crate) fn demands(&self, name: &str) -> Result<Vec<AnyOf>, ChecksumsError> {
        let demands: Vec<AnyOf> =
            self.lines.iter().filter(|line| line.name == name).filter_map(Line::demand).collect();
        match demands.is_empty() {
            false => Ok(demands),
            true if self.lists(name) => Err(ChecksumsError::OnlyWeak(name.to_owned())),
            true => Err(ChecksumsError::NotListed(name.to_owned())),
        }
    }
}

impl Line {
    fn demand(&self) -> Option<AnyOf> {
        match &self.value {
            Value::Known(sum) => Some(vec![sum.clone()]),
            Value::Either(value) => {
                let sum = |algorithm| Sum { algorithm, value: value.clone() };
                Some(vec![sum(Algorithm::Sha512), sum(Algorithm::Blake2b)])
            }
            Value::Weak => None,
        }
    }
}

/// What the name of a checksums file says about lines of 128 digits.
fn hint(file_name: &str) -> Option<Algorithm> {
    let name = file_name.to_ascii_lowercase();
    match (name.contains("b2") || name.contains("blake2"), name.contains("sha512")) {
        (true, false) => Some(Algorithm::Blake2b),
        (false, true) => Some(Algorithm::Sha512),
        _ => None,
    }
}

/// `NAME (FILE) = HEX`
fn bsd(line: &str) -> Option<Line> {
    let (algorithm, rest) = line.split_once(" (")?;
    let (name, hex) = rest.rsplit_once(") = ")?;
    let is_word = !algorithm.is_empty() && algorithm.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    if !is_word || name.is_empty() {
        return None;
    }
    let value = match Algorithm::named(algorithm) {
        Some(algorithm) => Value::Known(Sum::parse(algorithm, hex.trim()).ok()?),
        None => Value::Weak,
    };
    Some(Line { name: plain(name).to_owned(), value })
}

/// `HEX  FILE` or `HEX *FILE`
fn gnu(line: &str) -> Option<Line> {
    let (line, escaped) = line.strip_prefix('\\').map_or((line, false), |rest| (rest, true));
    let (hex, rest) = line.split_once(' ')?;
    let name = rest.strip_prefix([' ', '*'])?;
    let value = from_hex(hex)?;
    let value = match value.len() {
        32 => Value::Known(Sum { algorithm: Algorithm::Sha256, value }),
        64 => Value::Either(value),
        16 | 20 | 28 | 48 => Value::Weak,
        _ => return None,
    };
    let name = if escaped { unescaped(name)? } else { Cow::Borrowed(name) };
    (!name.is_empty()).then(|| Line { name: plain(&name).to_owned(), value })
}

fn unescaped(name: &str) -> Option<Cow<'_, str>> {
    let (mut plain, mut chars) = (String::new(), name.chars());
    while let Some(c) = chars.next() {
        plain.push(match c {
            '\\' => match chars.next()? {
                'n' => '\n',
                'r' => '\r',
                '\\' => '\\',
                _ => return None,
            },
            c => c,
        });
    }
    Some(plain.into())
}

/// A name without the `./` that `find` puts before it.
fn plain(name: &str) -> &str {
    name.strip_prefix("./").unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use Algorithm::{Blake2b, Sha256, Sha512};
    use proptest::prelude::*;

    const SHA256: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    fn found(text: &str, name: &str) -> Result<Vec<AnyOf>, ChecksumsError> {
        Checksums::parse(text, "SUMS").demands(name)
    }

    #[test]
    fn both_formats_name_one_sum() {
        let sum = vec![vec![Sum::parse(Algorithm::Sha256, SHA256).unwrap()]];
        for line in [
            format!("{SHA256}  a.iso"),
            format!("{SHA256} *a.iso\r\n"),
            format!("{SHA256}  ./a.iso\n"),
            format!("{}  a.iso\n", SHA256.to_uppercase()),
            format!("# a.iso: 3 bytes\nSHA256 (a.iso) = {SHA256}\nMD5 (a.iso) = 00\n"),
            format!("-----\n\n{SHA256}  b.iso\n{SHA256}  a.iso\n"),
        ] {
            assert_eq!(found(&line, "a.iso").as_ref(), Ok(&sum), "{line}");
        }
        assert_eq!(found(&format!("\\{SHA256}  a\\\\b\\nc\n"), "a\\b\nc"), Ok(sum));
    }

    #[test]
    fn only_the_exact_name_counts() {
        for line in ["  a.iso.sig", "  xa.iso", "  sub/a.iso", " a.iso", "  A.ISO", "  a.iso x", ""] {
            let error = found(&format!("{SHA256}{line}\n"), "a.iso").unwrap_err();
            assert_eq!(error, ChecksumsError::NotListed("a.iso".to_owned()), "{line}");
        }
        let weak = format!("{}  a.iso\n", "0".repeat(40));
        assert_eq!(found(&weak, "a.iso"), Err(ChecksumsError::OnlyWeak("a.iso".to_owned())));
    }

    #[test]
    fn all_lines_of_a_name_count() {
        let text = format!("{SHA256}  a\nSHA512 (a) = {0}\n{0}  a\n", "0".repeat(128));
        let demands = found(&text, "a").unwrap();
        let algorithms: Vec<Vec<_>> =
            demands.iter().map(|any| any.iter().map(|sum| sum.algorithm).collect()).collect();
        assert_eq!(algorithms, [vec![Sha256], vec![Sha512], vec![Sha512, Blake2b]]);
        let hinted = Checksums::parse(&text, "https://example.org/b2sums.txt").demands("a").unwrap();
        assert_eq!(hinted.last().map(Vec::len), Some(1));
    }

    proptest! {
        #[test]
        fn no_text_is_too_strange(text in "(?s).{0,300}", name in ".{0,20}") {
            let _ = Checksums::parse(&text, &name).demands(&name);
        }

        #[test]
        fn what_is_written_is_read(bytes in proptest::collection::vec(any::<u8>(), 32), name in "[^\r\n\\\\ /.][^\r\n\\\\]{0,20}[^\\s]") {
            let sum = Sum { algorithm: Algorithm::Sha256, value: bytes };
            prop_assert_eq!(found(&format!("{}  {name}\n", sum.hex()), &name), Ok(vec![vec![sum]]));
        }
    }
}
