//! Completions for bash, zsh and fish: of the commands of one program, and of the other names that these go by.

use super::sheet::{Entry, Sheet};
use std::fmt::Write;

/// A shell that can complete.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
pub(crate) enum Shell {
    Bash,
    Zsh,
    Fish,
}

impl Shell {
    /// The shell of a name.
    pub(crate) fn named(name: &str) -> Option<Shell> {
        <Self as clap::ValueEnum>::from_str(name, false).ok()
    }
}

/// The program whose commands are completed.
const PROGRAM: &str = "starling";

/// The script that teaches `shell` what the commands take. `names` are programs that are one of the commands.
pub(crate) fn script(sheets: &[Sheet], names: &[(&str, &str)], shell: Shell) -> String {
    match shell {
        Shell::Bash => bash(sheets, names),
        Shell::Zsh => zsh(sheets, names),
        Shell::Fish => fish(sheets, names),
    }
}

impl Sheet {
    /// The command's own name, without the program's.
    fn name(&self) -> &str {
        self.command.rsplit(' ').next().unwrap_or_default()
    }
}

/// All words by which the program is called.
fn programs(names: &[(&str, &str)]) -> String {
    let mut all = vec![PROGRAM];
    all.extend(names.iter().map(|(name, _)| *name));
    all.join(" ")
}

/// Lines of a `case` that turn other names of the program into the command that they are.
fn other_names(names: &[(&str, &str)]) -> String {
    names.iter().fold(String::new(), |mut lines, (name, command)| {
        let _ = writeln!(lines, "        {name}) command={command} ;;");
        lines
    })
}

fn bash(sheets: &[Sheet], names: &[(&str, &str)]) -> String {
    let commands: Vec<&str> = sheets.iter().map(Sheet::name).collect();
    let mut cases = String::new();
    for sheet in sheets {
        let of = |fits: fn(&Entry) -> bool| {
            let names = sheet.options().filter(|entry| fits(entry)).flat_map(|entry| &entry.names);
            names.map(String::as_str).collect::<Vec<_>>().join(" ")
        };
        let values = of(|entry| entry.value.is_some() && !entry.is_optional && !entry.is_path);
        let paths = of(|entry| entry.is_path);
        let name = sheet.name();
        let _ = write!(
            cases,
            "        {name})\n            options='-h --help {}'\n            values=' {values} ' paths=' {paths} ' ;;\n",
            of(|_| true)
        );
    }
    format!(
        "# bash completion for {PROGRAM}; made by: {PROGRAM} completion bash
_{PROGRAM}() {{
    local word=${{COMP_WORDS[COMP_CWORD]}} before=${{COMP_WORDS[COMP_CWORD-1]}} command=${{COMP_WORDS[0]##*/}}
    local options= values= paths=
    COMPREPLY=()
    case $command in
{others}        *)
            if [[ $COMP_CWORD -eq 1 ]]; then
                COMPREPLY=($(compgen -W '{commands} help --help --version' -- \"$word\"))
                return
            fi
            command=${{COMP_WORDS[1]}} ;;
    esac
    case $command in
{cases}    esac
    [[ $values == *\" $before \"* ]] && return
    if [[ $word == -* && $paths != *\" $before \"* ]]; then
        COMPREPLY=($(compgen -W \"$options\" -- \"$word\"))
    else
        COMPREPLY=($(compgen -f -- \"$word\"))
    fi
}}
complete -o filenames -F _{PROGRAM} {programs}
",
        others = other_names(names),
        commands = commands.join(" "),
        programs = programs(names),
    )
}

fn zsh(sheets: &[Sheet], names: &[(&str, &str)]) -> String {
    let quoted = |text: &str| text.replace('\'', "'\\''");
    let (mut commands, mut cases) = (String::new(), String::new());
    for sheet in sheets {
        let about = quoted(&sheet.about.replace(':', "\\:"));
        let _ = writeln!(commands, "                '{}:{about}'", sheet.name());
        let _ = writeln!(cases, "        {}) _arguments \\", sheet.name());
        cases.push_str("            '(- *)'{-h,--help}'[Show help]' \\\n");
        for entry in sheet.options() {
            let about = quoted(&entry.about).replace('[', "\\[").replace(']', "\\]");
            let value = match &entry.value {
                None => String::new(),
                Some(name) => {
                    let colons = if entry.is_optional { "::" } else { ":" };
                    let action = if entry.is_path { "_files" } else { " " };
                    format!("{colons}{}:{action}", quoted(&name.replace(':', "\\:")))
                }
            };
            for name in &entry.names {
                let _ = writeln!(cases, "            '*{name}[{about}]{value}' \\");
            }
        }
        cases.push_str("            '*:file:_files' ;;\n");
    }
    format!(
        "#compdef {programs}
# zsh completion for {PROGRAM}; made by: {PROGRAM} completion zsh
_{PROGRAM}() {{
    local command=${{words[1]:t}}
    case $command in
{others}        *)
            local -a commands=(
{commands}            )
            if (( CURRENT == 2 )); then
                _describe command commands
                return
            fi
            command=${{words[2]}}
            shift words
            (( CURRENT-- )) ;;
    esac
    case $command in
{cases}    esac
}}
if [[ $funcstack[1] == _{PROGRAM} ]]; then
    _{PROGRAM} \"$@\"
else
    compdef _{PROGRAM} {programs}
fi
",
        programs = programs(names),
        others = other_names(names),
    )
}

fn fish(sheets: &[Sheet], names: &[(&str, &str)]) -> String {
    let quoted = |text: &str| text.replace('\\', "\\\\").replace('\'', "\\'");
    let mut script = format!("# fish completion for {PROGRAM}; made by: {PROGRAM} completion fish\n");
    for sheet in sheets {
        let (name, about) = (sheet.name(), quoted(&sheet.about));
        let _ = writeln!(script, "complete -c {PROGRAM} -n __fish_use_subcommand -f -a {name} -d '{about}'");
        let mut targets = vec![format!("-c {PROGRAM} -n '__fish_seen_subcommand_from {name}'")];
        targets.extend(
            names.iter().filter(|(_, command)| *command == name).map(|(other, _)| format!("-c {other}")),
        );
        for target in targets {
            let _ = writeln!(script, "complete {target} -o h -l help -d 'Show help'");
            for entry in sheet.options() {
                let value = match (&entry.value, entry.is_path, entry.is_optional) {
                    (None, ..) | (_, _, true) => "",
                    (_, true, _) => " -r -F",
                    _ => " -x",
                };
                // What fish calls old-style: a short name that is not put together with others.
                let names =
                    entry.names.iter().fold(String::new(), |names, name| match name.strip_prefix("--") {
                        Some(long) => names + " -l " + long,
                        None => names + " -o " + name.trim_start_matches('-'),
                    });
                let _ = writeln!(script, "complete {target}{names}{value} -d '{}'", quoted(&entry.about));
            }
        }
    }
    script
}

#[cfg(test)]
mod tests {
    use super::super::tests::TOY;
    use super::*;
    use std::process::Command;

    const NAMES: [(&str, &str); 1] = [("plaything", "toy")];

    fn toy(shell: Shell) -> String {
        script(&[Sheet::of_program(&TOY)], &NAMES, shell)
    }

    #[test]
    fn every_shell_learns_every_option() {
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
            let script = toy(shell);
            assert!(script.contains("plaything") && script.contains("toy"), "{script}");
            for option in TOY.options() {
                let lead = if shell == Shell::Fish { "-l " } else { "--" };
                let long = format!("{lead}{}", option.long);
                assert!(script.contains(&long), "{shell:?} lacks {long}:\n{script}");
            }
        }
    }

    #[test]
    fn bash_completes_commands_options_and_files() {
        let script = toy(Shell::Bash);
        let ask = |line: &str| {
            let words: Vec<&str> = line.split(' ').collect();
            let last = words.len() - 1;
            let quoted = words.iter().map(|word| format!("'{word}'")).collect::<Vec<_>>().join(" ");
            let ask = format!(
                "{script}\nCOMP_WORDS=({quoted}); COMP_CWORD={last}; _starling; echo ${{COMPREPLY[@]}}"
            );
            // A machine without bash has nothing to complete.
            let run = Command::new("bash").args(["--norc", "-c", &ask]).current_dir("/").output().ok()?;
            Some(String::from_utf8_lossy(&run.stdout).trim().to_owned())
        };
        for (line, words) in [
            ("starling to", "toy"),
            ("starling toy --alt", "--alt-speed --alt-speed-down"),
            ("/usr/bin/plaything --alt-speed-", "--alt-speed-down"),
            ("starling toy -d ", ""),
            ("starling toy -p de", "dev"),
            ("starling toy de", "dev"),
        ] {
            assert!(ask(line).is_none_or(|told| told == words), "{line}: {:?}", ask(line));
        }
    }
}
