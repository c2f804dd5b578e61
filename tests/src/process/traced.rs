//! A relay whose system calls strace sees, or tampers with.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::binaries;

/// A running `strace caucus-relay run`.
pub struct Traced {
    strace: Child,
    address: String,
}

impl Traced {
    /// Starts it with these words for strace and for `caucus-relay run`.
    ///
    /// # Panics
    /// If there is no strace, or the relay does not run.
    #[must_use]
    pub fn start(strace: &[&str], run: &[&str]) -> Self {
        let mut strace = Command::new("strace")
            .args(["-f", "-qq"])
            .args(strace)
            .arg(binaries().join("caucus-relay"))
            .arg("run")
            .args(run)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("strace, which tests/run installs");
        let mut line = String::new();
        BufReader::new(strace.stdout.take().expect("its output"))
            .read_line(&mut line)
            .expect("its first line");
        let address = line.trim().to_owned();
        assert!(
            address.starts_with("caucus://"),
            "it does not run under strace: {address:?}"
        );
        Self { strace, address }
    }

    /// The relay's address.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// How the relay ended by itself, which strace passes on.
    ///
    /// # Panics
    /// If it goes on.
    #[must_use]
    pub fn ended(mut self) -> i32 {
        let start = Instant::now();
        while start.elapsed() < Duration::from_secs(30) {
            if let Some(status) = self.strace.try_wait().expect("its end") {
                return status.code().unwrap_or(-1);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("it goes on");
    }
}

impl Drop for Traced {
    fn drop(&mut self) {
        // strace ends with what it started.
        let id = self.strace.id();
        let children = std::fs::read_to_string(format!("/proc/{id}/task/{id}/children")).unwrap_or_default();
        for child in children.split_whitespace().filter_map(|child| child.parse().ok()) {
            if let Some(pid) = rustix::process::Pid::from_raw(child) {
                let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
            }
        }
        let _ = self.strace.wait();
    }
}
