//! The command line as a whole: help, exit codes, and commands against an agent of this process.

use std::io::{self, Write};
use std::path::Path;
use std::sync::{Arc, Mutex};

use clap::{CommandFactory, Parser};
use proptest::prelude::*;

use super::command::{Cli, run};
use super::console::{Console, plain as piece, warn};
use super::{failure, plain};
use crate::agent::Running;
use crate::app::Code;

/// Collects what is written.
#[derive(Clone, Default)]
struct Paper(Arc<Mutex<Vec<u8>>>);

impl Write for Paper {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Paper {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

/// Standard output that nobody reads.
struct Torn;

impl Write for Torn {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::BrokenPipe.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Err(io::ErrorKind::BrokenPipe.into())
    }
}

fn caucus(home: &Path, arguments: &[&str], input: &str) -> (u8, String, String) {
    let home = home.to_str().unwrap();
    let all = ["caucus", "--home", home]
        .into_iter()
        .chain(arguments.iter().copied());
    let cli = Cli::try_parse_from(all).unwrap();
    let (out, err) = (Paper::default(), Paper::default());
    let json = arguments.contains(&"--json");
    let console = Console::of_test(json, input.as_bytes(), out.clone(), err.clone());
    let exit = run(cli, console);
    (exit, out.text(), err.text())
}

#[test]
fn the_help_of_every_command_has_an_example() {
    fn look(command: &clap::Command, path: &str) -> usize {
        let mut seen = 0;
        for sub in command.get_subcommands() {
            let path = format!("{path} {}", sub.get_name());
            let help = sub.clone().render_long_help().to_string();
            assert!(help.contains(&format!("Example:\n  {path}")), "{path}: {help}");
            seen += 1 + look(sub, &path);
        }
        seen
    }
    assert_eq!(look(&Cli::command(), "caucus"), 171);
}

/// The words of a line as a shell takes them, up to where its output goes or its input comes from.
fn shell_words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quoted) = (Vec::new(), None::<String>, false);
    for c in line.chars() {
        match c {
            '"' => {
                quoted = !quoted;
                word.get_or_insert_default();
            }
            ' ' if !quoted => words.extend(word.take()),
            '<' | '>' | '|' if !quoted => break,
            c => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

#[test]
fn every_example_is_a_command() {
    fn look(command: &clap::Command) {
        let help = command
            .get_after_help()
            .map(ToString::to_string)
            .unwrap_or_default();
        for line in help.lines().filter(|line| line.starts_with("  caucus ")) {
            let words = shell_words(line.trim());
            if let Err(error) = Cli::try_parse_from(&words) {
                panic!("{words:?}: {error}");
            }
        }
        command.get_subcommands().for_each(look);
    }
    look(&Cli::command());
}

#[test]
fn the_command_line_is_well_formed() {
    Cli::command().debug_assert();
}

#[test]
fn caucus_alone_shows_how_to_begin_and_every_command() {
    let folder = tempfile::tempdir().unwrap();
    let (exit, out, err) = caucus(folder.path(), &[], "");
    assert_eq!((exit, err.as_str()), (0, ""));
    insta::assert_snapshot!("overview", out);
    for command in Cli::command().get_subcommands() {
        assert!(out.contains(command.get_name()), "{}", command.get_name());
    }
}

#[test]
fn the_program_has_one_cost_for_passphrases_and_nothing_to_change_it() {
    let mut seen = 0;
    for folder in ["src/cli", "src/agent"] {
        for file in std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)).unwrap() {
            let path = file.unwrap().path();
            if !path.is_file() || path.file_name().unwrap() == "tests.rs" {
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            assert!(!text.contains("Cost::new"), "{}", path.display());
            seen += text.matches("Cost::standard()").count();
        }
    }
    assert_eq!(seen, 1);
}

#[test]
fn every_code_has_its_own_exit_code_and_none_is_that_of_wrong_usage() {
    let table = [
        (Code::Internal, 1),
        (Code::Queued, 3),
        (Code::BadInput, 4),
        (Code::Locked, 5),
        (Code::WrongPassphrase, 6),
        (Code::NoVault, 7),
        (Code::VaultExists, 8),
        (Code::Vault, 9),
        (Code::NotFound, 10),
        (Code::Denied, 11),
        (Code::Unreachable, 12),
        (Code::WrongRelayKey, 13),
        (Code::RelayRefused, 14),
        (Code::RoomState, 15),
        (Code::Agent, 16),
    ];
    for (code, exit) in table {
        assert_eq!(code.exit(), exit);
        assert_ne!(exit, failure::USAGE);
        let word = serde_json::to_value(code).unwrap();
        let row = format!("| {exit} | {} |", word.as_str().unwrap());
        assert!(include_str!("../../../docs/agent.md").contains(&row), "{row}");
    }
}

#[test]
fn a_vault_is_made_locked_and_opened_from_files_and_standard_input() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().join("home");
    let (right, wrong, new) = (
        folder.path().join("p"),
        folder.path().join("w"),
        folder.path().join("n"),
    );
    std::fs::write(&right, "long words\n").unwrap();
    std::fs::write(&wrong, "other words\n").unwrap();
    std::fs::write(&new, "new words\n").unwrap();
    let [right, wrong, new] = [&right, &wrong, &new].map(|path| path.to_str().unwrap());
    let agent = Running::start(&home);

    let (exit, out, err) = caucus(&home, &["rooms"], "");
    assert_eq!((exit, out.as_str()), (7, ""));
    assert_eq!(
        err,
        "caucus: there is no vault yet\n  next: make one with `caucus init`\n"
    );
    assert_eq!(caucus(&home, &["init"], "").0, failure::USAGE);
    let (exit, out, _) = caucus(&home, &["init", "--passphrase-file", right], "");
    assert_eq!(exit, 0);
    assert!(out.starts_with("Your vault is in "));
    assert_eq!(caucus(&home, &["init", "--passphrase-file", right], "").0, 8);

    assert_eq!(caucus(&home, &["lock"], "").0, 0);
    let (exit, _, err) = caucus(&home, &["rooms"], "");
    assert_eq!(exit, 5);
    assert!(err.contains("caucus unlock"), "{err}");
    assert_eq!(caucus(&home, &["rooms", "--passphrase-file", wrong], "").0, 6);
    let (exit, out, err) = caucus(&home, &["rooms", "--passphrase-file", right], "");
    assert_eq!((exit, err.as_str()), (0, ""), "{out}");

    caucus(&home, &["lock"], "");
    assert_eq!(
        caucus(&home, &["unlock", "--passphrase-stdin"], "long words\n").0,
        0
    );
    let change = [
        "passphrase",
        "--passphrase-file",
        right,
        "--new-passphrase-file",
        new,
    ];
    assert_eq!(caucus(&home, &change, "").0, 0);
    assert_eq!(caucus(&home, &change, "").0, 6);
    caucus(&home, &["lock"], "");
    assert_eq!(caucus(&home, &["unlock", "--passphrase-file", right], "").0, 6);
    assert_eq!(caucus(&home, &["unlock", "--passphrase-file", new], "").0, 0);
    agent.end();
}

#[test]
fn an_invite_is_never_taken_for_a_relay_nor_a_relay_for_an_invite() {
    let folder = tempfile::tempdir().unwrap();
    let agent = Running::start(folder.path());
    for input in ["caucus://key@host:1", "  caucus://key@host:1\n"] {
        let (exit, _, err) = caucus(folder.path(), &["join", "-", "--as", "ana"], input);
        assert_eq!(exit, 4);
        assert!(err.contains("relay add"), "{err}");
    }
    for given in ["caucus-invite:AAAA", " caucus-invite:AAAA"] {
        for command in ["add", "info"] {
            let (exit, _, err) = caucus(folder.path(), &["relay", command, given], "");
            assert_eq!(exit, 4);
            assert!(err.contains("caucus join"), "{err}");
        }
    }
    agent.end();
}

#[test]
fn errors_and_answers_are_json_where_that_is_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let agent = Running::start(folder.path());
    let (exit, out, err) = caucus(folder.path(), &["rooms", "--json"], "");
    assert_eq!((exit, out.as_str()), (7, ""));
    let told: serde_json::Value = serde_json::from_str(&err).unwrap();
    assert_eq!(told["error"]["code"], "no_vault");
    let (exit, out, err) = caucus(folder.path(), &["status", "--json"], "");
    assert_eq!((exit, err.as_str()), (0, ""));
    let status: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(
        (&status["is"], &status["vault"]),
        (&"status".into(), &"none".into())
    );
    agent.end();
}

#[test]
fn nothing_is_removed_without_a_yes() {
    let folder = tempfile::tempdir().unwrap();
    for arguments in [&["remove", "North", "ben"][..], &["leave", "North"]] {
        let (exit, out, err) = caucus(folder.path(), arguments, "y\n");
        assert_eq!((exit, out.as_str()), (failure::USAGE, ""));
        assert!(err.contains("--yes"), "{err}");
    }
}

#[test]
fn output_that_nobody_reads_is_a_quiet_end() {
    let cli = Cli::try_parse_from(["caucus"]).unwrap();
    let err = Paper::default();
    let exit = run(cli, Console::of_test(false, b"", Torn, err.clone()));
    assert_eq!((exit, err.text().as_str()), (0, ""));
}

#[test]
fn words_of_others_are_shown_harmless() {
    assert_eq!(plain::line("a\u{1b}[2Jb\u{9b}31m"), "a\\u{1b}[2Jb\\u{9b}31m");
    assert_eq!(plain::line("x\u{202e}y\r\nz"), "x\\u{202e}y\\u{d}\\u{a}z");
    assert_eq!(plain::line("a\tb"), "a    b");
    assert_eq!(plain::line("❤\u{fe0f} 👩\u{200d}🚀 Grüße"), "❤ 👩🚀 Grüße");
    assert_eq!(plain::line("a\u{200d}b"), "a\\u{200d}b");
    assert_eq!(
        plain::lines("one\r\ntwo\n\u{7}\n\n").collect::<Vec<_>>(),
        ["one", "two", "\\u{7}"]
    );
    assert_eq!(plain::json("\"\u{9b}\u{e0041}é\""), "\"\\u009b\\udb40\\udc41é\"");
}

/// The allow-list of the case, written down on its own: what may reach a terminal besides our line breaks.
fn may_reach_a_terminal(c: char) -> bool {
    !c.is_control()
        && !matches!(c as u32,
            0xad | 0x61c | 0x180e | 0x200b..=0x200f | 0x2028..=0x202e | 0x2060..=0x206f
            | 0xfe00..=0xfe0f | 0xfeff | 0xfff9..=0xfffb | 0xe000..=0xf8ff | 0xe0000..=0x10ffff)
}

fn hostile() -> impl Strategy<Value = String> {
    let character = prop_oneof![
        3 => any::<char>(),
        2 => (0u8..0x20).prop_map(char::from),
        2 => (0x7fu8..=0xa0).prop_map(char::from),
        2 => prop::sample::select("\u{202a}\u{202e}\u{2066}\u{2069}\u{200d}\u{200b}\u{fe0f}\u{feff}\u{2028}\u{e0041}\u{ad}".chars().collect::<Vec<_>>()),
        1 => prop::sample::select("a;[]0m?\\é❤".chars().collect::<Vec<_>>()),
    ];
    prop::collection::vec(character, 0..12).prop_map(String::from_iter)
}

fn cases() -> ProptestConfig {
    let long = std::env::var_os("CAUCUS_LONG").is_some();
    ProptestConfig::with_cases(if long { 1_000_000 } else { 100_000 })
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn no_byte_outside_the_allow_list_reaches_a_terminal(text in hostile()) {
        let (out, err) = (Paper::default(), Paper::default());
        let mut console = Console::of_test(false, b"", out.clone(), err.clone());
        console.line([piece(text.as_str()), warn(text.as_str())]).unwrap();
        console.remark(&text);
        for line in plain::lines(&text) {
            prop_assert!(line.chars().all(may_reach_a_terminal));
        }
        for printed in [out.text(), err.text()] {
            let line = printed.strip_suffix('\n').unwrap();
            prop_assert!(line.chars().all(may_reach_a_terminal), "{line:?}");
        }
        let encoded = plain::json(&serde_json::to_string(&text).unwrap());
        prop_assert!(encoded.chars().all(may_reach_a_terminal), "{encoded:?}");
        prop_assert_eq!(serde_json::from_str::<String>(&encoded).unwrap(), text);
    }
}
