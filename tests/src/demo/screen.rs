//! What the demo prints, and the checks it keeps.

use std::time::Duration;

use crate::process::{Outcome, Person, RelayProcess};

/// Prints and counts.
#[derive(Default)]
pub struct Screen {
    chapter: usize,
    held: usize,
    broken: Vec<String>,
}

impl Screen {
    /// A new chapter.
    pub fn chapter(&mut self, title: &str) {
        self.chapter += 1;
        println!("\n== {}. {title}", self.chapter);
    }

    /// Somebody runs a command; what they see is shown.
    pub fn see(&mut self, person: &Person, arguments: &[&str]) -> Outcome {
        let shown: Vec<String> = arguments
            .iter()
            .map(|word| match *word {
                word if word.starts_with("caucus-invite:") || word.starts_with("caucus-link:") => {
                    format!("{}...", &word[..26])
                }
                word if word.contains(' ') || word.is_empty() => format!("\"{word}\""),
                word => word.to_owned(),
            })
            .collect();
        println!("\n  {} $ caucus {}", person.name, shown.join(" "));
        let outcome = person.run(arguments);
        for line in outcome.err.lines().chain(outcome.out.lines()) {
            if line.trim().is_empty() {
                continue;
            }
            let mut line = line.to_owned();
            if line.chars().count() > 104 {
                line = line.chars().take(100).collect::<String>() + " ...";
            }
            println!("    {line}");
        }
        outcome
    }

    /// Something that must hold.
    pub fn check(&mut self, what: &str, holds: bool) {
        if holds {
            self.held += 1;
            println!("  [ok] {what}");
        } else {
            println!("  [BROKEN] {what}");
            self.broken.push(what.to_owned());
        }
    }

    /// What somebody finds who takes the relay's disk away, and whether any of these words is in it.
    pub fn relay_sees(&mut self, relay: &RelayProcess, needles: &[&str]) {
        let files = relay.disk();
        let bytes: usize = files.iter().map(|(_, bytes)| bytes.len()).sum();
        println!(
            "\n  the relay's disk: {} files, {} KiB",
            files.len(),
            bytes / 1024
        );
        if let Some((path, log)) = files
            .iter()
            .filter(|(path, _)| path.extension().is_some_and(|end| end == "log"))
            .max_by_key(|(_, bytes)| bytes.len())
        {
            let name = path.strip_prefix(relay.data()).unwrap_or(path);
            println!("    {} begins its newest entry's ciphertext with", name.display());
            let from = log.len().saturating_sub(600);
            for row in log[from..].chunks(32).take(3) {
                let hex: Vec<String> = row.iter().map(|byte| format!("{byte:02x}")).collect();
                println!("      {}", hex.join(" "));
            }
        }
        let found: Vec<&&str> = needles
            .iter()
            .filter(|needle| files.iter().any(|(_, bytes)| contains(bytes, needle.as_bytes())))
            .collect();
        self.check(
            &format!(
                "none of {} names and texts is anywhere on the relay's disk {found:?}",
                needles.len()
            ),
            found.is_empty(),
        );
        let there = files
            .iter()
            .find_map(|(_, bytes)| bytes.get(bytes.len() / 2..bytes.len() / 2 + 24));
        self.check(
            "the same search finds 24 bytes that do stand there",
            there.is_some_and(|there| files.iter().any(|(_, bytes)| contains(bytes, there))),
        );
    }

    /// The end.
    pub fn summary(&self, took: Duration) -> i32 {
        println!(
            "\n== {} checks held, {} broken, in {:.0} s",
            self.held,
            self.broken.len(),
            took.as_secs_f64()
        );
        for broken in &self.broken {
            println!("   BROKEN: {broken}");
        }
        i32::from(!self.broken.is_empty() || self.held == 0)
    }
}

fn contains(bytes: &[u8], needle: &[u8]) -> bool {
    bytes.windows(needle.len()).any(|window| window == needle)
}
