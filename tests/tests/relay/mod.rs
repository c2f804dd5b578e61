//! The program `caucus-relay` as its operator meets it: commands, failures, ends.

mod acks;
mod disk;
mod ends;
mod failures;
mod keys;
mod operate;
mod pages;
mod restart;
mod silence;

use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};

use caucus_client::relay::{Appended, Connection, Handle, Pool};
use caucus_proto::id::{ChannelId, Counter, PersonaId, Position};
use caucus_proto::wire::{Access, ChannelSpec, Entry, RelayAddress, Retention, Role, SLOTS, Served};
use caucus_tests::process::{Outcome, binaries};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use x25519_dalek::{PublicKey, StaticSecret};

const FREE: [&str; 2] = ["--listen", "127.0.0.1:0"];

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(binaries().join("caucus-relay"));
    command
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// Runs `caucus-relay` to its end.
fn relay(arguments: &[&str]) -> Outcome {
    relay_with(arguments, "")
}

fn relay_with(arguments: &[&str], input: &str) -> Outcome {
    let mut child = command(arguments).spawn().unwrap();
    // A command that reads nothing may be gone already.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let output = child.wait_with_output().unwrap();
    Outcome {
        code: output.status.code().unwrap_or(-1),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A relay that runs; killed when it is dropped.
struct Running {
    child: Child,
    first: String,
}

impl Running {
    fn start(data: &Path) -> Self {
        Self::with(&["--data", text(data)], &[])
    }

    fn with(arguments: &[&str], variables: &[(&str, &str)]) -> Self {
        Self::told(&[&FREE, arguments].concat(), variables)
    }

    fn told(arguments: &[&str], variables: &[(&str, &str)]) -> Self {
        let all = [&["run"], arguments].concat();
        let mut child = command(&all).envs(variables.iter().copied()).spawn().unwrap();
        let mut first = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut first)
            .unwrap();
        let first = first.trim().to_owned();
        let mut running = Self { child, first };
        if running.first.is_empty() {
            let (status, err) = running.ended();
            panic!("no first line, {status}: {err}");
        }
        running
    }

    fn address(&self) -> RelayAddress {
        self.first.parse().unwrap()
    }

    fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    /// Asks it to end, and waits until it has: how, and what it had written to standard error.
    fn stop(mut self) -> (ExitStatus, String) {
        kill_process(self.pid(), Signal::TERM).unwrap();
        self.ended()
    }

    fn ended(&mut self) -> (ExitStatus, String) {
        let mut err = String::new();
        self.child
            .stderr
            .take()
            .unwrap()
            .read_to_string(&mut err)
            .unwrap();
        (self.child.wait().unwrap(), err)
    }

    fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A failure as everybody should meet it: an exit code of its own, what happened, what to do next, and the
/// same as JSON.
fn fails(code: i32, arguments: &[&str], what: &str) {
    let outcome = relay(arguments);
    assert_eq!(outcome.code, code, "{arguments:?}: {outcome:?}");
    assert_eq!(outcome.out, "", "{outcome:?}");
    let lines: Vec<_> = outcome.err.lines().filter(|line| !is_log(line)).collect();
    let first = lines.first().copied().unwrap_or_default();
    assert!(first.starts_with("caucus-relay: "), "{outcome:?}");
    let told = lines.join("\n");
    assert!(told.contains(what), "{what}: {outcome:?}");
    let next = lines.last().copied().unwrap_or_default();
    assert!(lines.len() >= 2 && next.ends_with('.'), "{outcome:?}");
    let outcome = relay(&[&["--json"][..], arguments].concat());
    assert_eq!(outcome.code, code, "{outcome:?}");
    let json: Vec<Value> = outcome
        .err
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect();
    let [error] = json.as_slice() else {
        panic!("not one JSON value: {outcome:?}");
    };
    assert_eq!(error["error"]["code"], code);
    assert_eq!(error["error"]["next"], next);
    assert!(error["error"]["what"].as_str().unwrap().contains(what), "{error}");
}

/// A line of the relay's log, as opposed to a word to whoever called it.
fn is_log(line: &str) -> bool {
    ["INFO", "WARN", "ERROR"]
        .iter()
        .any(|level| line.trim_start().starts_with(level))
}

fn secret(byte: u8) -> StaticSecret {
    StaticSecret::from([byte; 32])
}

fn public(byte: u8) -> [u8; 32] {
    PublicKey::from(&secret(byte)).to_bytes()
}

fn room() -> ChannelSpec {
    let mut controls = [[0; 32]; SLOTS];
    for (slot, key) in controls.iter_mut().zip(80..) {
        *slot = public(key);
    }
    ChannelSpec {
        creation_key: public(1),
        salt: [9; 32],
        access: Access {
            append: public(2),
            read: public(3),
        },
        controls,
        solo: true,
        plain: Retention::Month,
        flagged: Retention::Month,
        counter: Counter(0),
        after: Position(0),
    }
}

fn channel() -> ChannelId {
    room().id()
}

/// Somebody who has the keys of the room.
struct Client {
    _pool: Pool,
    connection: Connection,
    append: Handle,
    read: Handle,
}

impl Client {
    /// The one who makes the room.
    async fn first(address: &RelayAddress) -> Self {
        let pool = Pool::default();
        let connection = pool.connection(address, &PersonaId([1; 32])).await.unwrap();
        connection.create(&room(), &secret(1), None).await.unwrap();
        Self::of(pool, connection).await
    }

    /// One who comes later.
    async fn later(address: &RelayAddress) -> Self {
        let pool = Pool::default();
        let connection = pool.connection(address, &PersonaId([1; 32])).await.unwrap();
        Self::of(pool, connection).await
    }

    async fn of(_pool: Pool, connection: Connection) -> Self {
        let append = connection
            .open(channel(), Role::Append, &secret(2))
            .await
            .unwrap()
            .handle;
        let read = connection
            .open(channel(), Role::Read, &secret(3))
            .await
            .unwrap()
            .handle;
        Self {
            _pool,
            connection,
            append,
            read,
        }
    }

    async fn say(&self, fill: u8, size: usize) -> Result<u64, caucus_client::relay::LinkError> {
        let bytes = vec![fill; size].into();
        match self.connection.append(self.append, Counter(0), bytes).await? {
            Appended::Stored(position) => Ok(position.0),
            other => panic!("not stored: {other:?}"),
        }
    }

    async fn all(&self) -> Vec<Entry> {
        let mut reading = self.connection.read(self.read, Position(0), false).await.unwrap();
        let mut entries = Vec::new();
        loop {
            match reading.next().await.unwrap() {
                Served::Entry(entry) => entries.push(entry),
                Served::End => return entries,
                other => panic!("no entry: {other:?}"),
            }
        }
    }
}
