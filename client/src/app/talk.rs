//! Saying and reading.

use std::collections::VecDeque;
use std::sync::{Arc, Weak};

use caucus_proto::id::Position;
use caucus_proto::org::Deed;
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

use super::answer::{Answer, MessageView};
use super::app::PATIENCE;
use super::membership::waiting_because;
use super::problem::{Code, Problem};
use super::{find, view};
use crate::engine::{Engine, EngineError, Fate, Line, LiveRoom, LogRecord};

/// Messages shown where nobody says how many.
const SHOWN: u32 = 50;

/// Most messages in one answer.
const MOST: u32 = 1_000;

/// Says something.
pub(super) async fn say(engine: &Engine, room: &str, text: String) -> Result<Answer, Problem> {
    if text.trim().is_empty() {
        return Err(Problem::new(
            Code::BadInput,
            "there is nothing to say",
            "give a text, or - to read it from standard input",
        ));
    }
    let live = find::room(engine, room)?;
    Ok(match live.act(&Deed::Say { text }, PATIENCE).await? {
        Fate::Landed(position) => Answer::Stored { position: position.0 },
        Fate::Waits => Answer::Queued {
            waiting: live.room().unsent(),
            why: waiting_because(&live),
        },
    })
}

/// Reads what stands in the log of this device.
pub(super) fn read(
    engine: &Engine,
    room: &str,
    since: Option<u64>,
    limit: Option<u32>,
    all: bool,
    mark: bool,
) -> Result<Answer, Problem> {
    let live = find::room(engine, room)?;
    let mut room = live.room();
    let limit = limit.unwrap_or(SHOWN).min(MOST) as usize;
    let wanted = |shown: &Line| all || view::is_shown(shown.item());
    let mut records: VecDeque<(Position, Line)> = VecDeque::new();
    match since {
        Some(since) => {
            let mut after = Position(since);
            while records.len() < limit {
                let page = room.shown_after(after, 256)?;
                let Some((last, _)) = page.last() else { break };
                after = *last;
                records.extend(page.into_iter().filter(|(_, record)| wanted(record)));
            }
            records.truncate(limit);
        }
        None => {
            let mut before = room.cursor().position.next();
            while records.len() < limit {
                let page = room.shown_before(before, 256)?;
                let Some((first, _)) = page.first() else { break };
                before = *first;
                for (position, record) in page.into_iter().rev().filter(|(_, record)| wanted(record)) {
                    if records.len() < limit {
                        records.push_front((position, record));
                    }
                }
                if before == Position(0) {
                    break;
                }
            }
        }
    }
    let messages: Vec<MessageView> = records
        .iter()
        .map(|(position, shown)| view::shown(&room, *position, shown))
        .collect::<Result<_, _>>()?;
    if mark {
        let position = room.cursor().position;
        room.mark_seen(position)?;
    } else if let Some((last, _)) = records.back() {
        room.mark_seen(*last)?;
    }
    Ok(Answer::Messages {
        messages,
        position: room.cursor().position.0,
        vanish_hours: view::vanish_hours(&room),
    })
}

/// Everything in a room counts as read; or, from a message on, as not read.
pub(super) fn mark(engine: &Engine, room: &str, unread: Option<u64>) -> Result<Answer, Problem> {
    let live = find::room(engine, room)?;
    let mut room = live.room();
    match unread {
        Some(number) => {
            let message = room.message_at(Position(number))?;
            room.mark_unseen(message.position)?;
        }
        None => {
            let position = room.cursor().position;
            room.mark_seen(position)?;
        }
    }
    Ok(Answer::Done {})
}

/// A room as it goes on. It does not keep the vault open: when that is locked, it ends.
pub struct Follow {
    room: Weak<LiveRoom>,
    entries: broadcast::Receiver<(Position, LogRecord)>,
    position: Position,
    behind: VecDeque<MessageView>,
    /// There may be more to catch up with, once `behind` is told.
    more: bool,
    all: bool,
    /// The last message that was given out and is not yet noted as seen.
    shown: Option<Position>,
}

/// Follows a room from what this device has read so far.
pub(super) fn follow(engine: &Engine, room: &str, all: bool) -> Result<Follow, Problem> {
    let live = find::room(engine, room)?;
    let entries = live.follow();
    let position = live.room().cursor().position;
    Ok(Follow {
        room: Arc::downgrade(&live),
        entries,
        position,
        behind: VecDeque::new(),
        more: false,
        all,
        shown: None,
    })
}

impl Follow {
    /// Goes on after this position instead, so that nothing between a read and this is left out.
    pub fn after(&mut self, position: u64) {
        self.position = Position(position);
        self.more = true;
    }

    /// The next message; none when the vault was locked.
    pub async fn next(&mut self) -> Option<MessageView> {
        self.note_shown();
        let message = self.wait().await?;
        self.shown = Some(Position(message.position));
        Some(message)
    }

    /// Notes what was given out as seen, once the asker has it: writing that down holds no message up.
    fn note_shown(&mut self) {
        if self.behind.is_empty()
            && self.entries.is_empty()
            && let Some(position) = self.shown.take()
            && let Some(live) = self.room.upgrade()
        {
            // Shown once more as unread is all that comes of a failure.
            let _ = live.room().mark_seen(position);
        }
    }

    async fn wait(&mut self) -> Option<MessageView> {
        loop {
            if let Some(message) = self.behind.pop_front() {
                if let Some(live) = self.room.upgrade() {
                    let _ = live.room().mark_seen(Position(message.position));
                }
                return Some(message);
            }
            if self.more {
                let live = self.room.upgrade()?;
                self.catch_up(&live).ok()?;
                continue;
            }
            match self.entries.recv().await {
                Ok((position, record)) => {
                    if position <= self.position {
                        continue;
                    }
                    self.position = position;
                    let live = self.room.upgrade()?;
                    if self.all || view::is_told(&record.item) {
                        return view::message(&live.room(), position, &record).ok();
                    }
                }
                Err(RecvError::Lagged(_)) => self.more = true,
                Err(RecvError::Closed) => return None,
            }
        }
    }

    /// Reads one page of what was not told yet, so that a long log never lies in memory as a whole.
    fn catch_up(&mut self, live: &LiveRoom) -> Result<(), EngineError> {
        let room = live.room();
        let page = room.shown_after(self.position, 256)?;
        self.more = !page.is_empty();
        if let Some((last, _)) = page.last() {
            self.position = *last;
        }
        for (position, shown) in &page {
            if self.all || view::is_told(shown.item()) {
                self.behind.push_back(view::shown(&room, *position, shown)?);
            }
        }
        Ok(())
    }
}
