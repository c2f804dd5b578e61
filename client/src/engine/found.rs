//! Founding a body: its genesis, its channel, its group of one.

use std::collections::BTreeMap;

use caucus_proto::envelope::AccessSecret;
use caucus_proto::id::{ChannelId, Counter, Minutes, Nonce, Position};
use caucus_proto::org::{Charter, Genesis, Kind, Name, Running, State, SuiteChoice};
use caucus_proto::wire::{ChannelSpec, Flag, RelayAddress, RelayInfo, Retention};
use x25519_dalek::{PublicKey, StaticSecret};

use super::blob::random_controls;
use super::engine::Engine;
use super::error::EngineError;
use super::random;
use super::record::{Cursor, HeadFacts, Health, Item, LogRecord, Remarks, RoomRecord, SecretKey};
use super::relay::patiently;
use super::room::Room;
use super::send::Now;
use crate::mls::{Group, PersonaKeys};
use crate::vault::{Overlay, Vault};

/// What a body is founded with.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Founding {
    /// What kind.
    pub kind: Kind,
    /// Its label.
    pub label: Name,
    /// The founder's chosen name.
    pub name: Name,
    /// Its suite.
    pub suite: SuiteChoice,
    /// Its rules.
    pub charter: Charter,
}

/// A body that is made and stands nowhere yet; its group is in the overlay.
pub(super) struct Draft {
    state: State,
    persona: PersonaKeys,
    group: Group,
    access: AccessSecret,
    channel: ChannelId,
    creation: StaticSecret,
    salt: [u8; 32],
    control: StaticSecret,
}

/// Founds a body at a relay. Nothing is kept unless the relay made the channel.
pub(super) async fn found(
    engine: &Engine,
    relay: &RelayAddress,
    founding: Founding,
) -> Result<Room, EngineError> {
    found_with(engine, relay, founding, |_, _| Ok(())).await
}

/// As [`found`], with what else is written in the same transaction.
pub(super) async fn found_with(
    engine: &Engine,
    relay: &RelayAddress,
    founding: Founding,
    beside: impl FnOnce(&Overlay, &Room) -> Result<(), EngineError>,
) -> Result<Room, EngineError> {
    let persona = PersonaKeys::generate()?;
    let connection = engine.pool().connection(relay, &persona.id()).await?;
    let info = connection.info().await?;
    let now = engine.now();
    let overlay = engine.vault().overlay();
    let draft = Draft::new(&overlay, founding, persona, now)?;
    let spec = draft.spec(&info)?;
    let pass = engine.take_pass(relay);
    patiently(|| connection.create(&spec, &draft.creation, pass)).await?;

    let vault = engine.vault();
    let _turn = vault.turn();
    let room = draft.keep(vault, &overlay, relay, now)?;
    engine.remember_relay(&overlay, relay)?;
    beside(&overlay, &room)?;
    overlay.commit()?;
    Ok(room)
}

impl Draft {
    /// Makes genesis, group and keys.
    pub(super) fn new(
        overlay: &Overlay,
        founding: Founding,
        persona: PersonaKeys,
        now: Now,
    ) -> Result<Self, EngineError> {
        let (founder, nonce) = (persona.public(), Nonce(random::bytes()?));
        Self::of(overlay, persona, |channel, control| {
            let genesis = Genesis {
                kind: founding.kind,
                label: founding.label,
                suite: founding.suite,
                founder,
                founder_name: founding.name,
                control,
                founded: now.minutes,
                charter: founding.charter,
                nonce,
            };
            Ok(State::found(genesis, channel))
        })
    }

    /// Makes group and keys for a room that begins with this state, alone with this persona; `begin` is given its channel
    /// and the first control key.
    pub(super) fn of(
        overlay: &Overlay,
        persona: PersonaKeys,
        begin: impl FnOnce(ChannelId, [u8; 32]) -> Result<State, EngineError>,
    ) -> Result<Self, EngineError> {
        let control = StaticSecret::from(random::bytes::<32>()?);
        let creation = StaticSecret::from(random::bytes::<32>()?);
        let salt = random::bytes()?;
        let channel = ChannelId::of(&PublicKey::from(&creation).to_bytes(), &salt);
        let state = begin(channel, PublicKey::from(&control).to_bytes())?;
        let group = Group::found(overlay, &state.room(), state.genesis.suite, &persona)?;
        let access = group.access(&channel, Counter(0))?;
        Ok(Self {
            state,
            persona,
            group,
            access,
            channel,
            creation,
            salt,
            control,
        })
    }

    /// The keys with which the relay makes the channel.
    pub(super) const fn creation(&self) -> &StaticSecret {
        &self.creation
    }

    /// Its channel.
    pub(super) const fn channel(&self) -> ChannelId {
        self.channel
    }

    pub(super) fn spec(&self, info: &RelayInfo) -> Result<ChannelSpec, EngineError> {
        let plain = Retention::Month.min(info.plain);
        let flagged = Retention::Quarter.min(info.flagged).max(plain);
        self.spec_for(plain, flagged)
    }

    fn spec_for(&self, plain: Retention, flagged: Retention) -> Result<ChannelSpec, EngineError> {
        let mut controls = random_controls()?;
        if let Some(first) = controls.first_mut() {
            *first = PublicKey::from(&self.control).to_bytes();
        }
        Ok(ChannelSpec {
            creation_key: PublicKey::from(&self.creation).to_bytes(),
            salt: self.salt,
            access: self.access.access(),
            controls,
            solo: true,
            plain,
            flagged,
            counter: Counter(0),
            after: Position(0),
        })
    }

    /// Writes the room into the overlay. The vault's turn is held.
    pub(super) fn keep(
        self,
        vault: &Vault,
        overlay: &Overlay,
        relay: &RelayAddress,
        now: Now,
    ) -> Result<Room, EngineError> {
        let Self {
            state,
            persona,
            group,
            access,
            channel,
            control,
            ..
        } = self;
        let room = state.room();
        let genesis = state.genesis.clone();
        let me = persona.id();
        let name = state
            .person(&me)
            .map_or_else(String::new, |me| me.name.to_string());
        let event = match &state.annex {
            None => "founded the body".to_owned(),
            Some(annex) => format!("opened the room \"{}\"", annex.name),
        };
        let began = state.now();
        let record = RoomRecord {
            room,
            body: genesis.body(),
            relay: relay.clone(),
            channel,
            suite: genesis.suite,
            persona: persona.id(),
            persona_key: SecretKey(*persona.bytes()),
            control_key: SecretKey(control.to_bytes()),
            joined_at: Position(0),
            site: None,
            former: Vec::new(),
        };
        let facts = HeadFacts {
            running: Running::start(&room),
            epoch: group.epoch(),
            authenticator: group.authenticator_hash(),
            root: state.root(),
        };
        let cursor = Cursor {
            position: Position(0),
            counter: Counter(0),
            running: Running::start(&room),
            flagged: Position(0),
            access,
            controls: vec![PublicKey::from(&control).to_bytes()],
            health: Health::Open,
            heads: BTreeMap::new(),
            seen: Position(0),
            synced: Some(now.minutes),
            refresh: Minutes(now.minutes.0.saturating_add(7 * 24 * 60)),
            cut: began,
            disputes: BTreeMap::new(),
            voids: Vec::new(),
            older: Vec::new(),
            refuges: Vec::new(),
            by_copy: None,
        };
        let first = LogRecord {
            flag: Flag::Plain,
            author: Some(persona.id()),
            name,
            time: Some(now.minutes),
            item: Item::Event(event),
            facts,
            act: None,
            remarks: Remarks::default(),
        };
        Room::begin(vault, overlay, record, persona, group, state, cursor, &first)
    }
}
