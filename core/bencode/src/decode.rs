//! The decoder.
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing))]

use crate::value::{Document, Kind, Token};
use crate::{DecodeError, Fault, Limits};

/// Decodes bytes that hold one value and nothing else.
pub fn decode(input: &[u8], limits: Limits) -> Result<Document<'_>, DecodeError> {
    let (document, used) = decode_prefix(input, limits)?;
    if used < input.len() {
        return Err(DecodeError { offset: used, fault: Fault::Trailing });
    }
    Ok(document)
}

/// Decodes the value that the bytes begin with, and tells how many bytes it took; for messages where raw data
/// follows (BEP 9).
pub fn decode_prefix(input: &[u8], limits: Limits) -> Result<(Document<'_>, usize), DecodeError> {
    if input.len() > limits.max_bytes.min(u32::MAX as usize) {
        return Err(DecodeError { offset: limits.max_bytes, fault: Fault::TooLong(limits.max_bytes) });
    }
    let mut decoder = Decoder { input, at: 0, limits, tokens: Vec::new(), open: Vec::new() };
    decoder.run().map_err(|fault| DecodeError { offset: decoder.at, fault })?;
    Ok((Document { input, tokens: decoder.tokens }, decoder.at))
}

/// A list or dict whose end was not seen yet.
struct Open {
    token: usize,
    /// What may come next.
    next: Next,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Next {
    Item,
    Key,
    ValueOfKey,
}

struct Decoder<'a> {
    input: &'a [u8],
    /// Offset of the next byte; on an error, of the one at fault.
    at: usize,
    limits: Limits,
    tokens: Vec<Token>,
    open: Vec<Open>,
}

impl Decoder<'_> {
    fn run(&mut self) -> Result<(), Fault> {
        loop {
            let byte = self.peek()?;
            let next = self.open.last().map(|open| open.next);
            match (byte, next) {
                (b'e', Some(Next::Item | Next::Key)) => self.close(),
                (b'e', Some(Next::ValueOfKey)) => return Err(Fault::MissingValue),
                (b'0'..=b'9', _) => self.string()?,
                (_, Some(Next::Key)) => return Err(Fault::ExpectedKey),
                (b'i', _) => self.integer()?,
                (b'l', _) => self.open(Kind::List)?,
                (b'd', _) => self.open(Kind::Dict)?,
                _ => return Err(Fault::ExpectedValue),
            }
            if self.open.is_empty() {
                return Ok(());
            }
        }
    }

    fn peek(&self) -> Result<u8, Fault> {
        self.input.get(self.at).copied().ok_or(Fault::Truncated)
    }

    /// Adds a token that reaches from `start` to here, and lets the container around it know.
    fn push(&mut self, kind: Kind, start: usize, extra: usize) -> Result<(), Fault> {
        if self.tokens.len() >= self.limits.max_tokens {
            return Err(Fault::TooManyTokens(self.limits.max_tokens));
        }
        self.tokens.push(Token { start: start as u32, end: self.at as u32, extra: extra as u32, kind });
        if let Some(open) = self.open.last_mut() {
            open.next = match open.next {
                Next::Item => Next::Item,
                Next::Key => Next::ValueOfKey,
                Next::ValueOfKey => Next::Key,
            };
        }
        Ok(())
    }

    fn open(&mut self, kind: Kind) -> Result<(), Fault> {
        if self.open.len() >= self.limits.max_depth {
            return Err(Fault::TooDeep(self.limits.max_depth));
        }
        self.push(kind, self.at, 0)?;
        self.at += 1;
        let next = if kind == Kind::Dict { Next::Key } else { Next::Item };
        self.open.push(Open { token: self.tokens.len() - 1, next });
        Ok(())
    }

    fn close(&mut self) {
        self.at += 1;
        let after = self.tokens.len() as u32;
        if let Some(token) = self.open.pop().and_then(|open| self.tokens.get_mut(open.token)) {
            token.end = self.at as u32;
            token.extra = after;
        }
    }

    fn string(&mut self) -> Result<(), Fault> {
        let start = self.at;
        let mut length = 0usize;
        loop {
            let byte = self.peek()?;
            match byte {
                b'0'..=b'9' => {
                    length = length.saturating_mul(10).saturating_add(usize::from(byte - b'0'));
                    self.at += 1;
                }
                b':' => break,
                _ => return Err(Fault::ExpectedColon),
            }
        }
        let content = self.at + 1;
        if length > self.input.len().saturating_sub(content) {
            self.at = start;
            return Err(Fault::StringTooLong);
        }
        self.at = content + length;
        self.push(Kind::Bytes, start, content)
    }

    fn integer(&mut self) -> Result<(), Fault> {
        let start = self.at;
        self.at += 1;
        let negative = self.peek()? == b'-';
        if negative {
            self.at += 1;
        }
        let digits = self.at;
        let mut magnitude = 0u64;
        loop {
            let byte = self.peek()?;
            match byte {
                b'0'..=b'9' => {
                    let digit = u64::from(byte - b'0');
                    let more = magnitude.checked_mul(10).and_then(|tens| tens.checked_add(digit));
                    magnitude = more.ok_or(Fault::IntegerTooBig)?;
                    self.at += 1;
                }
                b'e' if self.at > digits => break,
                _ => return Err(Fault::ExpectedDigit),
            }
        }
        if negative && magnitude == 0 {
            self.at = start;
            return Err(Fault::MinusZero);
        }
        self.at += 1;
        self.push(Kind::Integer, start, 0)
    }
}

#[cfg(test)]
mod tests;
