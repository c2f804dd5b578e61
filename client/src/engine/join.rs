//! A request of one's own, from the link to the room. Each step stands in the vault before the next is taken,
//! so it goes on by itself after any interruption.

use std::time::Duration;

use caucus_proto::codec;
use caucus_proto::envelope::LinkKeys;
use caucus_proto::id::{EntryHash, Minutes, Position};
use caucus_proto::label::Label;
use caucus_proto::org::application::LONGEST_WORD;
use caucus_proto::org::{Application, Name, ReplyDrop, Running, Signature, State};
use caucus_proto::wire::{Retention, Role, Served};
use thiserror::Error;
use x25519_dalek::{PublicKey, StaticSecret};

use super::answer::Reply;
use super::blob::{self, BlobRef};
use super::engine::Engine;
use super::error::EngineError;
use super::invite::{create, put, read_card};
use super::link::InviteLink;
use super::random;
use super::record::{
    AppliedStep, Cursor, HeadFacts, Health, Item, JoinRecord, JoinStep, LogRecord, RoomRecord, SecretKey,
};
use super::relay::patiently;
use super::room::Room;
use super::sealed::{Recipient, seal};
use crate::mls::{Group, MlsError, PersonaKeys, make_key_package};
use crate::relay::{Backoff, Connection, LinkError};
use crate::vault::{Place, Table};

/// Newcomers renew their keys within so many minutes, each at a moment of their own.
const FIRST_REFRESH: u64 = 30;

/// Why a request of one's own cannot go on, whatever is tried.
#[derive(Debug, Error)]
enum Final {
    #[error("the invite has expired: ask for a new link")]
    Expired,
    #[error("the invite has ended or was used up: ask for a new link")]
    Ended,
    #[error("the answer is for another body than the link: somebody tampered with it")]
    OtherBody,
}

/// What one step came to.
enum Step {
    /// Go on.
    On,
    /// The request has ended, well or badly.
    Over,
}

/// Takes a request of one's own on until it is decided.
pub(super) async fn run(engine: Engine, number: u64) {
    let mut backoff = Backoff::default();
    loop {
        match advance(&engine, number).await {
            Ok(Step::On) => backoff.succeeded(),
            Ok(Step::Over) => {
                engine.join_trouble(number, None);
                engine.changed();
                return;
            }
            Err(error) => {
                engine.join_trouble(number, Some(error.to_string()));
                engine.changed();
                let pause = backoff.failed(random::below(u64::MAX).unwrap_or(0), None);
                tokio::time::sleep(pause).await;
            }
        }
    }
}

fn place(number: u64) -> Place {
    Place::new(Table::Joins, b"", number)
}

async fn advance(engine: &Engine, number: u64) -> Result<Step, EngineError> {
    let Some(record) = engine.vault().overlay().get_value::<JoinRecord>(&place(number))? else {
        return Ok(Step::Over);
    };
    let link: InviteLink = record.link.parse()?;
    match record.stage.clone() {
        JoinStep::New => apply(engine, number, record, &link).await,
        JoinStep::Applied(step) if !step.sent => send(engine, number, record, step, &link).await,
        JoinStep::Applied(step) => await_answers(engine, number, record, step, &link).await,
        JoinStep::Joined { .. } | JoinStep::Declined { .. } | JoinStep::Failed { .. } => Ok(Step::Over),
    }
}

fn keep(engine: &Engine, number: u64, record: &JoinRecord) -> Result<(), EngineError> {
    let overlay = engine.vault().overlay();
    overlay.put_value(place(number), record)?;
    overlay.commit()?;
    engine.changed();
    Ok(())
}

fn fail(
    engine: &Engine,
    number: u64,
    mut record: JoinRecord,
    label: String,
    why: &Final,
) -> Result<Step, EngineError> {
    record.stage = JoinStep::Failed {
        label,
        why: why.to_string(),
    };
    keep(engine, number, &record)?;
    Ok(Step::Over)
}

async fn connect(engine: &Engine, record: &JoinRecord, link: &InviteLink) -> Result<Connection, EngineError> {
    let persona = PersonaKeys::from_bytes(&record.persona_key.0);
    Ok(engine.pool().connection(&link.relay, &persona.id()).await?)
}

/// Reads the card, makes key package, reply drop and request.
async fn apply(
    engine: &Engine,
    number: u64,
    mut record: JoinRecord,
    link: &InviteLink,
) -> Result<Step, EngineError> {
    if link.expires < engine.now().minutes {
        return fail(engine, number, record, String::new(), &Final::Expired);
    }
    let connection = connect(engine, &record, link).await?;
    let card = match read_card(&connection, link).await {
        Err(EngineError::Relay(LinkError::Refused(_)) | EngineError::RoomState(_)) => {
            return fail(engine, number, record, String::new(), &Final::Ended);
        }
        other => other?,
    };
    let persona = PersonaKeys::from_bytes(&record.persona_key.0);
    let append = StaticSecret::from(random::bytes::<32>()?);
    let read = StaticSecret::from(random::bytes::<32>()?);
    let control = StaticSecret::from(random::bytes::<32>()?);
    let reply = create(
        &connection,
        PublicKey::from(&append).to_bytes(),
        PublicKey::from(&read).to_bytes(),
        &control,
        Retention::Month,
        link.pass,
    )
    .await?;
    let overlay = engine.vault().overlay();
    let package = make_key_package(&overlay, &persona, card.suite, &card.room)?;
    let mut application = Application {
        invite: card.invite,
        key: persona.public(),
        name: Name::new(&record.name)?,
        word: record.word.chars().take(LONGEST_WORD / 4).collect(),
        key_package: package.bytes,
        reply: ReplyDrop {
            channel: reply,
            append: append.to_bytes(),
            sealing: Recipient::new(record.sealing.0).public(),
        },
        signature: Signature::from([0; 64]),
    };
    application.signature = persona.sign(&application.digest());
    let encoded = codec::encode(&application, codec::LIMIT)?;
    let request = seal(&card.sealing, Label::SealedApplication, &card.drop, &encoded)?;
    record.stage = JoinStep::Applied(AppliedStep {
        label: card.label.to_string(),
        suite: card.suite,
        invite: card.invite,
        drop: card.drop,
        request,
        reply,
        reply_read: SecretKey(read.to_bytes()),
        sent: false,
        cursor: Position(0),
        answers: Vec::new(),
    });
    overlay.put_value(place(number), &record)?;
    overlay.commit()?;
    engine.changed();
    Ok(Step::On)
}

/// Drops the request. If it was dropped before and that is not known, it is there twice and counts once.
async fn send(
    engine: &Engine,
    number: u64,
    mut record: JoinRecord,
    mut step: AppliedStep,
    link: &InviteLink,
) -> Result<Step, EngineError> {
    let connection = connect(engine, &record, link).await?;
    let append = LinkKeys::of(&link.secret).drop_append;
    match put(&connection, step.drop, &append, step.request.clone()).await {
        Err(EngineError::Relay(LinkError::Refused(caucus_proto::wire::RefusedBecause::NotOpened))) => {
            return fail(engine, number, record, step.label, &Final::Ended);
        }
        other => other?,
    };
    step.sent = true;
    record.stage = JoinStep::Applied(step);
    keep(engine, number, &record)?;
    Ok(Step::On)
}

/// Follows the reply drop until the room can be entered.
async fn await_answers(
    engine: &Engine,
    number: u64,
    mut record: JoinRecord,
    mut step: AppliedStep,
    link: &InviteLink,
) -> Result<Step, EngineError> {
    let connection = connect(engine, &record, link).await?;
    if let Some(over) = enter(engine, number, &mut record, &step, link, &connection).await? {
        return Ok(over);
    }
    let key = StaticSecret::from(step.reply_read.0);
    let opened = patiently(|| connection.open(step.reply, Role::Read, &key)).await?;
    let mut reading = connection.read(opened.handle, step.cursor, true).await?;
    let recipient = Recipient::new(record.sealing.0);
    loop {
        match reading.next().await? {
            Served::Entry(entry) => {
                step.cursor = entry.position;
                // What does not open was not sealed by anybody who read the request.
                if let Ok(reply) = recipient.open::<Reply>(Label::SealedAnswer, &step.reply, &entry.bytes) {
                    if let Reply::Declined { reason } = reply {
                        record.stage = JoinStep::Declined {
                            label: step.label,
                            reason,
                        };
                        keep(engine, number, &record)?;
                        return Ok(Step::Over);
                    }
                    if step.answers.len() < 64 {
                        step.answers.push(reply);
                    }
                }
                record.stage = JoinStep::Applied(step.clone());
                keep(engine, number, &record)?;
                if let Some(over) = enter(engine, number, &mut record, &step, link, &connection).await? {
                    return Ok(over);
                }
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

/// What a landed commit, and the welcome that names it, say together.
struct Entrance<'a> {
    welcome: &'a Reply,
    landed: &'a Reply,
}

fn entrances(answers: &[Reply]) -> Vec<Entrance<'_>> {
    let mut found = Vec::new();
    for landed in answers {
        let Reply::Landed { commit, .. } = landed else {
            continue;
        };
        for welcome in answers {
            if matches!(welcome, Reply::Welcome { commit: named, .. } if named == commit) {
                found.push(Entrance { welcome, landed });
            }
        }
    }
    found
}

async fn enter(
    engine: &Engine,
    number: u64,
    record: &mut JoinRecord,
    step: &AppliedStep,
    link: &InviteLink,
    connection: &Connection,
) -> Result<Option<Step>, EngineError> {
    for entrance in entrances(&step.answers) {
        match try_enter(engine, number, record, link, connection, &entrance).await {
            Ok(room) => {
                engine.add_room(room);
                return Ok(Some(Step::Over));
            }
            Err(Refusal::Final(why)) => {
                return fail(engine, number, record.clone(), step.label.clone(), &why).map(Some);
            }
            // Somebody's answer that leads nowhere: another may.
            Err(Refusal::Nowhere) => {}
            Err(Refusal::Engine(error)) => return Err(error),
        }
    }
    Ok(None)
}

enum Refusal {
    Final(Final),
    Nowhere,
    Engine(EngineError),
}

impl<E: Into<EngineError>> From<E> for Refusal {
    fn from(error: E) -> Self {
        Self::Engine(error.into())
    }
}

async fn fetched(connection: &Connection, blob: &BlobRef) -> Result<Vec<u8>, Refusal> {
    match blob::fetch(connection, blob).await {
        Ok(bytes) => Ok(bytes),
        Err(EngineError::Blob(_)) => Err(Refusal::Nowhere),
        Err(error) => Err(Refusal::Engine(error)),
    }
}

/// Enters the room: only if the relay admits the handed keys on that channel and its log shows, flagged, the
/// commit whose hash the answer names. Everything happens in one overlay.
async fn try_enter(
    engine: &Engine,
    number: u64,
    record: &mut JoinRecord,
    link: &InviteLink,
    connection: &Connection,
    entrance: &Entrance<'_>,
) -> Result<Room, Refusal> {
    let (
        Reply::Welcome {
            channel,
            genesis,
            welcome,
            tree,
            ..
        },
        Reply::Landed {
            commit,
            position,
            counter,
            running,
            access,
            snapshot,
        },
    ) = (entrance.welcome, entrance.landed)
    else {
        return Err(Refusal::Nowhere);
    };
    if InviteLink::commit(channel, &genesis.body(), &link.secret) != link.commitment {
        return Err(Refusal::Final(Final::OtherBody));
    }
    let persona = PersonaKeys::from_bytes(&record.persona_key.0);
    let welcome = fetched(connection, welcome).await?;
    let tree = fetched(connection, tree).await?;
    let snapshot = fetched(connection, snapshot).await?;
    let state = State::from_snapshot(&snapshot).map_err(|_| Refusal::Nowhere)?;
    let fits = state.genesis == *genesis
        && state.channel == *channel
        && state.position == *position
        && state.person(&persona.id()).is_some_and(|me| me.is_present());
    if !fits {
        return Err(Refusal::Nowhere);
    }
    if !stands_in_log(connection, *channel, access, *position, *commit).await? {
        return Err(Refusal::Nowhere);
    }

    let overlay = engine.vault().overlay();
    let room_id = genesis.room();
    let group = match Group::join(&overlay, &room_id, &persona.id(), &welcome, &tree) {
        Ok(joined) => joined.group,
        Err(MlsError::Storage(error)) => return Err(error.into()),
        Err(_) => return Err(Refusal::Nowhere),
    };
    let now = engine.now();
    let room_record = RoomRecord {
        room: room_id,
        body: genesis.body(),
        relay: link.relay.clone(),
        channel: *channel,
        suite: genesis.suite,
        persona: persona.id(),
        persona_key: record.persona_key.clone(),
        control_key: SecretKey(random::bytes()?),
        joined_at: *position,
    };
    let facts = HeadFacts {
        running: *running,
        epoch: group.epoch(),
        authenticator: group.authenticator_hash(),
        root: state.root(),
    };
    let cursor = Cursor {
        position: *position,
        counter: *counter,
        running: Running(running.0),
        flagged: *position,
        access: access.clone(),
        controls: Vec::new(),
        health: Health::Open,
        heads: std::collections::BTreeMap::new(),
        seen: *position,
        synced: None,
        refresh: Minutes(now.minutes.0.saturating_add(1 + random::below(FIRST_REFRESH)?)),
        cut: state.now(),
    };
    let first = LogRecord {
        flag: caucus_proto::wire::Flag::Advance,
        author: None,
        name: String::new(),
        time: None,
        item: Item::Event(format!("you are in the room as {}", record.name)),
        facts,
    };
    let label = genesis.label.to_string();
    let mut room = Room::begin(
        engine.vault(),
        &overlay,
        room_record,
        persona,
        group,
        state,
        cursor,
        &first,
    )?;
    // Others hear at once that the newcomer is there, and need not greet again.
    room.want_heartbeat(now.ms.saturating_add(random::below(1_000)?));
    record.stage = JoinStep::Joined { room: room_id, label };
    overlay.put_value(place(number), &*record)?;
    engine.remember_relay(&overlay, &link.relay)?;
    overlay.commit()?;
    Ok(room)
}

async fn stands_in_log(
    connection: &Connection,
    channel: caucus_proto::id::ChannelId,
    access: &caucus_proto::envelope::AccessSecret,
    position: Position,
    commit: EntryHash,
) -> Result<bool, EngineError> {
    let key = access.read_key();
    let opened = match patiently(|| connection.open(channel, Role::Read, &key)).await {
        Err(LinkError::Refused(_)) => return Ok(false),
        other => other?,
    };
    let before = Position(position.0.saturating_sub(1));
    let mut reading = connection.read(opened.handle, before, true).await?;
    let shown = tokio::time::timeout(Duration::from_secs(10), async {
        loop {
            match reading.next().await? {
                Served::Entry(entry) if entry.position == position => {
                    return Ok(entry.flag.moves() && EntryHash::of(&entry.bytes) == commit);
                }
                Served::Entry(_) | Served::CaughtUp { .. } => {}
                _ => return Ok::<bool, EngineError>(false),
            }
        }
    })
    .await;
    let _ = connection.close(opened.handle).await;
    shown.unwrap_or(Ok(false))
}
