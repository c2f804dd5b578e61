//! Coming into another room of one's body: a request, signed for that room, is put into the log of a room that one is in;
//! whoever is in both carries it over, and the answers lead in as those to an applicant do.

use std::sync::Arc;
use std::time::Duration;

use caucus_proto::id::{ChannelId, Position, RoomId};
use caucus_proto::org::{Genesis, NoticeKind, SignedNotice};

use super::engine::Engine;
use super::entrance::Entrant;
use super::error::EngineError;
use super::heal::reply_drop;
use super::lanes::Purpose;
use super::live::LiveRoom;
use super::random;
use super::record::{RenewalRecord, RoomRecord};
use super::replies::{Replies, remember};
use super::rosters::Overview;
use crate::mls::{PersonaKeys, forget_key_package, make_key_package};
use crate::relay::{Backoff, Connection};
use crate::vault::{Overlay, Place, Table};

/// Number of the request among a room's records, as of a request to be renewed.
const REQUEST: u64 = 4;

/// Minutes after which an answer is asked for again.
const ASK_AGAIN: u64 = 10;

/// The room that one wants to come into.
#[derive(Clone)]
pub(super) struct Target {
    pub room: RoomId,
    pub channel: ChannelId,
}

impl Target {
    pub(super) const fn of(other: &Overview) -> Self {
        Self {
            room: other.id,
            channel: other.channel,
        }
    }

    fn place(&self) -> Place {
        Place::new(Table::Rooms, self.room.as_bytes(), REQUEST)
    }
}

/// Asks until this device is in, or does not belong there any more.
pub(super) async fn run(engine: Engine, from: Arc<LiveRoom>, target: Target) {
    let mut backoff = Backoff::default();
    // What was said in another run may have been lost with it.
    let mut said = false;
    while belongs(&from, &target) && !is_there(&engine, &target) {
        match advance(&engine, &from, &target, &mut said).await {
            Ok(true) => break,
            Ok(false) => backoff.succeeded(),
            Err(_) => {
                let pause = backoff.failed(random::below(u64::MAX).unwrap_or(0), None);
                tokio::time::sleep(pause).await;
            }
        }
    }
    engine.approached(&target.room);
}

fn is_there(engine: &Engine, target: &Target) -> bool {
    engine.room(&target.room).is_some_and(|room| room.room().is_in())
}

/// Whether this person belongs into the room, as the one that they ask from has it.
fn belongs(from: &LiveRoom, target: &Target) -> bool {
    let room = from.room();
    let state = room.state();
    let Some(me) = room.myself().filter(|me| me.is_present() && room.is_in()) else {
        return false;
    };
    match &state.annex {
        Some(annex) => annex.governing == target.channel && me.sphere >= state.charter().governing,
        None => state.rooms.iter().any(|open| {
            open.channel == target.channel
                && (state.charter().room(open.name.as_str())).is_some_and(|rule| me.sphere >= rule.sphere)
        }),
    }
}

/// Asks where that is due, and waits for answers for a while; true once this device is in.
async fn advance(
    engine: &Engine,
    from: &LiveRoom,
    target: &Target,
    said: &mut bool,
) -> Result<bool, EngineError> {
    let record = from.room().record().clone();
    let connection = engine
        .connection(&record.relay, &record.persona, Purpose::Room(target.room))
        .await?;
    let mut request = match engine
        .vault()
        .overlay()
        .get_value::<RenewalRecord>(&target.place())?
    {
        Some(request) if request.follows() == Some(target.channel) => request,
        other => {
            let before = other.map(|request| request.request);
            ask(engine, from, &connection, target, before.as_ref()).await?
        }
    };
    let now = engine.now().minutes;
    let old = request
        .posted
        .is_none_or(|posted| now.0.saturating_sub(posted.0) >= ASK_AGAIN);
    if old && request.posted.is_some() {
        let mut kind = request.request.notice.kind.clone();
        if let NoticeKind::Follow { asked, .. } = &mut kind {
            *asked = now;
        }
        request.request = from.room().notice_for(&target.room, kind)?;
    }
    if old || !*said {
        from.room().say_elsewhere(target.room, &request.request)?;
        from.wake.notify_one();
        request.posted = Some(now);
        keep(engine, target, &request)?;
        *said = true;
    }
    let wait = Duration::from_secs(ASK_AGAIN * 60);
    match tokio::time::timeout(
        wait,
        await_answers(engine, from, &connection, &record, target, request),
    )
    .await
    {
        Ok(entered) => entered,
        Err(_) => Ok(false),
    }
}

fn keep(engine: &Engine, target: &Target, request: &RenewalRecord) -> Result<(), EngineError> {
    let vault = engine.vault();
    let _turn = vault.turn();
    let overlay = vault.overlay();
    overlay.put_value(target.place(), request)?;
    overlay.commit()?;
    Ok(())
}

/// Makes a request, with a fresh key package and a reply drop of its own.
async fn ask(
    engine: &Engine,
    from: &LiveRoom,
    connection: &Connection,
    target: &Target,
    before: Option<&SignedNotice>,
) -> Result<RenewalRecord, EngineError> {
    let record = from.room().record().clone();
    let (reply, reply_read, sealing) = reply_drop(engine, connection, &record.relay).await?;
    let vault = engine.vault();
    let overlay = vault.overlay();
    let persona = PersonaKeys::from_bytes(&record.persona_key.0);
    let package = make_key_package(&overlay, &persona, record.suite, &target.room)?;
    let kind = NoticeKind::Follow {
        channel: target.channel,
        asked: engine.now().minutes,
        key_package: package.bytes,
        reply,
    };
    // Never under the vault's turn: whoever holds a room waits for that.
    let request = from.room().notice_for(&target.room, kind)?;
    let request = RenewalRecord {
        request,
        reply_read,
        sealing,
        posted: None,
        cursor: Position(0),
        answers: Vec::new(),
    };
    let _turn = vault.turn();
    forget_package(&overlay, &record, target, before)?;
    overlay.put_value(target.place(), &request)?;
    overlay.commit()?;
    Ok(request)
}

fn forget_package(
    overlay: &Overlay,
    record: &RoomRecord,
    target: &Target,
    before: Option<&SignedNotice>,
) -> Result<(), EngineError> {
    if let Some(NoticeKind::Follow { key_package, .. }) = before.map(|before| &before.notice.kind) {
        forget_key_package(overlay, key_package, record.suite, &target.room)?;
    }
    Ok(())
}

/// Follows the reply drop until the room can be entered; false where another request is needed.
async fn await_answers(
    engine: &Engine,
    from: &LiveRoom,
    connection: &Connection,
    record: &RoomRecord,
    target: &Target,
    mut request: RenewalRecord,
) -> Result<bool, EngineError> {
    let Some(channel) = request.reply().map(|reply| reply.channel) else {
        return Err(EngineError::RoomState("the request is none".to_owned()));
    };
    let genesis = from.room().state().genesis.clone();
    let fits = |channel: &ChannelId, theirs: &Genesis| *channel == target.channel && *theirs == genesis;
    let entrant = Entrant {
        relay: &record.relay,
        persona_key: &record.persona_key,
        fits: &fits,
    };
    let (read, sealing) = (&request.reply_read, &request.sealing);
    let mut replies = Replies::follow(connection, channel, read, sealing, request.cursor).await?;
    loop {
        while let Some(fetched) = replies.way_in(&request.answers, &entrant).await? {
            let vault = engine.vault();
            let _turn = vault.turn();
            let overlay = vault.overlay();
            let handed = fetched.handed(&record.relay, &record.persona_key);
            if let Some(room) = handed.enter(vault, &overlay, engine.now())? {
                overlay.delete(target.place());
                overlay.commit()?;
                engine.add_room(room);
                return Ok(true);
            }
        }
        let Some((position, reply)) = replies.next().await? else {
            // It has ended: the next request names another.
            let vault = engine.vault();
            let _turn = vault.turn();
            let overlay = vault.overlay();
            forget_package(&overlay, record, target, Some(&request.request))?;
            overlay.delete(target.place());
            overlay.commit()?;
            return Ok(false);
        };
        request.cursor = position;
        if let Some(reply) = reply {
            remember(&mut request.answers, reply);
        }
        keep(engine, target, &request)?;
    }
}
