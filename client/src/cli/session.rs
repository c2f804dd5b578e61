//! One command's talk with the agent: starts it on demand, unlocks where that is needed, and hears answers.

use std::ops::ControlFlow;

use super::console::Console;
use super::failure::Failure;
use super::secret::Source;
use super::time;
use crate::agent::{Call, Home, reach_or_start};
use crate::app::{Answer, Code, Intent, Problem};

/// How often a person may mistype the passphrase.
const TRIES: usize = 3;

/// One command's talk with the agent.
pub(super) struct Session {
    /// Where it speaks and listens.
    pub(super) console: Console,
    /// Whose agent.
    pub(super) home: Home,
    /// Where the passphrase comes from.
    pub(super) source: Source,
    /// Minutes since 1970-01-01T00:00Z.
    pub(super) now: u64,
    /// An agent that is started here dials relays in private networks whoever names them.
    pub(super) private_relays: bool,
    call: Option<Call>,
}

impl Session {
    /// Nothing is connected or started before something is asked.
    #[must_use]
    pub(super) const fn new(console: Console, home: Home, source: Source, now: u64) -> Self {
        Self {
            console,
            home,
            source,
            now,
            private_relays: false,
            call: None,
        }
    }

    /// Asks the agent. A locked vault is opened first, where a passphrase can be had.
    ///
    /// # Errors
    /// `Failure`: the agent's problem, or why there is no agent or no passphrase.
    pub(super) fn ask(&mut self, intent: &Intent) -> Result<Answer, Failure> {
        match self.ask_as_it_is(intent) {
            Err(Failure::Problem(problem)) if problem.code == Code::Locked && self.may_unlock() => {
                self.unlock()?;
                self.ask_as_it_is(intent)
            }
            other => other,
        }
    }

    /// Asks about a body or room. Where there is none of that name, the problem says which there are.
    ///
    /// # Errors
    /// As `ask`.
    pub(super) fn ask_in(&mut self, room: &str, intent: &Intent) -> Result<Answer, Failure> {
        match self.ask(intent) {
            Err(Failure::Problem(problem)) => Err(self.suggest(room, problem)),
            other => other,
        }
    }

    /// Asks for something that goes on.
    ///
    /// # Errors
    /// As `ask_in`; also what `each` fails with.
    pub(super) fn follow(
        &mut self,
        room: &str,
        intent: &Intent,
        mut each: impl FnMut(&mut Console, Answer) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        for again in [true, false] {
            let mut failed = None;
            let mut begun = false;
            let mut call = self.take_call()?;
            let console = &mut self.console;
            let ended = call.follow(intent, |answer| {
                begun = true;
                match each(console, answer) {
                    Ok(()) => ControlFlow::Continue(()),
                    Err(failure) => {
                        failed = Some(failure);
                        ControlFlow::Break(())
                    }
                }
            });
            if let Some(failure) = failed {
                return Err(failure);
            }
            match ended {
                Ok(()) => return Ok(()),
                Err(problem) if problem.code == Code::Locked && !begun && again && self.may_unlock() => {
                    self.unlock()?;
                }
                Err(problem) => return Err(self.suggest(room, problem)),
            }
        }
        Ok(())
    }

    /// Asks only where an agent runs; none where there is none.
    ///
    /// # Errors
    /// As `ask`.
    pub(super) fn ask_running(&mut self, intent: &Intent) -> Result<Option<Answer>, Failure> {
        match Call::connect(&self.home)? {
            Some(mut call) => Ok(Some(call.ask(intent)?)),
            None => Ok(None),
        }
    }

    /// Opens the vault with a passphrase from where one can be had.
    ///
    /// # Errors
    /// `Failure`, also after the third wrong passphrase on a terminal.
    pub(super) fn unlock(&mut self) -> Result<(), Failure> {
        let tries = if self.source.is_given() { 1 } else { TRIES };
        let mut left = tries;
        loop {
            let passphrase = self.source.known(&mut self.console, "Passphrase: ")?;
            left -= 1;
            match self.ask_as_it_is(&Intent::Unlock { passphrase }) {
                Err(Failure::Problem(problem)) if problem.code == Code::WrongPassphrase && left > 0 => {
                    self.console.remark("That is not it.");
                }
                Err(failure) => return Err(failure),
                Ok(_) => return Ok(()),
            }
        }
    }

    /// Asks, and takes a locked vault for an answer.
    ///
    /// # Errors
    /// As `ask`.
    pub(super) fn ask_as_it_is(&mut self, intent: &Intent) -> Result<Answer, Failure> {
        let mut call = self.take_call()?;
        let console = &mut self.console;
        let answer = call.ask_watching(intent, |event| {
            if let Answer::Progress {
                what,
                done,
                total,
                bytes,
            } = event
            {
                console.progress(what, (*done, *total), *bytes);
            }
        });
        console.progress_ends();
        if !matches!(&answer, Err(problem) if problem.code == Code::Agent) {
            self.call = Some(call);
        }
        Ok(answer?)
    }

    /// Tells on a terminal what is due and was not told before. What fails here fails nothing.
    pub(super) fn remind(&mut self) {
        if !self.console.interactive || self.call.is_none() {
            return;
        }
        let Ok(Answer::Reminders { items }) = self.ask_as_it_is(&Intent::Reminders {}) else {
            return;
        };
        for item in items {
            let when = match item.due {
                Some(due) if due < self.now => "overdue".to_owned(),
                Some(due) => format!("due {}", time::due(due)),
                None => continue,
            };
            let words = format!("({when}) {}: {}: {}", item.body, item.what, item.next);
            self.console.remark(&words);
        }
    }

    /// An answer that does not belong to the question.
    #[must_use]
    pub(super) fn unexpected(answer: &Answer) -> Failure {
        let is = serde_json::to_value(answer)
            .ok()
            .and_then(|value| Some(value.get("is")?.as_str()?.to_owned()))
            .unwrap_or_default();
        Failure::Problem(Problem::new(
            Code::Agent,
            format!("the agent answered with \"{is}\", which does not belong to the question"),
            "it may be of another version: end it with `caucus agent --stop` and try again",
        ))
    }

    fn may_unlock(&self) -> bool {
        self.source.is_given() || self.console.interactive
    }

    fn take_call(&mut self) -> Result<Call, Failure> {
        match self.call.take() {
            Some(call) => Ok(call),
            None => Ok(reach_or_start(&self.home, self.private_relays)?),
        }
    }

    fn suggest(&mut self, room: &str, mut problem: Problem) -> Failure {
        if problem.code == Code::NotFound
            && let Ok(Answer::Rooms { rooms }) = self.ask_as_it_is(&Intent::Rooms {})
            && !rooms
                .iter()
                .any(|view| view.name.to_lowercase() == room.trim().to_lowercase())
        {
            let mut names: Vec<String> = rooms.into_iter().map(|room| room.name).collect();
            names.dedup();
            problem.next = Some(if names.is_empty() {
                "you are in no body yet: found one with `caucus found cell NAME`, or join one with `caucus join`"
                    .to_owned()
            } else {
                format!("you are in: {}", names.join(", "))
            });
        }
        Failure::Problem(problem)
    }
}
