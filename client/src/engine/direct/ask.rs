//! Asking somebody to talk alone, and coming where one was asked to.

use std::time::Duration;

use caucus_proto::id::{Minutes, PersonaId, RoomId};
use caucus_proto::org::whisper::SEALED_WORDS;
use caucus_proto::org::{Deed, Kind, Name, PersonaPublic, SuiteChoice};
use caucus_proto::wire::RelayAddress;

use super::record::{
    DirectRecord, Entering, Expected, Guest, Invitation, OPEN_MINUTES, WhisperRecord, keep_direct, said,
    take_whisper, whispers,
};
use crate::charter;
use crate::engine::engine::Engine;
use crate::engine::error::EngineError;
use crate::engine::found::{self, Founding};
use crate::engine::live::{Fate, LiveRoom};
use crate::engine::random;
use crate::engine::record::SecretKey;

/// What a direct room is called in its own papers: the same for all, so that it says nothing.
const LABEL: &str = "direct";

/// How long the invite of a new room may take to land.
const FOUNDING: Duration = Duration::from_secs(30);

/// A direct room that was founded.
pub(in crate::engine) struct Hosted {
    pub room: RoomId,
    /// The key that founded it.
    pub host: PersonaPublic,
    /// Its invite.
    pub link: String,
}

impl Engine {
    /// Founds a direct room, under a persona that nothing else has, and opens its invite.
    pub(in crate::engine) async fn host(
        &self,
        relay: &RelayAddress,
        name: Name,
        record: &DirectRecord,
        uses: u16,
    ) -> Result<Hosted, EngineError> {
        let charter = charter::read(charter::shipped(Kind::Direct))
            .map_err(|error| EngineError::RoomState(error.to_string()))?;
        let founding = Founding {
            kind: Kind::Direct,
            label: Name::new(LABEL)?,
            name,
            suite: SuiteChoice::Hybrid,
            charter,
        };
        let room = found::found_with(self, relay, founding, |overlay, room| {
            keep_direct(overlay, &room.id(), record)
        })
        .await?;
        let (id, host) = (room.id(), room.state().genesis.founder);
        self.add_room(room);
        let live = self.room(&id).ok_or(EngineError::NoRelay)?;
        let minutes = record.until.0.saturating_sub(self.now().minutes.0);
        let (_, link, fate) = self.invite(&live, uses, minutes, FOUNDING).await?;
        match fate {
            Fate::Landed(_) => Ok(Hosted { room: id, host, link }),
            Fate::Waits => Err(EngineError::RoomState(
                "the relay has not answered yet: nothing was said to anybody; try again when it is there"
                    .to_owned(),
            )),
        }
    }

    /// Asks somebody of a room to talk alone: founds a direct room and whispers to them how to come.
    ///
    /// # Errors
    /// `EngineError`; what the room refuses is refused before anything is made.
    pub async fn whisper(
        &self,
        live: &LiveRoom,
        to: &PersonaId,
        (label, name): (Name, Name),
        word: &str,
        patience: Duration,
    ) -> Result<Fate, EngineError> {
        let (relay, key) = {
            let room = live.room();
            let sealed = vec![0; SEALED_WORDS];
            room.may_do(&Deed::Whisper { sealed })?;
            let key = room
                .state()
                .person(to)
                .filter(|person| person.is_present())
                .map(|person| person.key);
            (room.record().relay.clone(), key)
        };
        let key = key
            .ok_or_else(|| EngineError::RoomState("they are not in the room: nobody hears you".to_owned()))?;
        let code = SecretKey(random::bytes()?);
        let until = Minutes(self.now().minutes.0.saturating_add(OPEN_MINUTES));
        let record = DirectRecord {
            label,
            guests: vec![Guest::new(Expected::Code(code.clone()))],
            until,
            introduced: None,
        };
        let hosted = self.host(&relay, name, &record, 1).await?;
        let invitation = Invitation {
            link: hosted.link,
            code,
            host: hosted.host,
            word: word.to_owned(),
            until,
        };
        let sealed = live.room().seal_whisper(&key, &invitation)?;
        live.act(&Deed::Whisper { sealed }, patience).await
    }

    /// A name for a fresh persona that says nothing.
    ///
    /// # Errors
    /// `EngineError::Random`.
    pub fn neutral_name() -> Result<String, EngineError> {
        Ok(format!("person {}", 10_000 + random::below(90_000)?))
    }

    /// Who would talk with this person alone, by number.
    ///
    /// # Errors
    /// `EngineError::Vault`.
    pub fn whispers(&self) -> Result<Vec<(u64, WhisperRecord)>, EngineError> {
        let now = self.now().minutes;
        let mut waiting = whispers(&self.vault().overlay())?;
        waiting.retain(|(_, record)| record.invitation.until >= now);
        Ok(waiting)
    }

    /// Comes where one was asked to, under a persona that nothing else has. Returns the number of the request to join.
    ///
    /// # Errors
    /// `EngineError::NotFound`.
    pub fn accept_whisper(&self, number: u64, label: Name, name: &Name) -> Result<u64, EngineError> {
        self.begin_join(name, |overlay, join| {
            let Invitation {
                link,
                code,
                host,
                until,
                ..
            } = take_whisper(overlay, number)?.invitation;
            join.link = link;
            join.word = said(&code);
            join.direct = Some(Entering {
                host,
                record: DirectRecord {
                    label,
                    guests: Vec::new(),
                    until,
                    introduced: None,
                },
            });
            Ok(())
        })
    }

    /// Does not come. Nobody is told.
    ///
    /// # Errors
    /// `EngineError::NotFound`.
    pub fn decline_whisper(&self, number: u64) -> Result<(), EngineError> {
        let _turn = self.vault().turn();
        let overlay = self.vault().overlay();
        take_whisper(&overlay, number)?;
        overlay.commit()?;
        self.changed();
        Ok(())
    }
}
