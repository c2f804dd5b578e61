//! Answers to a request of one's own, as they come into its reply drop, and the ways in that they lead to.

use std::collections::HashSet;

use caucus_proto::id::{ChannelId, Position};
use caucus_proto::label::Label;
use caucus_proto::wire::{RefusedBecause, Role, Served};
use x25519_dalek::StaticSecret;

use super::answer::Reply;
use super::entrance::{Entrant, Fetched, find};
use super::error::EngineError;
use super::record::SecretKey;
use super::relay::patiently;
use super::sealed::Recipient;
use crate::relay::{Connection, Handle, LinkError, Reading};

/// Answers that are kept while a request waits.
const ANSWERS: usize = 64;

/// A reply drop that is followed.
pub(super) struct Replies<'a> {
    connection: &'a Connection,
    channel: ChannelId,
    recipient: Recipient,
    /// None where the relay does not keep it any more.
    open: Option<(Handle, Reading)>,
    /// Ways in that were tried.
    tried: HashSet<[u8; 32]>,
}

impl<'a> Replies<'a> {
    /// Follows a reply drop behind a position, with the secrets that read it and open what is dropped there.
    pub(super) async fn follow(
        connection: &'a Connection,
        channel: ChannelId,
        read: &SecretKey,
        sealing: &SecretKey,
        after: Position,
    ) -> Result<Self, EngineError> {
        let key = StaticSecret::from(read.0);
        let open = match patiently(|| connection.open(channel, Role::Read, &key)).await {
            Err(LinkError::Refused(RefusedBecause::NotOpened)) => None,
            other => {
                let handle = other?.handle;
                Some((handle, connection.read(handle, after, true).await?))
            }
        };
        Ok(Self {
            connection,
            channel,
            recipient: Recipient::new(sealing.0),
            open,
            tried: HashSet::new(),
        })
    }

    /// What these answers lead to, if it was not tried before.
    pub(super) async fn way_in(
        &mut self,
        answers: &[Reply],
        entrant: &Entrant<'_>,
    ) -> Result<Option<Fetched>, EngineError> {
        find(self.connection, answers, entrant, &mut self.tried).await
    }

    /// The next entry: its position, and the answer if it is one; what does not open was not sealed by anybody who read the
    /// request. None where the relay does not keep the drop any more.
    pub(super) async fn next(&mut self) -> Result<Option<(Position, Option<Reply>)>, EngineError> {
        let Some((_, reading)) = &mut self.open else {
            return Ok(None);
        };
        loop {
            match reading.next().await? {
                Served::Entry(entry) => {
                    let reply = self
                        .recipient
                        .open(Label::SealedAnswer, &self.channel, &entry.bytes);
                    return Ok(Some((entry.position, reply.ok())));
                }
                Served::CaughtUp { .. } => {}
                _ => {
                    return Err(EngineError::RoomState(
                        "the relay ended the reply drop".to_owned(),
                    ));
                }
            }
        }
    }

    /// Gives the handle back: they are few on a connection.
    pub(super) async fn close(self) {
        if let Some((handle, reading)) = self.open {
            drop(reading);
            let _ = self.connection.close(handle).await;
        }
    }
}

/// Keeps an answer, once; the oldest give way, so that nobody can fill the row and shut out the right one.
pub(super) fn remember(answers: &mut Vec<Reply>, reply: Reply) {
    if answers.contains(&reply) {
        return;
    }
    if answers.len() >= ANSWERS {
        answers.remove(0);
    }
    answers.push(reply);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_answers_does_not_shut_out_the_next_and_repeats_count_once() {
        let reply = |n: usize| Reply::Declined {
            reason: n.to_string(),
        };
        let mut answers = Vec::new();
        for n in 0..200 {
            remember(&mut answers, reply(n));
            remember(&mut answers, reply(n));
        }
        assert_eq!(answers.len(), ANSWERS);
        assert_eq!(answers.last(), Some(&reply(199)));
        assert_eq!(answers.iter().filter(|answer| **answer == reply(150)).count(), 1);
    }
}
