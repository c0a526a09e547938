//! The decoded form: a flat list of tokens, and views of it.
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing))]

/// What a token is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    Integer,
    Bytes,
    List,
    Dict,
}

/// One value. The tokens of a list's items or of a dict's keys and values follow that of the list or dict.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Token {
    /// Offset of the first byte.
    pub(crate) start: u32,
    /// Offset after the last byte.
    pub(crate) end: u32,
    /// Of a string: offset of its content. Of a list or dict: index of the token after all it holds.
    pub(crate) extra: u32,
    pub(crate) kind: Kind,
}

/// Decoded bencode that borrows its bytes. Holds exactly one value, the root.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Document<'a> {
    pub(crate) input: &'a [u8],
    pub(crate) tokens: Vec<Token>,
}

impl<'a> Document<'a> {
    /// The value that holds all others.
    pub fn root(&self) -> Value<'_, 'a> {
        Value { input: self.input, tokens: &self.tokens, index: 0 }
    }
}

/// A view of one value in a [`Document`] (lifetime `'d`); strings borrow the input (lifetime `'a`).
#[derive(Clone, Copy)]
pub struct Value<'d, 'a> {
    input: &'a [u8],
    tokens: &'d [Token],
    index: usize,
}

impl std::fmt::Debug for Value<'_, '_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.raw().escape_ascii())
    }
}

impl<'d, 'a> Value<'d, 'a> {
    fn token(self) -> Option<Token> {
        self.tokens.get(self.index).copied()
    }

    fn of_kind(self, kind: Kind) -> Option<Token> {
        self.token().filter(|token| token.kind == kind)
    }

    /// The bytes the value was read from.
    pub fn raw(self) -> &'a [u8] {
        let range = self.token().map_or(0..0, |token| token.start as usize..token.end as usize);
        self.input.get(range).unwrap_or_default()
    }

    /// Offset of the value's first byte in the input.
    pub fn offset(self) -> usize {
        self.token().map_or(0, |token| token.start as usize)
    }

    /// The number, if this is an integer that fits.
    pub fn integer(self) -> Option<i64> {
        self.of_kind(Kind::Integer)?;
        let digits = self.raw().strip_prefix(b"i")?.strip_suffix(b"e")?;
        std::str::from_utf8(digits).ok()?.parse().ok()
    }

    /// The content, if this is a string.
    pub fn bytes(self) -> Option<&'a [u8]> {
        let token = self.of_kind(Kind::Bytes)?;
        self.input.get(token.extra as usize..token.end as usize)
    }

    /// The content, if this is a string of valid UTF-8.
    pub fn text(self) -> Option<&'a str> {
        std::str::from_utf8(self.bytes()?).ok()
    }

    /// The items, if this is a list.
    pub fn list(self) -> Option<List<'d, 'a>> {
        let token = self.of_kind(Kind::List)?;
        Some(List { rest: Value { index: self.index + 1, ..self }, end: token.extra as usize })
    }

    /// The entries, if this is a dict.
    pub fn dict(self) -> Option<Dict<'d, 'a>> {
        let token = self.of_kind(Kind::Dict)?;
        Some(Dict(List { rest: Value { index: self.index + 1, ..self }, end: token.extra as usize }))
    }

    /// The value of a key, if this is a dict that has it. Takes time in proportion to the entries of the dict.
    pub fn get(self, key: &[u8]) -> Option<Self> {
        self.dict()?.find(|(candidate, _)| *candidate == key).map(|(_, value)| value)
    }

    /// What kind of value this is, for error messages.
    pub fn kind_name(self) -> &'static str {
        match self.token().map(|token| token.kind) {
            Some(Kind::Integer) => "an integer",
            Some(Kind::Bytes) => "a string",
            Some(Kind::List) => "a list",
            Some(Kind::Dict) => "a dict",
            None => "nothing",
        }
    }
}

/// The items of a list, in order.
#[derive(Clone, Debug)]
pub struct List<'d, 'a> {
    rest: Value<'d, 'a>,
    /// Index after the last token.
    end: usize,
}

impl<'d, 'a> Iterator for List<'d, 'a> {
    type Item = Value<'d, 'a>;

    fn next(&mut self) -> Option<Self::Item> {
        let value = self.rest;
        let token = value.token().filter(|_| value.index < self.end)?;
        self.rest.index = match token.kind {
            Kind::Integer | Kind::Bytes => value.index + 1,
            Kind::List | Kind::Dict => token.extra as usize,
        };
        Some(value)
    }
}

/// The entries of a dict, in the order of the input, duplicates included.
#[derive(Clone, Debug)]
pub struct Dict<'d, 'a>(List<'d, 'a>);

impl<'d, 'a> Iterator for Dict<'d, 'a> {
    type Item = (&'a [u8], Value<'d, 'a>);

    fn next(&mut self) -> Option<Self::Item> {
        let key = self.0.next()?.bytes()?;
        Some((key, self.0.next()?))
    }
}
