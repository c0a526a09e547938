//! Rust text split into code and comments, as far as counting lines and finding words needs it.

/// One line of a file.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Line {
    /// The code, with the insides of strings and all comments left out.
    pub code: String,
    /// The comments, without their markers.
    pub comment: String,
    /// Does it belong to a `#[cfg(test)] mod` at the bottom?
    pub in_tests: bool,
}

/// A scanned file.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Source {
    /// Its lines in order.
    pub lines: Vec<Line>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Code,
    LineComment,
    BlockComment(u32),
    Text,
    RawText(usize),
}

impl Source {
    /// Scans Rust text.
    pub fn scan(text: &str) -> Self {
        let mut lines = split(text);
        let start = lines.windows(2).position(|pair| {
            pair[0].code.trim() == "#[cfg(test)]" && pair[1].code.trim_start().starts_with("mod ")
        });
        let inline = |at: usize| lines[at + 1].code.contains('{');
        if let Some(start) = start.filter(|&at| inline(at)) {
            for line in &mut lines[start..] {
                line.in_tests = true;
            }
        }
        Self { lines }
    }

    /// Lines that hold code, those of inline tests not counted.
    pub fn code_lines(&self) -> usize {
        self.lines.iter().filter(|line| !line.in_tests && !line.code.trim().is_empty()).count()
    }
}

fn split(text: &str) -> Vec<Line> {
    let characters: Vec<char> = text.chars().collect();
    let mut lines = vec![Line::default()];
    let mut state = State::Code;
    let mut at = 0;
    while at < characters.len() {
        let rest = &characters[at..];
        if rest[0] == '\n' {
            lines.push(Line::default());
            if state == State::LineComment {
                state = State::Code;
            }
            at += 1;
            continue;
        }
        let line = lines.last_mut().expect("there is always a line");
        let (next, length) = step(state, rest, line);
        state = next;
        at += length;
    }
    lines
}

/// Takes the next token in `state`; returns the state after it and its length.
fn step(state: State, rest: &[char], line: &mut Line) -> (State, usize) {
    let second = rest.get(1).copied();
    match state {
        State::Code => step_code(rest, line),
        State::LineComment => {
            line.comment.push(rest[0]);
            (state, 1)
        }
        State::BlockComment(depth) => match (rest[0], second) {
            ('*', Some('/')) if depth == 1 => (State::Code, 2),
            ('*', Some('/')) => (State::BlockComment(depth - 1), 2),
            ('/', Some('*')) => (State::BlockComment(depth + 1), 2),
            (other, _) => {
                line.comment.push(other);
                (state, 1)
            }
        },
        State::Text => match rest[0] {
            // An escaped line end stays where it is, so that lines are counted right.
            '\\' if second != Some('\n') => (state, 2),
            '"' => {
                line.code.push('"');
                (State::Code, 1)
            }
            _ => (state, 1),
        },
        State::RawText(hashes) => {
            if rest[0] == '"' && rest[1..].iter().take(hashes).filter(|&&c| c == '#').count() == hashes {
                line.code.push('"');
                (State::Code, 1 + hashes)
            } else {
                (state, 1)
            }
        }
    }
}

fn step_code(rest: &[char], line: &mut Line) -> (State, usize) {
    let second = rest.get(1).copied();
    let after_word = line.code.chars().last().is_some_and(|c| c.is_alphanumeric() || c == '_');
    match (rest[0], second) {
        ('/', Some('/')) => (State::LineComment, 2),
        ('/', Some('*')) => (State::BlockComment(1), 2),
        ('r', Some('"' | '#')) if !after_word || line.code.ends_with('b') => {
            let hashes = rest[1..].iter().take_while(|&&c| c == '#').count();
            if rest.get(1 + hashes) == Some(&'"') {
                line.code.push('"');
                return (State::RawText(hashes), 2 + hashes);
            }
            line.code.push('r');
            (State::Code, 1)
        }
        ('"', _) => {
            line.code.push('"');
            (State::Text, 1)
        }
        ('\'', Some('\\')) => {
            // '\n', '\'', '\u{1F600}': up to the closing quote behind the escaped character
            let close = rest.iter().skip(3).position(|&c| c == '\'').map_or(rest.len(), |i| i + 4);
            line.code.push_str("' '");
            (State::Code, close)
        }
        ('\'', Some(_)) if rest.get(2) == Some(&'\'') => {
            line.code.push_str("' '");
            (State::Code, 3)
        }
        (other, _) => {
            line.code.push(other);
            (State::Code, 1)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(text: &str) -> Vec<String> {
        Source::scan(text).lines.into_iter().map(|line| line.code.trim().to_owned()).collect()
    }

    #[test]
    fn comments_and_strings_are_no_code() {
        assert_eq!(code("let a = \"unsafe // no\"; // unsafe"), ["let a = \"\";"]);
        assert_eq!(code("/* a /* b */ c */ x"), ["x"]);
        assert_eq!(code("r#\"one \" // two\n three\"# + y"), ["\"", "\" + y"]);
        assert_eq!(code(r#"f('"', '\'', b'\n', 'a') // c"#), ["f(' ', ' ', b' ', ' ')"]);
        assert_eq!(code("fn f<'a>(x: &'a str) {}"), ["fn f<'a>(x: &'a str) {}"]);
    }

    #[test]
    fn a_line_end_in_a_string_still_counts() {
        assert_eq!(code("\"a \\\n b\"; c"), ["\"", "\"; c"]);
    }

    #[test]
    fn inline_tests_are_not_counted() {
        let source = Source::scan(
            "//! Doc.\n\nfn a() {}\n// why\nfn b() {}\n#[cfg(test)]\nmod tests {\n fn c() {}\n}\n",
        );
        assert_eq!(source.code_lines(), 2);
        assert_eq!(Source::scan("#[cfg(test)]\nmod tests;\nfn a() {}\n").code_lines(), 3);
    }
}
