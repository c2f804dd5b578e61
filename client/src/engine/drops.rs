//! The drops of open invites: followed where this person may admit, so that requests come into the log.

use std::collections::HashMap;
use std::time::Duration;

use caucus_proto::id::Position;
use caucus_proto::org::Power;
use caucus_proto::wire::{Entry, Role, Served};
use tokio::sync::mpsc;
use tokio::time::Instant;
use x25519_dalek::StaticSecret;

use super::error::EngineError;
use super::follow::invite_number;
use super::invite::read_request;
use super::record::InviteRecord;
use super::session::Session;
use crate::relay::Connection;

/// How much longer each further one who may admit leaves a request to those before. Every request has its own order of
/// them, so that they share what comes at once and nobody waits long for one who is away.
const CARRY_TURN: Duration = Duration::from_millis(500);

/// Requests that are left to others at once, of one drop.
const LEFT: usize = 256;

/// How long a drop that does not open is left alone.
const CLOSED: Duration = Duration::from_secs(5);

/// A request from a drop.
pub(super) struct Request {
    /// Of which invite.
    pub invite: InviteRecord,
    /// As it was dropped.
    pub entry: Entry,
    /// With it, the drop is read up to here.
    pub read: Position,
}

impl Session<'_> {
    /// Follows the drops of open invites, where this person may admit.
    pub(super) fn watch_drops(&mut self) -> Result<(), EngineError> {
        while self.drops.try_join_next().is_some() {}
        let invites = {
            let room = self.room.room();
            if room.holds(Power::Admit) && room.may_act().is_ok() {
                room.invites()?
            } else {
                Vec::new()
            }
        };
        let open: HashMap<u64, InviteRecord> = invites
            .into_iter()
            .filter(|invite| !invite.is_closed())
            .filter(|invite| self.room.room().state().invites.contains_key(&invite.id))
            .map(|invite| (invite_number(&invite.id), invite))
            .collect();
        self.watched.retain(|number, task| {
            let keep = open.contains_key(number) && !task.is_finished();
            if !keep {
                task.abort();
            }
            keep
        });
        for (number, invite) in open {
            if !self.watched.contains_key(&number) {
                let (engine, room) = (self.engine.clone(), self.room.room().id());
                let turn = move |request: &[u8]| {
                    let place = engine
                        .room(&room)
                        .map_or(0, |room| room.room().place_for(request));
                    CARRY_TURN * place
                };
                let task = watch_drop(self.connection.clone(), invite, self.requests.clone(), turn);
                self.watched.insert(number, self.drops.spawn(task));
            }
        }
        Ok(())
    }

    /// Whether one more request may be carried now.
    pub(super) fn may_carry(&self) -> bool {
        self.is_synced() && self.room.room().may_carry()
    }

    /// Carries a request from a drop into the log; one that cannot be carried is answered.
    pub(super) fn carry(&mut self, request: &Request) -> Result<(), EngineError> {
        let application = read_request(&request.invite, &request.entry.bytes);
        let number = invite_number(&request.invite.id);
        self.room.room().carry(number, request.read, application)
    }
}

/// Requests that are left to others for a while, each until its time.
#[derive(Default)]
struct Left(Vec<(Instant, Entry)>);

impl Left {
    /// When the first has waited long enough.
    fn due(&self) -> Option<Instant> {
        self.0.iter().map(|(due, _)| *due).min()
    }

    /// Takes the first that has waited long enough, with how far the drop is read without those that still wait.
    fn take(&mut self, now: Instant) -> Option<(Entry, Position)> {
        let first = self.0.iter().position(|(due, _)| *due <= now)?;
        let (_, entry) = self.0.remove(first);
        let still = self
            .0
            .iter()
            .map(|(_, entry)| Position(entry.position.0.saturating_sub(1)));
        let read = still
            .min()
            .map_or(entry.position, |before| before.min(entry.position));
        Some((entry, read))
    }
}

/// Follows one drop for as long as it lives.
async fn watch_drop(
    connection: Connection,
    invite: InviteRecord,
    requests: mpsc::Sender<Request>,
    turn: impl Fn(&[u8]) -> Duration,
) {
    let key = StaticSecret::from(invite.read.0);
    let Ok(opened) = connection.open(invite.drop, Role::Read, &key).await else {
        // It may not be there yet, or not any more: the pump tries again at its next tick.
        tokio::time::sleep(CLOSED).await;
        return;
    };
    let Ok(mut reading) = connection.read(opened.handle, invite.cursor, true).await else {
        tokio::time::sleep(CLOSED).await;
        return;
    };
    let mut left = Left::default();
    loop {
        while let Some((entry, read)) = left.take(Instant::now()) {
            let invite = invite.clone();
            if requests.send(Request { invite, entry, read }).await.is_err() {
                return;
            }
        }
        let due = left.due().unwrap_or_else(Instant::now);
        tokio::select! {
            served = reading.next(), if left.0.len() < LEFT => match served {
                Ok(Served::Entry(entry)) => left.0.push((Instant::now() + turn(&entry.bytes), entry)),
                Ok(Served::CaughtUp { .. }) => {}
                Ok(_) | Err(_) => break,
            },
            () = tokio::time::sleep_until(due), if !left.0.is_empty() => {}
        }
    }
    // Handles are few on a connection.
    let _ = connection.close(opened.handle).await;
    tokio::time::sleep(CLOSED).await;
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use caucus_proto::id::{Counter, Hours};
    use caucus_proto::wire::Flag;

    use super::*;

    #[test]
    fn a_request_that_is_left_to_others_holds_up_no_other_and_is_not_counted_as_read() {
        let start = Instant::now();
        let entry = |position| Entry {
            position: Position(position),
            counter: Counter(0),
            flag: Flag::Plain,
            expires: Hours(0),
            bytes: Bytes::new(),
        };
        let mut left = Left::default();
        for (position, seconds) in [(1, 0), (2, 9), (3, 0), (4, 5)] {
            left.0
                .push((start + Duration::from_secs(seconds), entry(position)));
        }
        let mut taken = |seconds| {
            let now = start + Duration::from_secs(seconds);
            let (entry, read) = left.take(now)?;
            Some((entry.position.0, read.0))
        };
        assert_eq!(taken(0), Some((1, 1)));
        assert_eq!(taken(0), Some((3, 1)));
        assert_eq!(taken(0), None);
        assert_eq!(taken(5), Some((4, 1)));
        assert_eq!(taken(9), Some((2, 2)));
        assert_eq!(taken(99), None);
    }
}
