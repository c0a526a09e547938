//! JSON values of settings, as lenient as Transmission is with what others write.

use crate::access::scope::{Scope, Token};
use crate::limits::FOLLOWED;
use daemon::{Encryption, Follow, Preallocation, Transport, WebSeedPolicy};
use engine::{Interface, Proxy, ProxyFor};
use serde_json::{Value, json};
use std::net::{Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;
use url::Url;

/// Why a value was not taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Refusal {
    /// It is of another kind: such values are passed over.
    WrongType,
    /// It is of the right kind and makes no sense.
    Invalid,
}

/// A setting as JSON.
pub(crate) trait Setting: Sized {
    /// The value to write.
    fn to_value(&self) -> Value;
    /// Reads a value.
    fn of(value: &Value) -> Result<Self, Refusal>;
}

impl Setting for bool {
    fn to_value(&self) -> Value {
        json!(self)
    }

    /// Numbers are taken too (0 is false), and the two words in quotes.
    fn of(value: &Value) -> Result<Self, Refusal> {
        match value {
            Value::Bool(value) => Ok(*value),
            Value::Number(number) => Ok(number.as_f64() != Some(0.0)),
            Value::String(word) if word == "true" => Ok(true),
            Value::String(word) if word == "false" => Ok(false),
            _ => Err(Refusal::WrongType),
        }
    }
}

/// A whole number: also written as `1.0`, or as a boolean.
pub(crate) fn whole(value: &Value) -> Result<i64, Refusal> {
    match value {
        Value::Bool(value) => Ok(i64::from(*value)),
        Value::Number(number) => {
            let rounded = || number.as_f64().filter(|float| float.abs() < 9e15).map(|float| float as i64);
            number.as_i64().or_else(rounded).ok_or(Refusal::Invalid)
        }
        _ => Err(Refusal::WrongType),
    }
}

macro_rules! whole_setting {
    ($($kind:ty),*) => {$(
        impl Setting for $kind {
            fn to_value(&self) -> Value {
                json!(self)
            }

            fn of(value: &Value) -> Result<Self, Refusal> {
                Self::try_from(whole(value)?).map_err(|_| Refusal::Invalid)
            }
        }
    )*};
}

whole_setting!(u8, u16, u32);

impl Setting for f64 {
    fn to_value(&self) -> Value {
        // Whole numbers are written without a point, as Transmission does.
        if self.fract() == 0.0 && self.abs() < 1e15 { json!(*self as i64) } else { json!(self) }
    }

    /// Other than whole numbers, these may stand in quotes.
    fn of(value: &Value) -> Result<Self, Refusal> {
        match value {
            Value::Bool(value) => Ok(Self::from(u8::from(*value))),
            Value::String(text) => {
                let number = text.parse().ok().filter(|number: &Self| number.is_finite());
                number.ok_or(Refusal::WrongType)
            }
            Value::Number(number) => {
                number.as_f64().filter(|number| number.is_finite()).ok_or(Refusal::Invalid)
            }
            _ => Err(Refusal::WrongType),
        }
    }
}

impl Setting for String {
    fn to_value(&self) -> Value {
        json!(self)
    }

    fn of(value: &Value) -> Result<Self, Refusal> {
        value.as_str().map(str::to_owned).ok_or(Refusal::WrongType)
    }
}

impl Setting for PathBuf {
    fn to_value(&self) -> Value {
        json!(self.to_string_lossy())
    }

    /// No path of a system holds a NUL byte.
    fn of(value: &Value) -> Result<Self, Refusal> {
        let text = String::of(value)?;
        if text.contains('\0') { Err(Refusal::Invalid) } else { Ok(Self::from(text)) }
    }
}

impl Setting for Option<PathBuf> {
    fn to_value(&self) -> Value {
        json!(self.as_ref().map_or_else(String::new, |path| path.to_string_lossy().into_owned()))
    }

    fn of(value: &Value) -> Result<Self, Refusal> {
        PathBuf::of(value).map(|path| Some(path).filter(|path| !path.as_os_str().is_empty()))
    }
}

impl Setting for Option<Proxy> {
    fn to_value(&self) -> Value {
        json!(self.as_ref().map(Proxy::as_str))
    }

    /// What is written there and names no proxy lets nothing pass.
    fn of(value: &Value) -> Result<Self, Refusal> {
        match value {
            Value::Null => Ok(None),
            Value::String(text) => {
                Ok(Some(text.trim()).filter(|text| !text.is_empty()).map(Proxy::or_nothing))
            }
            _ => Err(Refusal::WrongType),
        }
    }
}

impl Setting for ProxyFor {
    fn to_value(&self) -> Value {
        self.words().collect()
    }

    /// An empty list leaves documents to the proxy.
    fn of(value: &Value) -> Result<Self, Refusal> {
        let words = value.as_array().ok_or(Refusal::WrongType)?.iter().map(Value::as_str);
        let words: Vec<&str> = words.collect::<Option<_>>().ok_or(Refusal::WrongType)?;
        Self::of_words(words).map_err(|_| Refusal::Invalid)
    }
}

impl Setting for Option<Interface> {
    fn to_value(&self) -> Value {
        json!(self.as_ref().map_or_else(String::new, |it| String::from_utf8_lossy(it.name()).into_owned()))
    }

    /// What no interface can be called lets nothing pass.
    fn of(value: &Value) -> Result<Self, Refusal> {
        let name = String::of(value)?;
        Ok((!name.is_empty()).then(|| Interface::named(&name).unwrap_or(Interface::NOWHERE)))
    }
}

impl Setting for Ipv4Addr {
    fn to_value(&self) -> Value {
        json!(self.to_string())
    }

    /// Nothing stands for every address.
    fn of(value: &Value) -> Result<Self, Refusal> {
        let text = value.as_str().ok_or(Refusal::WrongType)?;
        if text.is_empty() { Ok(Self::UNSPECIFIED) } else { text.parse().map_err(|_| Refusal::Invalid) }
    }
}

impl Setting for Ipv6Addr {
    fn to_value(&self) -> Value {
        json!(self.to_string())
    }

    /// Nothing stands for every address.
    fn of(value: &Value) -> Result<Self, Refusal> {
        let text = value.as_str().ok_or(Refusal::WrongType)?;
        if text.is_empty() { Ok(Self::UNSPECIFIED) } else { text.parse().map_err(|_| Refusal::Invalid) }
    }
}

impl Setting for Encryption {
    fn to_value(&self) -> Value {
        json!(match self {
            Self::Tolerated => "tolerated",
            Self::Preferred => "preferred",
            Self::Required => "required",
        })
    }

    fn of(value: &Value) -> Result<Self, Refusal> {
        match value {
            Value::String(word) => match word.as_str() {
                "tolerated" | "allowed" => Ok(Self::Tolerated),
                "preferred" => Ok(Self::Preferred),
                "required" => Ok(Self::Required),
                _ => Err(Refusal::Invalid),
            },
            number => match whole(number)? {
                0 => Ok(Self::Tolerated),
                1 => Ok(Self::Preferred),
                2 => Ok(Self::Required),
                _ => Err(Refusal::Invalid),
            },
        }
    }
}

impl Setting for WebSeedPolicy {
    fn to_value(&self) -> Value {
        json!(match self {
            Self::Fastest => "fastest",
            Self::Balanced => "balanced",
            Self::Fallback => "fallback",
        })
    }

    fn of(value: &Value) -> Result<Self, Refusal> {
        match value.as_str().ok_or(Refusal::WrongType)? {
            "fastest" => Ok(Self::Fastest),
            "balanced" => Ok(Self::Balanced),
            "fallback" => Ok(Self::Fallback),
            _ => Err(Refusal::Invalid),
        }
    }
}

impl Setting for Preallocation {
    fn to_value(&self) -> Value {
        json!(match self {
            Self::Off => 0,
            Self::Sparse => 1,
            Self::Full => 2,
        })
    }

    fn of(value: &Value) -> Result<Self, Refusal> {
        match value {
            Value::String(word) => match word.as_str() {
                "off" | "none" => Ok(Self::Off),
                "sparse" | "fast" => Ok(Self::Sparse),
                "full" => Ok(Self::Full),
                _ => Err(Refusal::Invalid),
            },
            number => match whole(number)? {
                0 => Ok(Self::Off),
                1 => Ok(Self::Sparse),
                2 => Ok(Self::Full),
                _ => Err(Refusal::Invalid),
            },
        }
    }
}

impl Setting for Vec<Transport> {
    fn to_value(&self) -> Value {
        let name = |transport: &Transport| match transport {
            Transport::Tcp => "tcp",
            Transport::Utp => "utp",
        };
        self.iter().map(name).collect()
    }

    fn of(value: &Value) -> Result<Self, Refusal> {
        let mut transports = Self::new();
        for name in value.as_array().ok_or(Refusal::WrongType)? {
            let transport = match name.as_str() {
                Some("tcp") => Transport::Tcp,
                Some("utp") => Transport::Utp,
                _ => return Err(Refusal::Invalid),
            };
            if !transports.contains(&transport) {
                transports.push(transport);
            }
        }
        if transports.is_empty() { Err(Refusal::Invalid) } else { Ok(transports) }
    }
}

/// Tiers of announce URLs: one a line, an empty line between tiers.
impl Setting for Vec<Vec<String>> {
    fn to_value(&self) -> Value {
        json!(self.iter().map(|tier| tier.join("\n")).collect::<Vec<_>>().join("\n\n"))
    }

    fn of(value: &Value) -> Result<Self, Refusal> {
        Ok(tiers(value.as_str().ok_or(Refusal::WrongType)?))
    }
}

/// Reads tiers of announce URLs.
pub(crate) fn tiers(text: &str) -> Vec<Vec<String>> {
    let mut tiers = vec![Vec::new()];
    for line in text.lines().map(str::trim) {
        match tiers.last_mut() {
            Some(tier) if !line.is_empty() => tier.push(line.to_owned()),
            Some(tier) if !tier.is_empty() => tiers.push(Vec::new()),
            _ => {}
        }
    }
    tiers.retain(|tier| !tier.is_empty());
    tiers
}

impl Setting for Token {
    fn to_value(&self) -> Value {
        json!({"name": self.name, "scope": self.scope.name(), "token": self.secret})
    }

    fn of(value: &Value) -> Result<Self, Refusal> {
        let text = |key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
        let scope = text("scope").and_then(|name| Scope::named(&name)).ok_or(Refusal::Invalid)?;
        let secret = text("token").filter(|secret| !secret.is_empty()).ok_or(Refusal::Invalid)?;
        Ok(Self { name: text("name").unwrap_or_default(), scope, secret })
    }
}

impl Setting for Vec<Token> {
    fn to_value(&self) -> Value {
        self.iter().map(Setting::to_value).collect()
    }

    fn of(value: &Value) -> Result<Self, Refusal> {
        value.as_array().ok_or(Refusal::WrongType)?.iter().map(Token::of).collect()
    }
}

/// `{"name", "keep", "base"}` each, `keep` and `base` left out where they are the usual ones.
impl Setting for Vec<Follow> {
    fn to_value(&self) -> Value {
        let follow = |follow: &Follow| match &follow.base {
            None => json!({"name": follow.name, "keep": follow.keep}),
            Some(base) => json!({"name": follow.name, "keep": follow.keep, "base": base.as_str()}),
        };
        self.iter().map(follow).collect()
    }

    fn of(value: &Value) -> Result<Self, Refusal> {
        let mut all = Self::new();
        for value in value.as_array().ok_or(Refusal::WrongType)? {
            let follow = follow(value).ok_or(Refusal::Invalid)?;
            all.retain(|other| other.name != follow.name);
            all.push(follow);
        }
        if all.len() > FOLLOWED { Err(Refusal::Invalid) } else { Ok(all) }
    }
}

fn follow(value: &Value) -> Option<Follow> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let name = value.get("name")?.as_str().filter(|name| !name.is_empty() && name.chars().all(is_plain))?;
    let keep = value.get("keep").map_or(Ok(1), u32::of).ok().filter(|keep| *keep > 0)?;
    let base = match value.get("base") {
        None | Some(Value::Null) => None,
        Some(base) => Some(Url::parse(base.as_str()?).ok().filter(Url::has_host)?),
    };
    Some(Follow { name: name.to_owned(), keep, base })
}

/// Permission bits: octal in quotes, or a decimal number.
pub(crate) fn octal(value: &Value) -> Result<u32, Refusal> {
    let mode = match value {
        Value::String(text) => u32::from_str_radix(text, 8).map_err(|_| Refusal::Invalid)?,
        number => u32::of(number)?,
    };
    if mode <= 0o7777 { Ok(mode) } else { Err(Refusal::Invalid) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn booleans_and_numbers_stand_for_each_other() {
        assert_eq!(bool::of(&json!(1)), Ok(true));
        assert_eq!(bool::of(&json!(0)), Ok(false));
        assert_eq!(u32::of(&json!(true)), Ok(1));
        assert_eq!(u32::of(&json!(7.0)), Ok(7));
        assert_eq!((bool::of(&json!("true")), bool::of(&json!("false"))), (Ok(true), Ok(false)));
        assert_eq!(bool::of(&json!("yes")), Err(Refusal::WrongType));
        assert_eq!((f64::of(&json!("1.5")), f64::of(&json!("inf"))), (Ok(1.5), Err(Refusal::WrongType)));
        assert_eq!(u16::of(&json!("x")), Err(Refusal::WrongType));
        assert_eq!(u16::of(&json!(70_000)), Err(Refusal::Invalid));
        assert_eq!(u32::of(&json!(-1)), Err(Refusal::Invalid));
        assert_eq!(u32::of(&json!(1e300)), Err(Refusal::Invalid));
    }

    #[test]
    fn tracker_lists() {
        let text = "http://a/1\nhttp://b/1\n\n\n http://c/1 \n";
        let tiers = tiers(text);
        assert_eq!(tiers, [vec!["http://a/1", "http://b/1"], vec!["http://c/1"]]);
        assert_eq!(tiers.to_value(), json!("http://a/1\nhttp://b/1\n\nhttp://c/1"));
        assert_eq!(Vec::<Vec<String>>::new().to_value(), json!(""));
    }

    #[test]
    fn paths_without_nul_bytes() {
        assert_eq!(PathBuf::of(&json!("/a")), Ok("/a".into()));
        assert_eq!(PathBuf::of(&json!("/a\0")), Err(Refusal::Invalid));
        assert_eq!(Option::<PathBuf>::of(&json!("")), Ok(None));
        assert_eq!(Option::<PathBuf>::of(&json!("\0")), Err(Refusal::Invalid));
    }

    #[test]
    fn modes() {
        assert_eq!(octal(&json!(18)), Ok(0o22));
        assert_eq!(octal(&json!("022")), Ok(0o22));
        assert_eq!(octal(&json!("0750")), Ok(0o750));
        assert_eq!(octal(&json!("9")), Err(Refusal::Invalid));
    }

    #[test]
    fn words_and_numbers_of_encryption() {
        for (word, number, value) in [
            ("tolerated", 0, Encryption::Tolerated),
            ("preferred", 1, Encryption::Preferred),
            ("required", 2, Encryption::Required),
        ] {
            assert_eq!(Encryption::of(&json!(word)), Ok(value));
            assert_eq!(Encryption::of(&json!(number)), Ok(value));
            assert_eq!(value.to_value(), json!(word));
        }
        assert_eq!(Encryption::of(&json!("allowed")), Ok(Encryption::Tolerated));
        assert_eq!(Encryption::of(&json!("rot13")), Err(Refusal::Invalid));
    }

    #[test]
    fn a_name_that_no_interface_can_have_is_not_every_interface() {
        let interface = Option::<Interface>::of(&json!("tun0")).unwrap();
        assert_eq!((interface.unwrap().name(), interface.to_value()), (&b"tun0"[..], json!("tun0")));
        assert_eq!(Option::<Interface>::of(&json!("")), Ok(None));
        assert_eq!(Option::<Interface>::of(&json!("longer-than-any-name")), Ok(Some(Interface::NOWHERE)));
    }

    #[test]
    fn a_proxy_that_cannot_be_read_is_not_no_proxy() {
        assert_eq!(Option::<Proxy>::of(&json!(null)), Ok(None));
        assert_eq!(Option::<Proxy>::of(&json!(" ")), Ok(None));
        let proxy = Option::<Proxy>::of(&json!("socks5h://u:p@127.0.0.1:9050")).unwrap();
        assert_eq!(proxy.to_value(), "socks5h://u:p@127.0.0.1:9050");
        let broken = Option::<Proxy>::of(&json!("tor")).unwrap().expect("some proxy");
        assert!(broken.problem().is_some());
        assert_eq!(Some(broken).to_value(), "tor");
    }

    #[test]
    fn what_goes_through_a_proxy_is_a_list_of_words() {
        let some = json!(["peers", "web-seeds"]);
        assert_eq!(ProxyFor::of(&some).unwrap().to_value(), some);
        assert_eq!(ProxyFor::default().to_value(), json!(["peers", "trackers", "web-seeds"]));
        assert_eq!(ProxyFor::of(&json!([])).unwrap().to_value(), json!([]));
        assert_eq!(ProxyFor::of(&json!(["everything"])), Err(Refusal::Invalid));
        assert_eq!(ProxyFor::of(&json!("peers")), Err(Refusal::WrongType));
    }

    #[test]
    fn what_is_followed() {
        let value = json!([{"name": "arch", "keep": 2, "base": "https://mirror.example/"}, {"name": "debian", "keep": 1}]);
        assert_eq!(Vec::<Follow>::of(&value).unwrap().to_value(), value);
        let twice = Vec::<Follow>::of(&json!([{"name": "arch"}, {"name": "arch", "keep": 3}])).unwrap();
        assert_eq!(twice.to_value(), json!([{"name": "arch", "keep": 3}]));
        for wrong in
            [json!({"name": "a:b"}), json!({"keep": 1}), json!({"name": "a", "keep": 0}), json!("arch")]
        {
            assert_eq!(Vec::<Follow>::of(&json!([wrong])), Err(Refusal::Invalid), "{wrong}");
        }
        assert_eq!(Vec::<Follow>::of(&json!({})), Err(Refusal::WrongType));
    }

    #[test]
    fn tokens() {
        let value = json!([{"name": "a", "scope": "read-only", "token": "{x"}]);
        assert_eq!(Vec::<Token>::of(&value).unwrap().to_value(), value);
        assert_eq!(Vec::<Token>::of(&json!([{"scope": "root", "token": "x"}])), Err(Refusal::Invalid));
        assert_eq!(Vec::<Token>::of(&json!([{"scope": "all", "token": ""}])), Err(Refusal::Invalid));
    }
}
