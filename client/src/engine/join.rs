//! A request of one's own, from the link to the room. Each step stands in the vault before the next is taken,
//! so it goes on by itself after any interruption.

use std::time::Duration;

use caucus_proto::codec;
use caucus_proto::envelope::LinkKeys;
use caucus_proto::id::{ChannelId, Position};
use caucus_proto::label::Label;
use caucus_proto::org::application::LONGEST_WORD;
use caucus_proto::org::{Application, Genesis, Kind, Name, ReplyDrop, Signature};
use caucus_proto::wire::{RefusedBecause, Retention};
use thiserror::Error;
use x25519_dalek::{PublicKey, StaticSecret};

use super::answer::Reply;
use super::direct::keep_direct;
use super::engine::Engine;
use super::entrance::Entrant;
use super::error::EngineError;
use super::invite::{Card, create, put, read_card};
use super::link::InviteLink;
use super::random;
use super::record::{AppliedStep, JoinRecord, JoinStep, SecretKey};
use super::replies::{Replies, remember};
use super::sealed::{Recipient, seal};
use crate::mls::{PersonaKeys, forget_key_package, make_key_package};
use crate::relay::{Backoff, Connection, LinkError};
use crate::vault::{Overlay, Place, Table};

/// How long answers are awaited before the card is looked at again.
const LOOK_AGAIN: Duration = Duration::from_secs(10 * 60);

/// Why a request of one's own cannot go on, whatever is tried.
#[derive(Debug, Error)]
enum Final {
    #[error("the invite has expired: ask for a new link")]
    Expired,
    #[error("the invite has ended or was used up: ask for a new link")]
    Ended,
    #[error("the relay does not keep the answers any more: ask for a new link")]
    Unanswered,
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

/// Where a request of one's own lies.
fn place(number: u64) -> Place {
    Place::new(Table::Joins, b"", number)
}

async fn advance(engine: &Engine, number: u64) -> Result<Step, EngineError> {
    let Some(mut record) = engine.vault().overlay().get_value::<JoinRecord>(&place(number))? else {
        return Ok(Step::Over);
    };
    let link: InviteLink = record.link.parse()?;
    match record.stage.clone() {
        JoinStep::New => apply(engine, number, record, &link).await,
        JoinStep::Applied(step) if !step.sent => send(engine, number, record, step, &link).await,
        JoinStep::Applied(step) => match look_again(engine, &record, &step, &link).await? {
            Some(step) => {
                record.stage = JoinStep::Applied(step);
                keep(engine, number, &record)
            }
            None => await_answers(engine, number, record, step, &link).await,
        },
        JoinStep::Joined { .. } | JoinStep::Declined { .. } | JoinStep::Failed { .. } => Ok(Step::Over),
    }
}

/// Keeps how far a request is; `Step::Over` if it was given up meanwhile.
fn keep(engine: &Engine, number: u64, record: &JoinRecord) -> Result<Step, EngineError> {
    let vault = engine.vault();
    let _turn = vault.turn();
    let overlay = vault.overlay();
    let Some(before) = overlay.get_value::<JoinRecord>(&place(number))? else {
        return Ok(Step::Over);
    };
    if !matches!(record.stage, JoinStep::Applied(_)) {
        forget_keys(&overlay, &before)?;
    }
    overlay.put_value(place(number), record)?;
    overlay.commit()?;
    engine.changed();
    Ok(Step::On)
}

/// Forgets the private keys of a request that leads nowhere any more.
pub(super) fn forget_keys(overlay: &Overlay, record: &JoinRecord) -> Result<(), EngineError> {
    if let JoinStep::Applied(step) = &record.stage {
        forget_key_package(overlay, &step.key_package, step.suite, &step.room)?;
    }
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
        key_package: package.bytes.clone(),
        reply: ReplyDrop {
            channel: reply,
            append: append.to_bytes(),
            sealing: Recipient::new(record.sealing.0).public(),
        },
        claims: record.claims.as_deref().map(Name::new).transpose()?,
        signature: Signature::from([0; 64]),
    };
    let (encoded, request) = sealed_for(&mut application, &persona, &card)?;
    record.stage = JoinStep::Applied(AppliedStep {
        label: card.label.to_string(),
        suite: card.suite,
        room: card.room,
        key_package: package.bytes,
        invite: card.invite,
        drop: card.drop,
        request,
        reply,
        reply_read: SecretKey(read.to_bytes()),
        sent: false,
        cursor: Position(0),
        answers: Vec::new(),
        digest: application.digest(),
        application: encoded,
    });
    let vault = engine.vault();
    let _turn = vault.turn();
    if overlay.get(&place(number))?.is_none() {
        return Ok(Step::Over);
    }
    overlay.put_value(place(number), &record)?;
    overlay.commit()?;
    engine.changed();
    Ok(Step::On)
}

/// Signs a request for the invite that a card names: its bytes, and what is dropped.
fn sealed_for(
    application: &mut Application,
    persona: &PersonaKeys,
    card: &Card,
) -> Result<(Vec<u8>, Vec<u8>), EngineError> {
    application.invite = card.invite;
    application.signature = persona.sign(&application.digest());
    let encoded = codec::encode(application, codec::LIMIT)?;
    let sealed = seal(&card.sealing, Label::SealedApplication, &card.drop, &encoded)?;
    Ok((encoded, sealed))
}

/// The same request by the card of now, where the invite was opened again since it was made.
fn made_again(
    record: &JoinRecord,
    step: &AppliedStep,
    card: &Card,
) -> Result<Option<AppliedStep>, EngineError> {
    if card.drop == step.drop || (card.room, card.suite) != (step.room, step.suite) {
        return Ok(None);
    }
    let persona = PersonaKeys::from_bytes(&record.persona_key.0);
    let Ok(mut application) = Application::read(&step.application) else {
        return Ok(None);
    };
    let (encoded, request) = sealed_for(&mut application, &persona, card)?;
    Ok(Some(AppliedStep {
        invite: card.invite,
        drop: card.drop,
        request,
        sent: false,
        digest: application.digest(),
        application: encoded,
        ..step.clone()
    }))
}

/// Looks whether the invite was opened again while the request waits: then what was dropped before may never have been read.
/// Where it was, it counts once.
async fn look_again(
    engine: &Engine,
    record: &JoinRecord,
    step: &AppliedStep,
    link: &InviteLink,
) -> Result<Option<AppliedStep>, EngineError> {
    // Whoever claims to be somebody reads out the code of one request.
    if record.claims.is_some() {
        return Ok(None);
    }
    let connection = connect(engine, record, link).await?;
    match read_card(&connection, link).await {
        // The invite has ended, or is none: the request may stand in the log all the same.
        Err(EngineError::Relay(LinkError::Refused(_)) | EngineError::RoomState(_) | EngineError::Link(_)) => {
            Ok(None)
        }
        card => made_again(record, step, &card?),
    }
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
        Err(EngineError::Relay(LinkError::Refused(RefusedBecause::NotOpened))) => {
            return without_drop(engine, number, record, step, link, &connection).await;
        }
        other => other?,
    };
    step.sent = true;
    record.stage = JoinStep::Applied(step);
    keep(engine, number, &record)
}

/// The drop is gone. Where the card stays, the invite was closed by a removal, and whoever opened it opens it again.
async fn without_drop(
    engine: &Engine,
    number: u64,
    mut record: JoinRecord,
    step: AppliedStep,
    link: &InviteLink,
    connection: &Connection,
) -> Result<Step, EngineError> {
    let card = match read_card(connection, link).await {
        Err(EngineError::Relay(LinkError::Refused(_)) | EngineError::RoomState(_)) => {
            return fail(engine, number, record, step.label, &Final::Ended);
        }
        other => other?,
    };
    match made_again(&record, &step, &card)? {
        Some(step) => {
            record.stage = JoinStep::Applied(step);
            keep(engine, number, &record)
        }
        None if link.expires < engine.now().minutes => {
            fail(engine, number, record, step.label, &Final::Expired)
        }
        None => Err(EngineError::RoomState(
            "the invite is closed at the moment: asked again by itself once it is open".to_owned(),
        )),
    }
}

/// Follows the reply drop until the room can be entered, or it is time to look at the card again.
async fn await_answers(
    engine: &Engine,
    number: u64,
    mut record: JoinRecord,
    mut step: AppliedStep,
    link: &InviteLink,
) -> Result<Step, EngineError> {
    let connection = connect(engine, &record, link).await?;
    let look_at = tokio::time::Instant::now() + LOOK_AGAIN;
    let (read, sealing) = (&step.reply_read, &record.sealing);
    let mut replies = Replies::follow(&connection, step.reply, read, sealing, step.cursor).await?;
    loop {
        if let Some(over) = enter(engine, number, &mut record, &step, link, &mut replies).await? {
            return Ok(over);
        }
        let Ok(next) = tokio::time::timeout_at(look_at, replies.next()).await else {
            replies.close().await;
            return Ok(Step::On);
        };
        let Some((position, reply)) = next? else {
            return fail(engine, number, record, step.label, &Final::Unanswered);
        };
        step.cursor = position;
        match reply {
            Some(Reply::Declined { reason }) => {
                record.stage = JoinStep::Declined {
                    label: step.label,
                    reason,
                };
                keep(engine, number, &record)?;
                return Ok(Step::Over);
            }
            Some(reply) => remember(&mut step.answers, reply),
            None => {}
        }
        record.stage = JoinStep::Applied(step.clone());
        if matches!(keep(engine, number, &record)?, Step::Over) {
            return Ok(Step::Over);
        }
    }
}

/// Enters the room if the answers lead there. Everything happens in one overlay.
async fn enter(
    engine: &Engine,
    number: u64,
    record: &mut JoinRecord,
    step: &AppliedStep,
    link: &InviteLink,
    replies: &mut Replies<'_>,
) -> Result<Option<Step>, EngineError> {
    let host = record.direct.as_ref().map(|direct| direct.host);
    let fits = |channel: &ChannelId, genesis: &Genesis| {
        InviteLink::commit(channel, &genesis.body(), &link.secret) == link.commitment
            && host.is_none_or(|host| genesis.kind == Kind::Direct && genesis.founder == host)
    };
    let persona_key = record.persona_key.clone();
    let entrant = Entrant {
        relay: &link.relay,
        persona_key: &persona_key,
        fits: &fits,
    };
    while let Some(fetched) = replies.way_in(&step.answers, &entrant).await? {
        let vault = engine.vault();
        let _turn = vault.turn();
        let overlay = vault.overlay();
        if overlay.get(&place(number))?.is_none() {
            return Ok(Some(Step::Over));
        }
        let handed = fetched.handed(&link.relay, &persona_key);
        let Some(room) = handed.enter(vault, &overlay, engine.now())? else {
            continue;
        };
        if let Some(direct) = &record.direct {
            keep_direct(&overlay, &room.id(), &direct.record)?;
        }
        record.stage = JoinStep::Joined {
            room: room.id(),
            label: record.direct.as_ref().map_or_else(
                || fetched.genesis.label.to_string(),
                |direct| direct.record.label.to_string(),
            ),
        };
        overlay.put_value(place(number), &*record)?;
        engine.remember_relay(&overlay, &link.relay)?;
        overlay.commit()?;
        engine.add_room(room);
        return Ok(Some(Step::Over));
    }
    Ok(None)
}
