//! The page that `--help` prints.

use super::Program;
use std::fmt::Write;

/// Columns of a page: a terminal has at least these.
const WIDTH: usize = 80;
/// The column that descriptions start at.
const INDENT: usize = 34;

/// The whole page.
pub(crate) fn page<E>(program: &Program<E>) -> String {
    let mut page = format!("{}\n\n", program.about);
    for (number, usage) in program.usage.iter().enumerate() {
        let lead = if number == 0 { "Usage:" } else { "      " };
        let _ = writeln!(page, "{lead} {} {usage}", program.command);
    }
    line(&mut page, "\n  -h, --help", "Show this page");
    for section in program.sections {
        let _ = writeln!(page, "\n{}:", section.title);
        for option in section.options {
            // The long names stand below each other.
            let names = if option.short.is_empty() {
                format!("       --{}", option.long)
            } else {
                format!("  {:<4} --{}", format!("-{}", option.short), option.long)
            };
            line(&mut page, format!("{names} {}", option.value.shown()).trim_end(), option.about);
        }
    }
    page
}

/// Names on the left, a description on the right, wrapped.
fn line(page: &mut String, names: &str, about: &str) {
    let column = names.trim_start_matches('\n').len();
    page.push_str(names);
    let mut column = if column + 2 > INDENT {
        page.push('\n');
        0
    } else {
        column
    };
    for word in about.split_whitespace() {
        if column > INDENT && column + 1 + word.len() > WIDTH {
            page.push('\n');
            column = 0;
        }
        let gap = if column < INDENT { INDENT - column } else { 1 };
        let _ = write!(page, "{:gap$}{word}", "");
        column += gap + word.chars().count();
    }
    page.push('\n');
}

#[cfg(test)]
mod tests {
    use super::super::tests::TOY;

    #[test]
    fn every_option_has_its_line() {
        let page = super::page(&TOY);
        assert!(page.starts_with("Plays.\n\nUsage: toy [options]\n"), "{page}");
        for option in TOY.options() {
            assert!(page.contains(&format!("--{} ", option.long)), "{}:\n{page}", option.long);
        }
        assert!(page.contains("  -d   --down <speed>             Limit it;"), "{page}");
        assert!(page.contains("       --exit                     End it\n"), "{page}");
        assert!(page.lines().all(|line| line.len() <= super::WIDTH), "{page}");
    }

    #[test]
    fn long_descriptions_are_wrapped_below_their_beginning() {
        let mut page = String::new();
        super::line(&mut page, "  -x", &"word ".repeat(20));
        let lines: Vec<&str> = page.lines().collect();
        assert_eq!(lines.len(), 3, "{page}");
        assert!(lines[1].starts_with(&format!("{:1$}word", "", super::INDENT)), "{page}");
    }
}
