//! Successors that others propose: heard in a refuge, kept, and compared with one's own log. Nothing follows from one
//! but that the person is told.

use caucus_proto::id::{ChannelId, PersonaId, Position};
use caucus_proto::org::{NoticeKind, SignedNotice};

use super::error::EngineError;
use super::room::Room;
use crate::vault::{Place, Table};

/// Number of the record of proposals.
const PROPOSALS: u64 = 20;

/// Proposals that are kept, one of a person: more people than may make one at a time.
const MOST_PROPOSALS: usize = 4;

/// A proposed successor, as a device sees it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Proposal {
    /// Who proposes it.
    pub by: PersonaId,
    /// The channel.
    pub channel: ChannelId,
    /// The last entry that it keeps.
    pub position: Position,
    /// How that compares with one's own log.
    pub agreement: Agreement,
    /// This person follows, and waits to be let in.
    pub followed: bool,
}

/// How a successor compares with one's own log.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Agreement {
    /// It keeps the whole log.
    Matches,
    /// It keeps the log but for so many of the last entries.
    Behind(u64),
    /// It goes so many entries further.
    Beyond(u64),
    /// Its maker saw another log.
    Contradicts,
    /// It names an entry from before this device came in.
    Unknown,
}

impl Room {
    fn proposals_place(&self) -> Place {
        self.place(Table::Rooms, PROPOSALS)
    }

    fn kept_proposals(&self) -> Result<Vec<SignedNotice>, EngineError> {
        let kept = self.vault.overlay().get_value(&self.proposals_place())?;
        Ok(kept.unwrap_or_default())
    }

    /// Keeps a proposal if it is one: signed by somebody who may, and made since they last spoke in this channel. Of
    /// one person the latest counts.
    pub(super) fn hear_proposal(&mut self, notice: &SignedNotice) -> Result<(), EngineError> {
        let Some((_, made)) = self.proposed(notice).filter(|_| self.is_signed(notice)) else {
            return Ok(());
        };
        let mut kept = self.kept_proposals()?;
        let newer = |other: &SignedNotice| {
            other.author == notice.author && self.proposed(other).is_some_and(|(_, at)| at >= made)
        };
        if kept.iter().any(newer) {
            return Ok(());
        }
        kept.retain(|other| other.author != notice.author && self.proposed(other).is_some());
        let excess = kept.len().saturating_add(1).saturating_sub(MOST_PROPOSALS);
        kept.drain(..excess);
        kept.push(notice.clone());
        self.transact(|room, overlay| {
            overlay.put_value(room.proposals_place(), &kept)?;
            Ok(())
        })
    }

    /// The channel of a proposal that counts here, and when it was made.
    fn proposed(&self, notice: &SignedNotice) -> Option<(ChannelId, caucus_proto::id::Minutes)> {
        let NoticeKind::Successor { channel, made, .. } = &notice.notice.kind else {
            return None;
        };
        let author = self.state.person(&notice.author)?;
        let spoke_since = author.is_present() && author.latest.is_some_and(|latest| latest > *made);
        let counts = *channel != self.record.channel
            && notice.author != self.record.persona
            && self.state.may_succeed(&notice.author)
            && !spoke_since;
        counts.then_some((*channel, *made))
    }

    /// Successors that others propose.
    ///
    /// # Errors
    /// `EngineError::Vault`.
    pub fn proposals(&self) -> Result<Vec<Proposal>, EngineError> {
        let followed = self.following()?.map(|following| following.channel());
        let mut proposals = Vec::new();
        for notice in self.kept_proposals()? {
            if let (Some((channel, _)), Some(agreement)) = (self.proposed(&notice), self.agreement(&notice)?)
            {
                proposals.push(Proposal {
                    by: notice.author,
                    channel,
                    position: kept_to(&notice),
                    agreement,
                    followed: followed == Some(Some(channel)),
                });
            }
        }
        Ok(proposals)
    }

    /// The proposal of a person.
    pub(super) fn proposal_of(&self, persona: &PersonaId) -> Result<Option<SignedNotice>, EngineError> {
        let kept = self.kept_proposals()?;
        Ok(kept
            .into_iter()
            .find(|notice| notice.author == *persona && self.proposed(notice).is_some()))
    }

    fn agreement(&self, notice: &SignedNotice) -> Result<Option<Agreement>, EngineError> {
        let NoticeKind::Successor {
            position,
            running,
            root,
            ..
        } = &notice.notice.kind
        else {
            return Ok(None);
        };
        let here = self.cursor.position;
        if *position > here {
            return Ok(Some(Agreement::Beyond(position.0.saturating_sub(here.0))));
        }
        let Some(record) = self.log_at(*position)? else {
            return Ok(Some(Agreement::Unknown));
        };
        let same = record.facts.running == *running && record.facts.root == *root;
        Ok(Some(match here.0.saturating_sub(position.0) {
            _ if !same => Agreement::Contradicts,
            0 => Agreement::Matches,
            fewer => Agreement::Behind(fewer),
        }))
    }
}

/// The last entry that a proposed successor keeps.
pub(super) const fn kept_to(notice: &SignedNotice) -> Position {
    match &notice.notice.kind {
        NoticeKind::Successor { position, .. } => *position,
        _ => Position(0),
    }
}
