//! A person as processes: the program `caucus`, and the agent that it starts.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::{PRIVATE_RELAYS, binaries};

/// What a command came to.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// Its exit code.
    pub code: i32,
    /// What it printed.
    pub out: String,
    /// What it complained.
    pub err: String,
}

impl Outcome {
    /// Its answer, with `--json`.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or(Value::Null)
    }
}

/// Somebody at a terminal.
pub struct Person {
    /// The chosen name.
    pub name: String,
    home: PathBuf,
    passphrase: PathBuf,
    anywhere: bool,
}

impl Person {
    /// Somebody with an empty home.
    ///
    /// # Panics
    /// If the folder cannot be made.
    pub fn new(name: &str, folder: &Path) -> Self {
        let passphrase = folder.join(format!("{name}.passphrase"));
        std::fs::write(&passphrase, format!("the long passphrase of {name}\n")).expect("a file");
        Self {
            name: name.to_owned(),
            home: folder.join(name),
            passphrase,
            anywhere: true,
        }
    }

    /// Their agent connects to no relay of this machine that others name, as anybody's.
    #[must_use]
    pub fn that_is_wary(mut self) -> Self {
        self.anywhere = false;
        self
    }

    /// Their home.
    pub fn home(&self) -> &Path {
        &self.home
    }

    /// Runs `caucus` with these arguments, as at a terminal.
    pub fn run(&self, arguments: &[&str]) -> Outcome {
        self.run_with(arguments, "")
    }

    /// Runs `caucus` and gives its answer.
    ///
    /// # Panics
    /// If it does not succeed.
    pub fn ask(&self, arguments: &[&str]) -> Value {
        let mut all = vec!["--json"];
        all.extend_from_slice(arguments);
        let outcome = self.run(&all);
        assert_eq!(
            outcome.code, 0,
            "{}: caucus {arguments:?}: {outcome:?}",
            self.name
        );
        outcome.json()
    }

    /// Runs `caucus` with something on its standard input.
    ///
    /// # Panics
    /// If the program is not there.
    pub fn run_with(&self, arguments: &[&str], input: &str) -> Outcome {
        let mut child = Command::new(binaries().join("caucus"))
            .arg("--home")
            .arg(&self.home)
            .arg("--passphrase-file")
            .arg(&self.passphrase)
            .args(self.anywhere.then_some(PRIVATE_RELAYS))
            .args(arguments)
            .env("NO_COLOR", "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("caucus");
        if let Some(mut stdin) = child.stdin.take() {
            // A command that reads nothing may be gone already.
            let _ = stdin.write_all(input.as_bytes());
        }
        let output = child.wait_with_output().expect("its output");
        Outcome {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Waits until something is seen.
    pub fn until<T>(&self, patience: Duration, look: impl Fn(&Self) -> Option<T>) -> Option<T> {
        let start = Instant::now();
        loop {
            if let Some(found) = look(self) {
                return Some(found);
            }
            if start.elapsed() > patience {
                return None;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// What was said in a room: author and text.
    pub fn said(&self, room: &str) -> Vec<(String, String)> {
        let answer = self.ask(&["read", room, "--since", "0", "--limit", "1000"]);
        let messages = answer["messages"].as_array().cloned().unwrap_or_default();
        messages
            .iter()
            .filter(|message| message["kind"] == "said")
            .map(|message| {
                let word = |key: &str| message[key].as_str().unwrap_or_default().to_owned();
                (word("author"), word("text"))
            })
            .collect()
    }

    /// Ends their agent at once (SIGKILL to its process id), as a crash would.
    ///
    /// # Panics
    /// If there is none.
    pub fn kill_agent(&self) {
        let pid = self.ask(&["status"])["pid"].as_u64().expect("a process");
        let killed = Command::new("kill")
            .args(["-9", &pid.to_string()])
            .status()
            .expect("kill");
        assert!(killed.success(), "{}: no agent {pid}", self.name);
    }

    /// Ends their agent.
    pub fn stop(&self) {
        if self.home.exists() {
            self.run(&["agent", "--stop"]);
        }
    }
}

impl Drop for Person {
    fn drop(&mut self) {
        self.stop();
    }
}
