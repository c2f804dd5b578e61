//! A face's end of the socket: connect, ask, follow. It blocks: a face does one thing at a time and starts
//! without a runtime.

use std::io::{self, BufReader, ErrorKind, Write};
use std::ops::ControlFlow;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use zeroize::Zeroize;

use super::home::Home;
use super::line::{LONGEST_LINE, Reply, Request, Said};
use crate::app::{Answer, Code, Intent, Problem};

/// How long an answer may take. Waiting for an admission is asked for in shorter pieces.
const PATIENCE: Duration = Duration::from_secs(120);

/// How long an agent may take to end.
const ENDING: Duration = Duration::from_secs(10);

/// A connection to the agent.
#[derive(Debug)]
pub struct Call {
    write: UnixStream,
    read: BufReader<UnixStream>,
    last: u64,
    /// How long an answer may take.
    longest: Duration,
}

impl Call {
    /// Connects; none if no agent listens.
    ///
    /// # Errors
    /// `Problem` if the home folder cannot be trusted or the socket is out of reach.
    pub fn connect(home: &Home) -> Result<Option<Self>, Problem> {
        if !home.is_there()? {
            return Ok(None);
        }
        let stream = match home.with_socket(|path| UnixStream::connect(path)) {
            Ok(stream) => stream,
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::ConnectionRefused) => {
                return Ok(None);
            }
            Err(error) => return Err(lost(&error)),
        };
        let read = stream.try_clone().map_err(|error| lost(&error))?;
        Ok(Some(Self {
            write: stream,
            read: BufReader::new(read),
            last: 0,
            longest: PATIENCE,
        }))
    }

    /// Waits for an answer so long at most.
    #[must_use]
    pub const fn with_patience(mut self, longest: Duration) -> Self {
        self.longest = longest;
        self
    }

    /// Asks, and waits for the answer.
    ///
    /// # Errors
    /// The agent's `Problem`, or one of code `agent` if it does not answer.
    pub fn ask(&mut self, intent: &Intent) -> Result<Answer, Problem> {
        self.ask_watching(intent, |_| {})
    }

    /// Asks, and hands over what is told of how far it is until the answer comes.
    ///
    /// # Errors
    /// As `ask`.
    pub fn ask_watching(
        &mut self,
        intent: &Intent,
        mut each: impl FnMut(&Answer),
    ) -> Result<Answer, Problem> {
        let id = self.send(intent)?;
        self.patience(Some(self.longest))?;
        loop {
            match self.receive(id)? {
                Said::Ok(answer) => return Ok(answer),
                Said::Error(problem) => return Err(problem),
                Said::Event(event) => each(&event),
            }
        }
    }

    /// Asks for something that goes on, and hands over each answer as it comes, until `each` breaks off.
    ///
    /// # Errors
    /// As `ask`; also when the vault is locked in the meantime.
    pub fn follow(
        &mut self,
        intent: &Intent,
        mut each: impl FnMut(Answer) -> ControlFlow<()>,
    ) -> Result<(), Problem> {
        let id = self.send(intent)?;
        self.patience(None)?;
        loop {
            match self.receive(id)? {
                Said::Ok(answer) | Said::Event(answer) => {
                    if each(answer).is_break() {
                        return Ok(());
                    }
                }
                Said::Error(problem) => return Err(problem),
            }
        }
    }

    /// Waits until the agent has ended, after it was asked to stop.
    ///
    /// # Errors
    /// `Problem` of code `agent` if it does not.
    pub fn until_it_ends(mut self) -> Result<(), Problem> {
        self.patience(Some(ENDING))?;
        while Reply::read(&mut self.read)
            .map_err(|error| lost(&error))?
            .is_some()
        {}
        Ok(())
    }

    fn send(&mut self, intent: &Intent) -> Result<u64, Problem> {
        self.last = self.last.wrapping_add(1);
        let request = Request {
            id: self.last,
            intent: intent.clone(),
        };
        let mut line = request.to_line().map_err(|error| lost(&error))?;
        let sent = if line.len() > LONGEST_LINE {
            Err(Problem::new(
                Code::BadInput,
                "this is more than the agent takes at a time",
                "make it shorter",
            ))
        } else {
            self.write.write_all(&line).map_err(|error| lost(&error))
        };
        line.zeroize();
        sent.map(|()| self.last)
    }

    fn receive(&mut self, id: u64) -> Result<Said, Problem> {
        loop {
            match Reply::read(&mut self.read).map_err(|error| lost(&error))? {
                Some(reply) if reply.id == id || reply.id == 0 => return Ok(reply.said),
                Some(_) => {}
                None => {
                    return Err(Problem::new(
                        Code::Agent,
                        "the agent ended before it answered",
                        "try again: it is started anew; what was done is kept",
                    ));
                }
            }
        }
    }

    fn patience(&self, patience: Option<Duration>) -> Result<(), Problem> {
        self.read
            .get_ref()
            .set_read_timeout(patience)
            .map_err(|error| lost(&error))
    }
}

fn lost(error: &io::Error) -> Problem {
    match error.kind() {
        ErrorKind::WouldBlock | ErrorKind::TimedOut => Problem::new(
            Code::Agent,
            "the agent does not answer",
            "end it with `caucus agent --stop`, or by its process id, and try again",
        ),
        ErrorKind::InvalidData => Problem::new(
            Code::Agent,
            "the agent answers in a way that this program does not understand",
            "it may be of another version: end it with `caucus agent --stop` and try again",
        ),
        _ => Problem::new(
            Code::Agent,
            format!("the agent cannot be reached: {error}"),
            "try again; if it stays so, start it with `caucus agent` in another terminal to see why",
        ),
    }
}
