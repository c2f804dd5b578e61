//! A channel in memory: the fence, and entries that may come late, twice or never.

use bytes::Bytes;
use caucus_proto::id::{Counter, Hours, Position};
use caucus_proto::wire::{Access, Entry, Flag};

use crate::engine::send::Outgoing;

/// What the relay says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Answer {
    Stored(Position),
    Moved(Position),
}

/// The channel.
#[derive(Clone, Default)]
pub(super) struct Channel {
    pub(super) entries: Vec<Entry>,
    pub(super) counter: Counter,
    pub(super) access: Option<Access>,
    pub(super) cuts: usize,
    /// Sent, and not there yet: they come when nobody expects them any more.
    pub(super) late: Vec<Outgoing>,
    /// Places of entries that have expired.
    pub(super) expired: std::ops::Range<usize>,
}

impl Channel {
    pub(super) fn newest(&self) -> Position {
        Position(self.entries.len() as u64)
    }

    pub(super) fn store(&mut self, outgoing: &Outgoing) -> Answer {
        match outgoing {
            Outgoing::Append { counter, bytes } => self.put(*counter, Flag::Plain, bytes),
            Outgoing::Commit {
                counter,
                bytes,
                cut: None,
            } => self.put(*counter, Flag::Advance, bytes),
            Outgoing::Commit {
                counter,
                bytes,
                cut: Some(access),
            } => {
                let answer = self.put(*counter, Flag::Cut, bytes);
                if matches!(answer, Answer::Stored(_)) {
                    self.access = Some(*access);
                    self.cuts += 1;
                }
                answer
            }
            Outgoing::HandOut { .. } => panic!("this goes to reply drops"),
        }
    }

    pub(super) fn put(&mut self, counter: Counter, flag: Flag, bytes: &[u8]) -> Answer {
        if counter != self.counter {
            return Answer::Moved(self.newest());
        }
        let entry = Entry {
            position: self.newest().next(),
            counter,
            flag,
            expires: Hours(u64::MAX),
            bytes: Bytes::copy_from_slice(bytes),
        };
        if flag.moves() {
            self.counter = self.counter.next();
        }
        self.entries.push(entry);
        Answer::Stored(self.newest())
    }

    /// Puts bytes under the counter of now.
    pub(super) fn force(&mut self, flag: Flag, bytes: &[u8]) -> Position {
        self.put(self.counter, flag, bytes);
        self.newest()
    }

    pub(super) fn after(&self, position: Position, most: usize) -> Vec<Entry> {
        let from = usize::try_from(position.0).unwrap();
        let living = |(n, _): &(usize, &Entry)| !self.expired.contains(n);
        let served = self.entries.iter().enumerate().skip(from).filter(living);
        served.map(|(_, entry)| entry.clone()).take(most).collect()
    }
}
