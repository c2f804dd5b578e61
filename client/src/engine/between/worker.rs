//! What runs beside the log of a governing room for as long as the body has to do with others: letters go out and come
//! in, bulletins are read, what is announced is published.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use caucus_proto::id::{ChannelId, RoomId};
use caucus_proto::org::RelayName;
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinSet};

use super::desk::Desk;
use super::moving::Moving;
use super::post::Post;
use super::{bulletin, feed, letters, liaison};
use crate::engine::engine::Engine;
use crate::engine::live::LiveRoom;
use crate::engine::record::Health;

/// How often it is looked whether something is to be done, where nothing changes.
const TICK: Duration = Duration::from_secs(2);

/// How long a change is waited for that comes together with another.
const GATHER: Duration = Duration::from_millis(150);

/// What is read for as long as a link stands, and lies where it lies.
#[derive(Clone, PartialEq, Eq, Hash)]
enum Reads {
    /// The drop of a link, at the relay where the body went, if it did.
    Drop(u32, Option<RelayName>),
    /// The bulletin of the other body.
    Feed(u32, ChannelId),
    /// The body's own bulletin, which is published there too.
    Own(ChannelId),
}

/// Runs until the task is ended.
pub(in crate::engine) async fn run(engine: Engine, room: RoomId) {
    // Letters wait for every relay that does not answer; what is read, and the way to where the room lies, does not.
    tokio::join!(read_on(&engine, &room), write_on(&engine, &room));
}

async fn write_on(engine: &Engine, room: &RoomId) {
    let (mut changes, mut post) = (engine.changes(), Post::default());
    while let Some(live) = engine.room(room) {
        post.send(engine, &live).await;
        next_look(&mut changes).await;
    }
}

async fn read_on(engine: &Engine, room: &RoomId) {
    let mut changes = engine.changes();
    let (mut tasks, mut running) = (JoinSet::new(), HashMap::<Reads, AbortHandle>::new());
    let (mut moving, desk) = (Moving::default(), Arc::new(Desk::default()));
    while let Some(live) = engine.room(room) {
        let wanted = wanted(&live);
        while tasks.try_join_next().is_some() {}
        running.retain(|reads, task| {
            let keep = wanted.contains(reads) && !task.is_finished();
            if !keep {
                task.abort();
            }
            keep
        });
        for reads in wanted {
            running.entry(reads.clone()).or_insert_with(|| {
                let (engine, live) = (engine.clone(), Arc::clone(&live));
                match reads {
                    Reads::Drop(link, _) => tasks.spawn(letters::read(engine, live, Arc::clone(&desk), link)),
                    Reads::Feed(link, _) => tasks.spawn(feed::read(engine, live, link)),
                    Reads::Own(_) => tasks.spawn(bulletin::run(engine, live)),
                }
            });
        }
        // Where the vault cannot be written now, they are read again.
        let _ = live.room().keep_drops_read_to(&desk.read());
        // What cannot be done now is done at the next look.
        let _ = liaison::go_on(engine, &live);
        moving.go_on(engine, &live).await;
        next_look(&mut changes).await;
    }
}

/// Until something changed, or it is time to look all the same.
async fn next_look(changes: &mut watch::Receiver<u64>) {
    tokio::select! {
        _ = changes.changed() => tokio::time::sleep(GATHER).await,
        () = tokio::time::sleep(TICK) => {}
    }
    changes.mark_unchanged();
}

fn wanted(live: &LiveRoom) -> Vec<Reads> {
    let room = live.room();
    let state = room.state();
    if state.annex.is_some() || !matches!(room.cursor().health, Health::Open) {
        return Vec::new();
    }
    let (now, mut wanted) = (state.now(), Vec::new());
    for (number, link) in &state.between.links {
        if link.live().is_some() || link.is_awaited(now) {
            wanted.push(Reads::Drop(*number, link.site.clone()));
        }
        let peer = link.live().filter(|peer| !peer.keys.is_empty());
        if let Some(bulletin) = peer.and_then(|peer| peer.card.bulletin.as_ref())
            && link.they.publishes()
        {
            wanted.push(Reads::Feed(*number, bulletin.channel));
        }
    }
    let house = state.between.house();
    if let Some(bulletin) = house.and_then(|house| house.bulletin.as_ref()) {
        wanted.push(Reads::Own(bulletin.reading.channel));
    }
    wanted
}
