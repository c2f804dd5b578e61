//! An agent as a process of its own, spoken to by its socket, so that it can be killed at any moment.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use caucus_client::vault::{Cost, Passphrase, Vault};
use serde_json::{Value, json};

use super::line::{Line, Unanswered};
use super::{PATIENCE, PRIVATE_RELAYS, binaries};

const PASSPHRASE: &str = "a passphrase that costs nothing";

/// A running `caucus agent` over a vault whose passphrase is cheap to try.
pub struct AgentProcess {
    /// The chosen name.
    pub name: String,
    home: PathBuf,
    child: Option<Child>,
}

impl AgentProcess {
    /// Somebody with a fresh vault and a running agent that has it open.
    ///
    /// # Panics
    /// If the vault cannot be made or the agent does not answer.
    pub fn new(name: &str, folder: &Path) -> Self {
        let home = folder.join(name);
        let passphrase = Passphrase::new(PASSPHRASE.to_owned());
        drop(Vault::create(&home, &passphrase, Cost::new(64, 1, 1)).expect("a vault"));
        let mut agent = Self {
            name: name.to_owned(),
            home,
            child: None,
        };
        agent.start_again();
        agent
    }

    /// Their home.
    pub fn home(&self) -> &Path {
        &self.home
    }

    /// Its process.
    pub fn pid(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    /// Starts it where it was, and unlocks it.
    ///
    /// # Panics
    /// If it does not answer or its vault does not open.
    pub fn start_again(&mut self) {
        let unlocked = self.start_locked().ask(&unlock(), PATIENCE);
        assert!(unlocked.is_ok(), "{}: {unlocked:?}", self.name);
    }

    /// Starts it, and kills it so long after it was told to unlock, without waiting for its answer.
    ///
    /// # Panics
    /// If it does not start.
    pub fn start_and_kill(&mut self, after: Duration) {
        let mut line = self.start_locked();
        let _ = line.send(&unlock());
        std::thread::sleep(after);
        self.kill();
    }

    fn start_locked(&mut self) -> Line {
        self.kill();
        let child = Command::new(binaries().join("caucus"))
            .arg("--home")
            .arg(&self.home)
            .args(["agent", PRIVATE_RELAYS])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the program caucus");
        self.child = Some(child);
        let start = Instant::now();
        loop {
            if let Ok(line) = self.line() {
                return line;
            }
            assert!(start.elapsed() < PATIENCE, "{}: no agent listens", self.name);
            std::thread::sleep(Duration::from_millis(3));
        }
    }

    /// A connection to it.
    ///
    /// # Errors
    /// If nobody listens.
    pub fn line(&self) -> std::io::Result<Line> {
        Line::to(&self.home)
    }

    /// Asks on a connection of its own, and expects it to be done.
    ///
    /// # Panics
    /// If it is not.
    pub fn ask(&self, intent: &Value) -> Value {
        match self.try_ask(intent) {
            Ok(answer) => answer,
            Err(error) => panic!("{}: {intent}: {error:?}", self.name),
        }
    }

    /// Asks on a connection of its own.
    ///
    /// # Errors
    /// The agent's error, or that it does not answer.
    pub fn try_ask(&self, intent: &Value) -> Result<Value, Unanswered> {
        self.line()?.ask(intent, PATIENCE)
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
            std::thread::sleep(Duration::from_millis(40));
        }
    }

    /// Ends it at once (SIGKILL to its process id), as a crash or an empty battery would.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Drop for AgentProcess {
    fn drop(&mut self) {
        self.kill();
    }
}

fn unlock() -> Value {
    json!({"do": "unlock", "passphrase": PASSPHRASE})
}
