//! Read models from the engine's rooms.

use std::collections::BTreeMap;

use caucus_proto::id::{PersonaId, Position};
use caucus_proto::org::genesis::GOVERNING_ROOM;
use caucus_proto::org::witness::IDLE_DAYS;
use caucus_proto::org::{Kind, Office, Power, Regard, Standing, State};

use super::alike::{Names, title_warning};
use super::answer::{
    ContradictionView, InviteView, JoinStage, JoinView, MessageKind, MessageView, OfficeView, PersonView,
    RelayView, RequestView, RoomState, RoomView,
};
use super::successor;

use crate::engine::{Engine, EngineError, Health, Item, JoinStep, LiveRoom, LogRecord, Room};
use crate::vault::{Place, Table};

/// The name of a room: its body's label. Only governing rooms exist yet.
pub(super) fn room_name(room: &Room) -> String {
    room.state().genesis.label.to_string()
}

/// Splits `BODY[/ROOM]`.
pub(super) fn split_room(name: &str) -> (&str, &str) {
    match name.split_once('/') {
        Some((body, room)) => (body.trim(), room.trim()),
        None => (name.trim(), GOVERNING_ROOM),
    }
}

/// What follows from silence.
const IDLE: &str =
    "an old phone may still hold the room's keys. `caucus people` shows who; ask them, or `caucus remove`";

/// What a room looks like.
pub(super) fn room(live: &LiveRoom) -> Result<RoomView, EngineError> {
    let relay_trouble = live.trouble();
    let told = live.warnings();
    let is_live = live.is_live();
    let room = live.room();
    let state = room.state();
    let cursor = room.cursor();
    let mut warnings = Vec::new();
    let (room_state, warning) = match &cursor.health {
        Health::Open => (RoomState::Open, None),
        Health::Unsynced { .. } => (RoomState::Unsynced, room.may_act().err()),
        Health::Holding { .. } => (RoomState::Holding, room.may_act().err()),
        Health::Forked { .. } => (RoomState::Forked, room.may_act().err()),
        Health::NeedsUpgrade { .. } => (RoomState::NeedsUpgrade, room.may_act().err()),
        Health::Out { removed: true } => (RoomState::Removed, None),
        Health::Out { removed: false } => (RoomState::Left, None),
        Health::Gone => (RoomState::Gone, room.may_act().err()),
    };
    warnings.extend(warning.map(|error| error.to_string()));
    warnings.extend(relay_trouble);
    warnings.extend(told);
    let contradictions = contradictions(&room)?;
    for one in contradictions.iter().filter(|one| one.stands) {
        let known = |warning: &String| warning.starts_with(&one.words);
        if !warnings.iter().any(known) {
            warnings.push(one.words.clone());
        }
    }
    if room_state == RoomState::Open && state.present().count() == 2 {
        warnings.push("with two people in it, either can move the room's clock".to_owned());
    }
    match state.idle().count() {
        0 => {}
        1 => warnings.push(format!(
            "one person has been silent for {IDLE_DAYS} days or more: {IDLE}"
        )),
        more => warnings.push(format!(
            "{more} people have been silent for {IDLE_DAYS} days or more: {IDLE}"
        )),
    }
    let successors = successor::views(&room)?;
    let name = room_name(&room);
    warnings.extend(successors.iter().map(|view| successor::warning(&name, view)));
    let uncut: Vec<String> = state
        .people
        .values()
        .filter(|person| match person.standing {
            Standing::Gone { uncut, .. } => uncut,
            Standing::Going { .. } => true,
            _ => false,
        })
        .map(|person| person.name.to_string())
        .collect();
    let unread = room
        .log_after(cursor.seen, 1_000)?
        .iter()
        .filter(|(_, record)| matches!(record.item, Item::Said(_)) && record.author != Some(room.me()))
        .count() as u64;
    Ok(RoomView {
        name,
        body: room.record().body.to_string(),
        me: room.name_of(&room.me()),
        people: state.present().count() as u64,
        position: cursor.position.0,
        unread,
        unsent: room.unsent(),
        relay: room.record().relay.to_string(),
        channel: room.record().channel.to_string(),
        live: is_live,
        synced: cursor.synced.map(|minutes| minutes.0),
        clock: state.now().0,
        state: room_state,
        uncut,
        attested: (room.record().joined_at > Position(0)).then(|| room.attested()),
        successors,
        warnings,
        heard: room.heard()?.map(|minutes| minutes.0),
        contradictions,
    })
}

fn contradictions(room: &Room) -> Result<Vec<ContradictionView>, EngineError> {
    let view = |one: crate::engine::Contradiction| ContradictionView {
        kind: one.kind.to_owned(),
        at: one.at.0,
        by: one.by,
        noticed: one.noticed.map(|minutes| minutes.0),
        stands: one.stands,
        here: one.here,
        there: one.there,
        words: one.words,
        next: one.next.to_owned(),
        proof: one.proof,
    };
    Ok(room.contradictions()?.into_iter().map(view).collect())
}

/// What stands at a position.
pub(super) fn message(room: &Room, position: Position, record: &LogRecord) -> MessageView {
    let (kind, text) = match &record.item {
        Item::Said(text) => (MessageKind::Said, text.clone()),
        Item::Event(text) | Item::Quiet(text) => (MessageKind::Event, text.clone()),
        Item::NoOp(denied) => (MessageKind::NoOp, format!("changed nothing: {denied}")),
    };
    MessageView {
        room: room_name(room),
        position: position.0,
        author: record.author.map(|_| record.name.clone()),
        time: record.time.map(|minutes| minutes.0),
        kind,
        text,
        own: record.author == Some(room.me()),
    }
}

/// Whether a person wants to see it without asking for everything.
pub(super) fn is_shown(record: &LogRecord) -> bool {
    matches!(record.item, Item::Said(_) | Item::Event(_))
}

/// Where the code compared with somebody is remembered.
pub(super) fn verified_place(room: &Room, persona: &PersonaId) -> Place {
    let scope = [room.id().as_bytes(), persona.as_bytes()].concat();
    Place::new(Table::Verified, scope, 0)
}

/// People in order of admission, those who are gone last.
pub(super) fn people(engine: &Engine, room: &Room) -> Result<Vec<PersonView>, EngineError> {
    let overlay = engine.vault().overlay();
    let state = room.state();
    let idle: BTreeMap<&PersonaId, u64> = state.idle().collect();
    let names = Names::of(state);
    let mut rows = Vec::new();
    for (persona, person) in &state.people {
        let standing = match person.standing {
            Standing::Applied { .. } => "applied",
            Standing::Admitted { .. } => "admitted",
            Standing::Present { .. } => "present",
            Standing::Going { .. } => "going",
            Standing::Gone { .. } => "gone",
            Standing::Awaited { .. } => "awaited",
        };
        let powers = Power::ALL
            .into_iter()
            .filter(|power| person.is_present() && state.holds(persona, *power))
            .map(|power| power.word().to_owned())
            .collect();
        let view = PersonView {
            name: person.name.to_string(),
            persona: persona.to_string(),
            standing: standing.to_owned(),
            powers,
            sphere: state.charter().sphere_word(person.sphere).to_string(),
            regard: match state.regard(person) {
                Regard::Good => "good",
                Regard::Lapsed => "lapsed",
                Regard::Suspended => "suspended",
            }
            .to_owned(),
            offices: offices(state, persona),
            verified: overlay.get(&verified_place(room, persona))?.is_some(),
            me: *persona == room.me(),
            silent_days: idle.get(persona).copied(),
            uncut: matches!(
                person.standing,
                Standing::Gone { uncut: true, .. } | Standing::Going { .. }
            ),
            warnings: names.warnings(persona),
        };
        rows.push((standing == "gone", person.number, view));
    }
    rows.sort_by_key(|(gone, number, _)| (*gone, *number));
    Ok(rows.into_iter().map(|(_, _, view)| view).collect())
}

fn offices(state: &State, persona: &PersonaId) -> Vec<OfficeView> {
    Office::ALL
        .into_iter()
        .flat_map(|office| state.mandates(office))
        .filter(|mandate| mandate.holder == *persona)
        .map(|mandate| OfficeView {
            office: state.charter().office_word(mandate.office).to_string(),
            until: mandate.end.map(|end| end.0),
            lapsed: mandate.has_lapsed(state.now()),
        })
        .collect()
}

/// Open invites of a room.
pub(super) fn invites(room: &Room) -> Result<Vec<InviteView>, EngineError> {
    let mut views = Vec::new();
    let now = room.state().now();
    for (id, invite) in room
        .state()
        .invites
        .iter()
        .filter(|(_, invite)| invite.is_open(now))
    {
        views.push(InviteView {
            body: room_name(room),
            number: invite.number,
            by: room.name_of(&invite.by),
            left: invite.left,
            expires: invite.expires.0,
            link: room.link_of(id)?,
        });
    }
    views.sort_by_key(|view| view.number);
    Ok(views)
}

/// Requests that wait in a room, with their numbers on this device.
pub(super) fn requests(
    engine: &Engine,
    live: &LiveRoom,
) -> Result<Vec<(RequestView, PersonaId)>, EngineError> {
    let known = engine.requests()?;
    let room = live.room();
    if known.is_empty() {
        return Ok(Vec::new());
    }
    let names = Names::of(room.state());
    let mut views = Vec::new();
    for (number, record) in known {
        let Some(person) = room
            .state()
            .person(&record.persona)
            .filter(|_| record.room == room.id())
        else {
            continue;
        };
        let Standing::Applied { invite, .. } = &person.standing else {
            continue;
        };
        let word = caucus_proto::org::Application::read(&record.application)
            .map_or_else(|_| String::new(), |application| application.word);
        views.push((
            RequestView {
                number,
                body: room_name(&room),
                name: person.name.to_string(),
                word,
                invite: room.state().invites.get(invite).map_or(0, |invite| invite.number),
                vouches: room
                    .state()
                    .vouchers(person, &room.me())
                    .iter()
                    .map(|by| room.name_of(by))
                    .collect(),
                vouches_needed: room.state().vouches_needed(
                    room.state().charter().admission.vouches,
                    &room.me(),
                    &record.persona,
                ),
                warnings: names.warnings(&record.persona),
            },
            record.persona,
        ));
    }
    Ok(views)
}

/// A request of one's own.
pub(super) fn join(engine: &Engine, number: u64, record: &crate::engine::JoinRecord) -> JoinView {
    let (stage, body, why) = match &record.stage {
        JoinStep::New => (JoinStage::Sending, String::new(), engine.why_join_waits(number)),
        JoinStep::Applied(step) if !step.sent => (
            JoinStage::Sending,
            step.label.clone(),
            engine.why_join_waits(number),
        ),
        JoinStep::Applied(step) => (
            JoinStage::Waiting,
            step.label.clone(),
            engine.why_join_waits(number),
        ),
        JoinStep::Joined { label, .. } => (JoinStage::Joined, label.clone(), None),
        JoinStep::Declined { label, reason } => (
            JoinStage::Declined,
            label.clone(),
            Some(reason.clone()).filter(|reason| !reason.is_empty()),
        ),
        JoinStep::Failed { label, why } => (JoinStage::Failed, label.clone(), Some(why.clone())),
    };
    JoinView {
        number,
        body,
        name: record.name.clone(),
        stage,
        why,
        warnings: title_warning(&record.name).into_iter().collect(),
    }
}

/// What a relay promises.
pub(super) fn relay(address: String, info: &caucus_proto::wire::RelayInfo, default: bool) -> RelayView {
    use caucus_proto::wire::{CreationPolicy, StoreKind};
    RelayView {
        address,
        software: info.software.clone(),
        store: match info.store {
            StoreKind::Disk => "disk",
            StoreKind::Memory => "memory",
            StoreKind::Replicated => "replicated",
        }
        .to_owned(),
        message_days: info.plain.hours() / 24,
        commit_days: info.flagged.hours() / 24,
        channel_entries: info.channel_entries,
        channel_bytes: info.channel_bytes,
        creation: match info.creation {
            CreationPolicy::Open => "open",
            CreationPolicy::Pass => "pass",
        }
        .to_owned(),
        default,
    }
}

/// The machine's word for what the command line calls a kind.
pub(super) const fn kind(word: super::KindWord) -> Kind {
    match word {
        super::KindWord::Cell => Kind::Cell,
        super::KindWord::Chapter => Kind::Chapter,
        super::KindWord::Committee => Kind::Committee,
    }
}
