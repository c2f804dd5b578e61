//! A connection to an agent: JSON lines, as a bot speaks them (`docs/agent.md`).

use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;

/// A connection to an agent.
pub struct Line {
    reader: BufReader<UnixStream>,
    writer: UnixStream,
    last: u64,
}

/// Why there is no good answer.
#[derive(Debug)]
pub enum Unanswered {
    /// The agent refuses: its error.
    Refused(Value),
    /// Nobody answered, or not in time.
    Silent(io::Error),
}

impl From<io::Error> for Unanswered {
    fn from(error: io::Error) -> Self {
        Self::Silent(error)
    }
}

impl Line {
    /// Connects to the agent of a home.
    ///
    /// # Errors
    /// If nobody listens.
    pub fn to(home: &Path) -> io::Result<Self> {
        let writer = UnixStream::connect(home.join("agent.sock"))?;
        Ok(Self {
            reader: BufReader::new(writer.try_clone()?),
            writer,
            last: 0,
        })
    }

    /// Asks, without waiting; gives the number of the request.
    ///
    /// # Errors
    /// If the agent is gone.
    pub fn send(&mut self, intent: &Value) -> io::Result<u64> {
        self.last += 1;
        let mut request = intent.clone();
        request["id"] = self.last.into();
        self.writer.write_all(format!("{request}\n").as_bytes())?;
        Ok(self.last)
    }

    /// The next line that the agent says.
    ///
    /// # Errors
    /// If the agent is gone, or says nothing for so long.
    pub fn hear(&mut self, patience: Duration) -> io::Result<Value> {
        self.reader.get_ref().set_read_timeout(Some(patience))?;
        let mut line = String::new();
        if self.reader.read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(serde_json::from_str(&line)?)
    }

    /// Asks, and waits for the answer.
    ///
    /// # Errors
    /// `Unanswered`.
    pub fn ask(&mut self, intent: &Value, patience: Duration) -> Result<Value, Unanswered> {
        let id = self.send(intent)?;
        loop {
            let mut heard = self.hear(patience)?;
            if heard["id"] == id {
                return match heard["error"].take() {
                    Value::Null => Ok(heard["ok"].take()),
                    error => Err(Unanswered::Refused(error)),
                };
            }
        }
    }
}
