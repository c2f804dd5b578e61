//! Founding a body: its genesis, its channel, its group of one.

use std::collections::BTreeMap;

use caucus_proto::id::{Counter, Minutes, Nonce, Position};
use caucus_proto::org::{Genesis, Kind, Name, Running, State, SuiteChoice};
use caucus_proto::wire::{ChannelSpec, Flag, RelayAddress, Retention};
use x25519_dalek::{PublicKey, StaticSecret};

use super::blob::random_controls;
use super::engine::Engine;
use super::error::EngineError;
use super::random;
use super::record::{Cursor, HeadFacts, Health, Item, LogRecord, RoomRecord, SecretKey};
use super::relay::patiently;
use super::room::Room;
use crate::mls::{Group, PersonaKeys};

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
}

/// Founds a body at a relay. Nothing is kept unless the relay made the channel.
pub(super) async fn found(
    engine: &Engine,
    relay: &RelayAddress,
    founding: Founding,
) -> Result<Room, EngineError> {
    let persona = PersonaKeys::generate()?;
    let connection = engine.pool().connection(relay, &persona.id()).await?;
    let info = connection.info().await?;
    let control = StaticSecret::from(random::bytes::<32>()?);
    let control_public = PublicKey::from(&control).to_bytes();
    let now = engine.now();
    let genesis = Genesis {
        kind: founding.kind,
        label: founding.label,
        suite: founding.suite,
        founder: persona.public(),
        founder_name: founding.name,
        control: control_public,
        founded: now.minutes,
        nonce: Nonce(random::bytes()?),
    };
    let room_id = genesis.room();
    let creation = StaticSecret::from(random::bytes::<32>()?);
    let creation_key = PublicKey::from(&creation).to_bytes();
    let salt = random::bytes()?;
    let channel = caucus_proto::id::ChannelId::of(&creation_key, &salt);

    let overlay = engine.vault().overlay();
    let group = Group::found(&overlay, &room_id, genesis.suite, &persona)?;
    let access = group.access(&channel, Counter(0))?;
    let mut controls = random_controls()?;
    if let Some(first) = controls.first_mut() {
        *first = control_public;
    }
    let plain = Retention::Month.min(info.plain);
    let spec = ChannelSpec {
        creation_key,
        salt,
        access: access.access(),
        controls,
        solo: true,
        plain,
        flagged: Retention::Quarter.min(info.flagged).max(plain),
        counter: Counter(0),
        after: Position(0),
    };
    let pass = engine.take_pass(relay);
    patiently(|| connection.create(&spec, &creation, pass)).await?;

    let state = State::found(genesis.clone(), channel);
    let record = RoomRecord {
        room: room_id,
        body: genesis.body(),
        relay: relay.clone(),
        channel,
        suite: genesis.suite,
        persona: persona.id(),
        persona_key: SecretKey(*persona.bytes()),
        control_key: SecretKey(control.to_bytes()),
        joined_at: Position(0),
    };
    let facts = HeadFacts {
        running: Running::start(&room_id),
        epoch: group.epoch(),
        authenticator: group.authenticator_hash(),
        root: state.root(),
    };
    let cursor = Cursor {
        position: Position(0),
        counter: Counter(0),
        running: Running::start(&room_id),
        flagged: Position(0),
        access,
        controls: vec![control_public],
        health: Health::Open,
        heads: BTreeMap::new(),
        seen: Position(0),
        synced: Some(now.minutes),
        refresh: Minutes(now.minutes.0.saturating_add(7 * 24 * 60)),
        cut: now.minutes,
    };
    let first = LogRecord {
        flag: Flag::Plain,
        author: Some(persona.id()),
        name: genesis.founder_name.to_string(),
        time: Some(now.minutes),
        item: Item::Event("founded the body".to_owned()),
        facts,
    };
    let room = Room::begin(
        engine.vault(),
        &overlay,
        record,
        persona,
        group,
        state,
        cursor,
        &first,
    )?;
    engine.remember_relay(&overlay, relay)?;
    overlay.commit()?;
    Ok(room)
}
