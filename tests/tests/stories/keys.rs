//! Keyholders who lie, and people who cannot follow a cut, over a real relay.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use caucus_client::app::{Answer, Intent, RoomState};
use caucus_client::engine::Room;
use caucus_client::mls::Group;
use caucus_client::relay::{Appended, LinkError, Pool};
use caucus_client::vault::{Passphrase, Vault};
use caucus_proto::id::PersonaId;
use caucus_proto::wire::{Access, RefusedBecause, Role};
use caucus_tests::harness::{Person, World};
use x25519_dalek::StaticSecret;

/// Their vault, opened by a program that keeps no rules.
fn open(person: &Person) -> (Vault, Room) {
    let vault = Vault::open(&person.home, &Passphrase::new("correct horse".to_owned())).expect("their vault");
    let room = Room::all(&vault).expect("rooms").pop().expect("a room");
    (vault, room)
}

/// A keyholder cuts with garbage and keys of nobody's.
async fn cuts_wrongly(rogue: &Person) {
    rogue.lock().await;
    let (_vault, room) = open(rogue);
    let pool = Pool::default();
    let connection = pool
        .connection(&room.record().relay, &PersonaId([9; 32]))
        .await
        .expect("a connection");
    let control = StaticSecret::from(room.record().control_key.0);
    let opened = connection
        .open(room.record().channel, Role::Control, &control)
        .await
        .expect("a keyholder's handle");
    let garbage = Bytes::from(vec![7; 1024]);
    let keys = Access {
        append: [3; 32],
        read: [5; 32],
    };
    let cut = connection
        .cut(opened.handle, opened.counter, garbage, keys, Vec::new())
        .await
        .expect("an answer");
    assert!(matches!(cut, Appended::Stored(_)), "{cut:?}");
    pool.close_all().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_keyholder_who_cuts_with_wrong_keys_is_answered_within_seconds_and_nothing_is_lost() {
    let world = World::new().await;
    let people = world.cell(&["ana", "ben", "cem"]).await;
    let (ana, ben, cem) = (&people[0], &people[1], &people[2]);
    ana.say("before").await;
    cem.await_said("before").await;
    // Ben holds a control too once it is set.
    ben.until("ben's control is set", || async {
        ben.lock().await;
        let (vault, room) = open(ben);
        let pool = Pool::default();
        let connection = pool
            .connection(&room.record().relay, &PersonaId([8; 32]))
            .await
            .ok()?;
        let control = StaticSecret::from(room.record().control_key.0);
        let opened = connection
            .open(room.record().channel, Role::Control, &control)
            .await;
        pool.close_all().await;
        drop((room, vault));
        ben.unlock().await;
        opened.ok().map(|_| ())
    })
    .await;
    cuts_wrongly(ben).await;
    let began = Instant::now();
    ana.says("after").await;
    cem.await_said("after").await;
    eprintln!("answered after {:?}", began.elapsed());
    cem.says("all is well").await;
    ana.await_said("all is well").await;
    // Whoever slept through it follows as well.
    ben.unlock().await;
    ben.await_said("all is well").await;
    ben.says("sorry").await;
    cem.await_said("sorry").await;
    let texts: Vec<_> = cem.said().await.into_iter().map(|(_, text)| text).collect();
    assert_eq!(texts, ["before", "after", "all is well", "sorry"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_who_lost_the_group_and_missed_a_cut_is_heard_in_the_refuge() {
    let world = World::new().await;
    let people = world.cell(&["ana", "ben", "cem", "mal"]).await;
    let (ana, ben, cem) = (&people[0], &people[1], &people[2]);
    ana.say("before").await;
    cem.await_said("before").await;
    cem.lock().await;
    {
        let (vault, room) = open(cem);
        let overlay = vault.overlay();
        Group::forget(&overlay, &room.id()).expect("forgotten");
        overlay.commit().expect("committed");
    }
    let answer = ana
        .ask(Intent::Remove {
            body: "North".to_owned(),
            name: "mal".to_owned(),
            reason: String::new(),
        })
        .await;
    assert!(matches!(answer, Answer::Removed { .. }), "{answer:?}");
    ana.until("mal is cut", || async {
        ana.room().await.uncut.is_empty().then_some(())
    })
    .await;
    ben.says("after the cut").await;
    cem.unlock().await;
    cem.until("cem is back", || async {
        let room = cem.room().await;
        (room.state == RoomState::Open && room.live).then_some(())
    })
    .await;
    cem.says("back").await;
    ana.await_said("back").await;
    assert_eq!(ana.standing("present").await, ["ana", "ben", "cem"]);
}

/// Somebody in the room sends junk as fast as the relay lets them, and moves the counter on.
async fn floods(insider: &Person, stored: Arc<AtomicU32>) -> tokio::task::JoinHandle<()> {
    insider.lock().await;
    let (_vault, room) = open(insider);
    let (relay, channel) = (room.record().relay.clone(), room.record().channel);
    let key = room.cursor().access.append_key();
    let pool = Pool::default();
    let connection = pool
        .connection(&relay, &PersonaId([9; 32]))
        .await
        .expect("a connection");
    let opened = connection
        .open(channel, Role::Append, &key)
        .await
        .expect("a handle");
    tokio::spawn(async move {
        let mut counter = opened.counter;
        for turn in 0_u32.. {
            let junk = Bytes::from(vec![7; 1024]);
            let answer = if turn.is_multiple_of(20) {
                connection.advance(opened.handle, counter, junk).await
            } else {
                connection.append(opened.handle, counter, junk).await
            };
            match answer {
                Ok(Appended::Stored(_)) => {
                    stored.fetch_add(1, Ordering::Relaxed);
                    if turn.is_multiple_of(20) {
                        counter = counter.next();
                    }
                }
                Ok(Appended::Moved { counter: now, .. }) => counter = now,
                Err(LinkError::Refused(RefusedBecause::TooFast { .. } | RefusedBecause::Held { .. })) => {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
                // The keys have turned.
                Err(_) => break,
            }
        }
        drop(pool);
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_insider_who_floods_the_log_is_removed_and_cut_off_within_seconds() {
    let world = World::new().await;
    let people = world.cell(&["ana", "ben", "cem", "mal"]).await;
    let (ana, cem) = (&people[0], &people[2]);
    let stored = Arc::new(AtomicU32::new(0));
    let flood = floods(&people[3], Arc::clone(&stored)).await;
    cem.until("there is a flood", || async {
        (stored.load(Ordering::Relaxed) > 200).then_some(())
    })
    .await;
    cem.says("who is that").await;
    let began = Instant::now();
    let answer = ana
        .ask(Intent::Remove {
            body: "North".to_owned(),
            name: "mal".to_owned(),
            reason: "noise".to_owned(),
        })
        .await;
    assert!(matches!(answer, Answer::Removed { .. }), "{answer:?}");
    ana.until("mal is cut off", || async {
        let room = ana.room().await;
        (room.uncut.is_empty() && ana.standing("present").await.len() == 3).then_some(())
    })
    .await;
    flood.await.expect("the flood ends");
    eprintln!(
        "cut off {:?} after the decision; {stored:?} entries of junk",
        began.elapsed()
    );
    cem.says("quiet again").await;
    ana.await_said("quiet again").await;
}
