//! The network side of coming back: reads what the relay still shows, puts one's request into the log and waits
//! for the welcome that answers it.

use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use caucus_proto::codec;
use caucus_proto::envelope::Body;
use caucus_proto::id::{ChannelId, Counter, Position};
use caucus_proto::org::{Genesis, ReplyDrop};
use caucus_proto::wire::{RefusedBecause, RelayAddress, Retention, Role, Served, bucket};
use x25519_dalek::{PublicKey, StaticSecret};

use super::engine::Engine;
use super::entrance::Entrant;
use super::error::EngineError;
use super::invite::create;
use super::lanes::Purpose;
use super::live::LiveRoom;
use super::pump::Ended;
use super::random;
use super::record::{RenewalRecord, RoomRecord, SecretKey};
use super::refuge;
use super::relay::patiently;
use super::replies::{Replies, remember};
use super::sealed::Recipient;
use crate::relay::{Appended, Connection, LinkError};

/// How long an answer is awaited before it is asked again.
const ASK_AGAIN: Duration = Duration::from_secs(10 * 60);

/// Days after which a request that nobody answered is put where it stands once more.
const POST_AGAIN_DAYS: u64 = 7;

/// Asks to be renewed, and waits. Over when the room was entered anew.
pub(super) async fn session(engine: &Engine, room: &LiveRoom) -> Result<Ended, EngineError> {
    let record = room.room().record().clone();
    let connection = engine
        .connection(&record.relay, &record.persona, Purpose::Room(record.room))
        .await?;
    let seen = look(room, &connection, &record).await?;
    let request = ask(engine, room, &connection, seen).await?;
    let request = post(engine, room, &connection, &record, seen, request).await?;
    room.live.store(true, Ordering::Relaxed);
    room.note_lost(None);
    engine.changed();
    tokio::select! {
        ended = await_answers(engine, room, &connection, &record, request) => ended,
        failed = refuge::look_out(engine, room, &connection) => failed,
        // Asked again, by one who has read further.
        () = tokio::time::sleep(ASK_AGAIN) => Ok(Ended::NextSegment),
    }
}

/// Where the log of the segment that this device can read ends.
#[derive(Clone, Copy)]
struct Seen {
    newest: Position,
    counter: Counter,
    /// The keys have turned since.
    over: bool,
}

/// Reads the segment to its end without opening anything. What the relay does not open any more is over.
async fn look(room: &LiveRoom, connection: &Connection, record: &RoomRecord) -> Result<Seen, EngineError> {
    let (access, mut seen) = {
        let room = room.room();
        let cursor = room.cursor();
        let seen = Seen {
            newest: room.believed_to(),
            counter: cursor.counter,
            over: false,
        };
        (cursor.access.clone(), seen)
    };
    let key = access.read_key();
    let opened = match connection.open(record.lies_in(), Role::Read, &key).await {
        Err(LinkError::Refused(RefusedBecause::NotOpened)) => {
            seen.over = true;
            return Ok(seen);
        }
        other => other?,
    };
    // Of a segment that is over, the relay reads the append key no more.
    let append = room.room().cursor().access.append_key();
    match connection.open(record.lies_in(), Role::Append, &append).await {
        Ok(opened) => {
            let _ = connection.close(opened.handle).await;
        }
        Err(LinkError::Refused(RefusedBecause::NotOpened)) => seen.over = true,
        Err(error) => return Err(error.into()),
    }
    let mut reading = connection.read(opened.handle, seen.newest, false).await?;
    loop {
        match reading.next().await? {
            Served::Entry(entry) => {
                seen.newest = entry.position;
                seen.counter = if entry.flag.moves() {
                    entry.counter.next()
                } else {
                    entry.counter
                };
            }
            Served::CaughtUp { .. } => {}
            Served::End => break,
            Served::Gone | Served::Refused(_) => {
                seen.over = true;
                break;
            }
        }
    }
    drop(reading);
    let _ = connection.close(opened.handle).await;
    Ok(seen)
}

/// The request that stands, or a new one with a reply drop of its own.
async fn ask(
    engine: &Engine,
    room: &LiveRoom,
    connection: &Connection,
    seen: Seen,
) -> Result<RenewalRecord, EngineError> {
    let known = room.room().own_renewal()?;
    if let Some(known) = known {
        let ago = |posted: caucus_proto::id::Minutes| engine.now().minutes.0.saturating_sub(posted.0);
        let days = known.posted.map_or(0, |posted| ago(posted) / (24 * 60));
        // It names more than there is where the relay showed another history when it was made.
        return if known.read() != seen.newest || days >= POST_AGAIN_DAYS {
            room.room().ask_again(known, seen.newest)
        } else {
            Ok(known)
        };
    }
    let relay = room.room().record().relay.clone();
    let (reply, read, sealing) = reply_drop(engine, connection, &relay).await?;
    room.room()
        .ask_renewal(reply, read, sealing, seen.newest, seen.counter)
}

/// Makes a reply drop, with the secrets that read and open what is dropped there.
pub(super) async fn reply_drop(
    engine: &Engine,
    connection: &Connection,
    relay: &RelayAddress,
) -> Result<(ReplyDrop, SecretKey, SecretKey), EngineError> {
    let append = StaticSecret::from(random::bytes::<32>()?);
    let read = StaticSecret::from(random::bytes::<32>()?);
    let control = StaticSecret::from(random::bytes::<32>()?);
    let sealing = SecretKey(random::bytes()?);
    let channel = create(
        connection,
        PublicKey::from(&append).to_bytes(),
        PublicKey::from(&read).to_bytes(),
        &control,
        Retention::Month,
        engine.take_pass(relay),
    )
    .await?;
    let reply = ReplyDrop {
        channel,
        append: append.to_bytes(),
        sealing: Recipient::new(sealing.0).public(),
    };
    Ok((reply, SecretKey(read.to_bytes()), sealing))
}

/// Puts the request into the log, if it does not stand there yet.
async fn post(
    engine: &Engine,
    room: &LiveRoom,
    connection: &Connection,
    record: &RoomRecord,
    mut seen: Seen,
    mut request: RenewalRecord,
) -> Result<RenewalRecord, EngineError> {
    if seen.over && request.posted.is_none() {
        let now = engine.now().minutes;
        let (refuge, content) = {
            let room = room.room();
            let body = Body::Notice(request.request.clone());
            let content = codec::encode(&room.content(body, now, true)?, bucket::LARGEST)?;
            (room.cursor().access.refuge(), content)
        };
        refuge::put(connection, &refuge, &content, engine.take_pass(&record.relay)).await?;
        request.posted = Some(now);
        room.room().keep_own_request(&request)?;
    }
    while request.posted.is_none() {
        let key = room.room().cursor().access.append_key();
        let opened = connection.open(record.lies_in(), Role::Append, &key).await?;
        let now = engine.now().minutes;
        let entry = room
            .room()
            .notice_entry(&request.request, seen.counter, now)
            .map(Bytes::from)?;
        let appended = patiently(|| connection.append(opened.handle, seen.counter, entry.clone())).await;
        let _ = connection.close(opened.handle).await;
        match appended? {
            Appended::Stored(_) => {
                request.posted = Some(now);
                room.room().keep_own_request(&request)?;
            }
            Appended::Moved { counter, .. } => seen.counter = counter,
        }
    }
    Ok(request)
}

/// Waits for the answer to a request, and enters with it.
pub(super) async fn await_answers(
    engine: &Engine,
    room: &LiveRoom,
    connection: &Connection,
    record: &RoomRecord,
    mut request: RenewalRecord,
) -> Result<Ended, EngineError> {
    let Some(reply) = request.reply() else {
        return Err(EngineError::RoomState("the request is none".to_owned()));
    };
    let (read, sealing) = (&request.reply_read, &request.sealing);
    let mut replies = Replies::follow(connection, reply.channel, read, sealing, request.cursor).await?;
    let genesis = room.room().state().genesis.clone();
    let wanted = request.follows().unwrap_or(record.channel);
    let fits = |channel: &ChannelId, theirs: &Genesis| *channel == wanted && *theirs == genesis;
    let entrant = Entrant {
        relay: &record.relay,
        persona_key: &record.persona_key,
        fits: &fits,
    };
    room.set_trouble(room.room().told_out(&request));
    engine.changed();
    loop {
        while let Some(fetched) = replies.way_in(&request.answers, &entrant).await? {
            let handed = fetched.handed(&record.relay, &record.persona_key);
            if room.room().enter_anew(&handed, engine.now())? {
                room.room().forgive()?;
                room.set_trouble(None);
                engine.changed();
                return Ok(Ended::NextSegment);
            }
        }
        let Some((position, reply)) = replies.next().await? else {
            // The reply drop has ended: the next request names another.
            room.room().drop_own_request(&request)?;
            return Ok(Ended::NextSegment);
        };
        request.cursor = position;
        if let Some(reply) = reply {
            remember(&mut request.answers, reply);
        }
        room.room().keep_own_request(&request)?;
        let told = room.room().told_out(&request);
        if told.is_some() {
            room.set_trouble(told);
            engine.changed();
        }
    }
}
