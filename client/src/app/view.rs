//! Read models from the engine's rooms.

use std::collections::BTreeMap;

use caucus_proto::id::{PersonaId, Position};
use caucus_proto::org::mandate::DAY;
use caucus_proto::org::witness::IDLE_DAYS;
use caucus_proto::org::{Application, Kind, Office, Person, Power, Regard, SafetyCode, Standing, State};

use super::alike::{Names, title_warning};
use super::answer::{
    ContradictionView, InviteView, JoinStage, JoinView, MessageKind, MessageView, OfficeView, PersonView,
    RelayView, RequestView, RoomState, RoomView, RosterView,
};
use super::{attachments, liaison, remarks, successor};

use crate::engine::{Engine, EngineError, Health, Item, JoinStep, Line, LiveRoom, LogRecord, Mute, Room};
use crate::vault::{Place, Table};

/// The name of a room: its body's label, and for another than the governing one its own.
pub(super) fn room_name(room: &Room) -> String {
    let label = room.called();
    match &room.state().annex {
        None => label.to_string(),
        Some(annex) => format!("{label}/{}", annex.name),
    }
}

/// Splits `BODY[/ROOM]`.
pub(super) fn split_room(name: &str) -> (&str, Option<&str>) {
    match name.split_once('/') {
        Some((body, room)) => (body.trim(), Some(room.trim())),
        None => (name.trim(), None),
    }
}

/// What follows from silence.
const IDLE: &str =
    "an old phone may still hold the room's keys. `caucus people` shows who; ask them, or `caucus remove`";

/// Entries among which what was not read is counted.
const UNREAD: usize = 1_000;

/// What a room looks like.
pub(super) fn room(engine: &Engine, live: &LiveRoom) -> Result<RoomView, EngineError> {
    let now = engine.now().minutes;
    let relay_trouble = live.trouble();
    let told = live.warnings();
    let is_live = live.is_live();
    let room = live.room();
    let isolated = engine.is_isolated(&room.me())?;
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
        Health::Replaced => (RoomState::Replaced, room.may_act().err()),
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
    let kind = state.genesis.kind;
    if room_state == RoomState::Open && state.present().count() == 2 && kind != Kind::Direct {
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
        .filter(|person| is_uncut(person))
        .map(|person| person.name.to_string())
        .collect();
    let roster = roster(&room);
    if let Some(roster) = roster.as_ref().filter(|roster| !roster.disputed.is_empty()) {
        warnings.push(format!(
            "{}: who belongs into this room, as {} signed it, is not what was decided. Trust nobody here whom you do not \
             know, and ask them",
            said_by(&roster.disputed),
            roster.by
        ));
    }
    let mut unread = 0;
    let mut for_me = 0;
    for (_, record) in unread_of(&room)? {
        unread += 1;
        for_me += u64::from(remarks::is_for_me(&room, &record)?.is_some());
    }
    let muted = room.muted(now)?;
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
        roster,
        isolated,
        for_me,
        muted: muted.is_some(),
        muted_until: match muted {
            Some(Mute::Until(until)) => Some(until.0),
            Some(Mute::Always) | None => None,
        },
        draft: room.draft()?.is_some(),
        vanish_hours: vanish_hours(&room),
        direct: kind == Kind::Direct,
        introduced: liaison::introduced(&room)?,
    })
}

/// After how many hours what is said in a room now vanishes, if it does.
pub(super) fn vanish_hours(room: &Room) -> Option<u32> {
    Some(room.state().vanishing.hours).filter(|hours| *hours > 0)
}

/// Words of others that this person has not read yet, of the next entries.
pub(super) fn unread_of(room: &Room) -> Result<Vec<(Position, LogRecord)>, EngineError> {
    let mut next = room.log_after(room.cursor().seen, UNREAD)?;
    next.retain(|(_, record)| {
        matches!(record.item, Item::Said(_) | Item::Attached { .. }) && record.author != Some(room.me())
    });
    Ok(next)
}

fn said_by(names: &[String]) -> String {
    match names {
        [one] => format!("{one} says"),
        [rest @ .., last] => format!("{} and {last} say", rest.join(", ")),
        [] => "nobody says".to_owned(),
    }
}

fn roster(room: &Room) -> Option<RosterView> {
    let annex = room.state().annex.as_ref()?;
    let awaited = room.state().people.values().filter(|person| person.is_awaited());
    Some(RosterView {
        number: annex.number,
        by: room.name_of(&annex.by),
        came: annex.came.0,
        disputed: annex.disputed.iter().map(|by| room.name_of(by)).collect(),
        awaited: awaited.map(|person| person.name.to_string()).collect(),
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

/// Whether somebody who is out, or a device that was lost, may still read (law 11).
const fn is_uncut(person: &Person) -> bool {
    person.is_uncut() || person.is_leaving() || person.lost
}

/// What stands at a position.
pub(super) fn message(
    room: &Room,
    position: Position,
    record: &LogRecord,
) -> Result<MessageView, EngineError> {
    let (kind, text) = said(room, position, &record.item)?;
    Ok(MessageView {
        room: room_name(room),
        position: position.0,
        author: record.author.map(|_| record.name.clone()),
        time: record.time.map(|minutes| minutes.0),
        kind,
        text,
        own: record.author == Some(room.me()),
        file: attachments::attached(&record.item).map(|(file, _)| {
            let by = record.author.map(|_| record.name.as_str());
            attachments::view(position, by, record.time.map(|time| time.0), file)
        }),
        handed_by: None,
        remarks: remarks::of_message(room, position, record)?,
    })
}

/// What a person reads at a position.
pub(super) fn shown(room: &Room, position: Position, shown: &Line) -> Result<MessageView, EngineError> {
    let handed = match shown {
        Line::Own(record) => return message(room, position, record),
        Line::Handed(handed) => handed,
    };
    let (kind, text) = said(room, position, &handed.item)?;
    Ok(MessageView {
        room: room_name(room),
        position: position.0,
        author: Some(handed.name.clone()),
        time: Some(handed.time),
        kind,
        text,
        // Whoever hands over words could make up that they are this person's.
        own: false,
        file: attachments::attached(&handed.item)
            .map(|(file, _)| attachments::view(position, Some(&handed.name), Some(handed.time), file)),
        handed_by: Some(room.name_of(&handed.by)),
        remarks: remarks::RemarksView::default(),
    })
}

/// Whether whoever follows a room wants to see it: what is done with messages besides, as it happens.
pub(super) fn is_told(item: &Item) -> bool {
    is_shown(item) || matches!(item, Item::Remarked { .. })
}

fn said(room: &Room, position: Position, item: &Item) -> Result<(MessageKind, String), EngineError> {
    Ok(match item {
        Item::Said(text) => (MessageKind::Said, text.clone()),
        Item::Attached { text, file } => (MessageKind::Said, attachments::words(position, file, text)),
        Item::Event(text) | Item::Quiet(text) => (MessageKind::Event, text.clone()),
        Item::Discussed { proposal, text } => (MessageKind::Said, format!("[{proposal}] {text}")),
        Item::Minutes { meeting, version, .. } => {
            let text = format!("wrote the minutes of meeting {meeting}, version {version}");
            (MessageKind::Event, text)
        }
        Item::NoOp(denied) => (MessageKind::NoOp, format!("changed nothing: {denied}")),
        Item::Deleted => (MessageKind::Said, "deleted by its author".to_owned()),
        Item::Remarked { of, what } => (MessageKind::Remark, remarks::line(room, *of, what)?),
    })
}

/// Whether a person wants to see it without asking for everything.
pub(super) const fn is_shown(item: &Item) -> bool {
    matches!(
        item,
        Item::Said(_)
            | Item::Attached { .. }
            | Item::Event(_)
            | Item::Discussed { .. }
            | Item::Minutes { .. }
            | Item::Deleted
    )
}

/// Where the code compared with somebody is remembered.
pub(super) fn verified_place(room: &Room, persona: &PersonaId) -> Place {
    // A persona is the same in every room of a body.
    let governing = room.state().genesis.room();
    let scope = [governing.as_bytes(), persona.as_bytes()].concat();
    Place::new(Table::Verified, scope, 0)
}

/// Whether codes were compared with somebody since either of the two keys changed last.
fn is_verified(engine: &Engine, room: &Room, persona: &PersonaId) -> Result<bool, EngineError> {
    let compared = engine.vault().overlay().get(&verified_place(room, persona))?;
    let code = room.state().safety_code(&room.me(), persona);
    Ok(compared
        .zip(code)
        .is_some_and(|(compared, code)| compared.as_slice() == code.to_string().as_bytes()))
}

/// People in order of admission, those who are gone last.
pub(super) fn people(engine: &Engine, room: &Room) -> Result<Vec<PersonView>, EngineError> {
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
            Standing::Outer { seated: true, .. } => "going",
            Standing::Outer { .. } => "outer",
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
            verified: is_verified(engine, room, persona)?,
            me: *persona == room.me(),
            silent_days: idle.get(persona).copied(),
            uncut: is_uncut(person),
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
            office: state.charter().office_word(mandate.office).to_owned(),
            until: mandate.end.map(|end| end.0),
            lapsed: mandate.has_lapsed(state.now()),
        })
        .collect()
}

/// Open invites of a room, and those of one's own that wait to be opened again.
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
            closed: None,
        });
    }
    for invite in room.closed_invites()? {
        views.push(InviteView {
            body: room_name(room),
            number: invite.number,
            by: room.name_of(&room.me()),
            left: invite.left,
            expires: invite.link.expires.0,
            link: Some(invite.link.to_string()),
            closed: Some(invite.why.to_owned()),
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
        let application = Application::read_again(&record.application).ok();
        let (state, me) = (room.state(), room.me());
        let charter = state.charter();
        let words = state.vouchers(person, &me);
        let needed = match &person.claims {
            Some(claim) => state.vouches_needed(charter.replacing.vouches, &me, &claim.persona),
            None => state.vouches_needed(charter.admission.vouches, &me, &record.persona),
        };
        let days = u64::from(charter.replacing.days);
        views.push((
            RequestView {
                number,
                body: room_name(&room),
                name: person.name.to_string(),
                invite: state.invites.get(invite).map_or(0, |invite| invite.number),
                vouches: words.iter().map(|by| room.name_of(by)).collect(),
                vouches_needed: needed,
                claims: person.claims.map(|claim| room.name_of(&claim.persona)),
                contradicted: person.claims.is_some_and(|claim| state.is_contradicted(&claim)),
                due: person.claims.map(|_| person.joined.0.saturating_add(days * DAY)),
                code: application.as_ref().map_or_else(String::new, |application| {
                    SafetyCode::of_request(&application.digest()).to_string()
                }),
                word: application.map_or_else(String::new, |application| application.word),
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
    // Whoever came back has the name that they had.
    let back = record.claims.clone().filter(|_| stage == JoinStage::Joined);
    JoinView {
        number,
        body,
        name: back.unwrap_or_else(|| record.name.clone()),
        stage,
        why,
        claims: record.claims.clone(),
        code: match &record.stage {
            JoinStep::Applied(step) => Some(SafetyCode::of_request(&step.digest).to_string()),
            _ => None,
        },
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
