//! An agent's socket, as a bot uses it: JSON lines (`docs/agent.md`).

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// A connection to an agent that asks one thing at a time.
pub(super) struct Socket {
    write: UnixStream,
    read: BufReader<UnixStream>,
    last: u64,
}

impl Socket {
    /// To the agent of a home.
    pub(super) fn of(home: &Path) -> Self {
        let write = UnixStream::connect(home.join("agent.sock")).expect("the agent listens");
        write.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        let read = BufReader::new(write.try_clone().expect("a second handle"));
        Self { write, read, last: 0 }
    }

    /// Asks, and gives what is under `ok`.
    pub(super) fn ask(&mut self, mut intent: Value) -> Value {
        self.last += 1;
        intent["id"] = json!(self.last);
        let mut line = intent.to_string();
        line.push('\n');
        self.write.write_all(line.as_bytes()).expect("the agent reads");
        let mut answer = self.line();
        assert_eq!(answer["id"], json!(self.last), "{answer}");
        assert!(answer["ok"].is_object(), "{intent}: {answer}");
        answer["ok"].take()
    }

    /// Follows a room: texts and when they came, on a thread of their own until the agent ends.
    pub(super) fn follow(mut self, room: &str) -> mpsc::Receiver<(String, Instant)> {
        self.ask(json!({"do": "read", "room": room, "follow": true}));
        let (sender, texts) = mpsc::channel();
        thread::spawn(move || {
            // Following is silent for as long as nobody says anything.
            self.write.set_read_timeout(None).expect("no timeout");
            loop {
                let mut line = String::new();
                let read = self.read.read_line(&mut line);
                let now = Instant::now();
                if !read.is_ok_and(|bytes| bytes > 0) {
                    return;
                }
                let event: Value = serde_json::from_str(&line).unwrap_or_default();
                if let Some(text) = event["event"]["text"].as_str()
                    && sender.send((text.to_owned(), now)).is_err()
                {
                    return;
                }
            }
        });
        texts
    }

    fn line(&mut self) -> Value {
        let mut line = String::new();
        self.read.read_line(&mut line).expect("an answer");
        serde_json::from_str(&line).expect("a JSON line")
    }
}
