//! The drops of open invites: followed where this person may admit, so that requests come into the log.

use std::collections::HashMap;
use std::time::Duration;

use caucus_proto::org::Power;
use caucus_proto::wire::{Entry, Role, Served};
use tokio::sync::mpsc;
use x25519_dalek::StaticSecret;

use super::error::EngineError;
use super::follow::invite_number;
use super::invite::read_request;
use super::record::InviteRecord;
use super::session::Session;
use crate::relay::Connection;

/// How much longer each further keyholder leaves a request to those before.
const CARRY_TURN: Duration = Duration::from_secs(3);

/// How long a drop that does not open is left alone.
const CLOSED: Duration = Duration::from_secs(5);

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
                // The second keyholder waits a little: one carrier is enough.
                let turn = self.room.room().rank().unwrap_or(1).min(8) as u32;
                let task = watch_drop(
                    self.connection.clone(),
                    invite,
                    self.requests.clone(),
                    CARRY_TURN * turn,
                );
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
    pub(super) fn carry(&mut self, invite: &InviteRecord, entry: &Entry) -> Result<(), EngineError> {
        let application = read_request(invite, &entry.bytes);
        self.room
            .room()
            .carry(invite_number(&invite.id), entry.position, application)
    }
}

/// Follows one drop for as long as it lives.
async fn watch_drop(
    connection: Connection,
    invite: InviteRecord,
    requests: mpsc::Sender<(InviteRecord, Entry)>,
    turn: Duration,
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
    while let Ok(served) = reading.next().await {
        match served {
            Served::Entry(entry) => {
                tokio::time::sleep(turn).await;
                if requests.send((invite.clone(), entry)).await.is_err() {
                    return;
                }
            }
            Served::CaughtUp { .. } => {}
            _ => break,
        }
    }
    // Handles are few on a connection.
    let _ = connection.close(opened.handle).await;
    tokio::time::sleep(CLOSED).await;
}
