//! Colours, for those who look at a terminal.

use std::io::{self, IsTerminal};

/// How to colour, or not to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Style {
    coloured: bool,
}

/// What is coloured, and how.
#[derive(Clone, Copy, Debug)]
pub(super) enum Tone {
    Heading,
    Good,
    Busy,
    Bad,
    Quiet,
}

impl Style {
    /// Without colours.
    pub(super) const PLAIN: Style = Style { coloured: false };
    /// With them.
    #[cfg(test)]
    pub(super) const COLOURED: Style = Style { coloured: true };

    /// What suits standard output: colours on a terminal that has them, unless `NO_COLOR` is set.
    pub(super) fn of_output() -> Style {
        let wanted = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        let able = std::env::var_os("TERM").is_some_and(|term| term != "dumb");
        if wanted && able && io::stdout().is_terminal() { Style { coloured: true } } else { Style::PLAIN }
    }

    /// `text` in a tone.
    pub(super) fn paint(self, tone: Tone, text: &str) -> String {
        if !self.coloured || text.trim().is_empty() {
            return text.to_owned();
        }
        let code = match tone {
            Tone::Heading => "1",
            Tone::Good => "32",
            Tone::Busy => "36",
            Tone::Bad => "31",
            Tone::Quiet => "2",
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_text_stays_plain() {
        assert_eq!(Style::PLAIN.paint(Tone::Bad, "a"), "a");
        assert_eq!(Style::COLOURED.paint(Tone::Bad, "a"), "\x1b[31ma\x1b[0m");
        assert_eq!(Style::COLOURED.paint(Tone::Bad, "  "), "  ");
    }
}
