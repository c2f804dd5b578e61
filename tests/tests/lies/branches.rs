//! Case M-05: the relay shows two histories.

use std::time::Duration;

use bytes::Bytes;
use caucus_client::app::{Code, Intent, RoomState};
use caucus_client::engine::Room;
use caucus_client::vault::{Passphrase, Vault};
use caucus_proto::codec;
use caucus_proto::org::SignedHead;
use caucus_proto::wire::{Entry, Flag};
use caucus_tests::net::{Kept, Somebody, numbered_anew};
use tokio::time::sleep;

use super::scene::{HEARTBEAT, SOON, Scene, reads, standing};
use super::virtually;

/// The true log with an entry of the relay's own after this position.
fn with_junk(after: u64) -> impl Fn(&[Kept]) -> Vec<Entry> + Send + Sync {
    move |log| {
        let place = after as usize;
        let mut junk = log[place - 1].clone();
        junk.entry.flag = Flag::Plain;
        junk.entry.counter = log
            .get(place)
            .map_or(junk.entry.counter, |next| next.entry.counter);
        junk.entry.bytes = Bytes::from(vec![7; 1024]);
        let (before, later) = log.split_at(place);
        numbered_anew(before.iter().chain([&junk]).chain(later))
    }
}

fn bytes_of(hex: &str) -> Vec<u8> {
    let digit = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).expect("hexadecimal digits");
    (0..hex.len()).step_by(2).map(digit).collect()
}

/// Whether the head that somebody keeps as evidence was signed by its author, as whoever gets vault and proof can
/// check without any relay.
async fn is_signed(keeper: &Somebody, proof: &str) -> bool {
    keeper.ask(Intent::Lock {}).await;
    let signed = {
        let vault =
            Vault::open(&keeper.home, &Passphrase::new("correct horse".to_owned())).expect("the vault");
        let room = Room::all(&vault).expect("rooms").pop().expect("a room");
        let head: SignedHead = codec::decode(&bytes_of(proof), codec::LIMIT).expect("a head");
        let author = room
            .state()
            .person(&head.author)
            .expect("somebody of the room")
            .key;
        let mut forged = head;
        forged.head.running.0[0] ^= 1;
        head.verify(&room.id(), &author).is_ok() && forged.verify(&room.id(), &author).is_err()
    };
    keeper.unlock().await;
    signed
}

#[test]
fn whoever_is_shown_a_history_of_their_own_is_found_at_the_first_heartbeat_merges_nothing_and_comes_back() {
    virtually(async {
        let scene = Scene::set(111).await;
        let (ana, ben, cem) = (&scene.people[0], &scene.people[1], &scene.people[2]);
        scene.liar.lie(ana.device, with_junk(scene.end().0));
        sleep(Duration::from_secs(15)).await;
        ben.try_say("in both histories, at two places").await;
        let (found, took) = scene.notices(ana, "head", HEARTBEAT).await;
        println!("two histories: noticed after {} s", took.as_secs());
        assert!(found.by.is_some() && found.here != found.there, "{found:?}");
        assert!(found.words.contains("saw another history"), "{found:?}");
        assert!(is_signed(ana, found.proof.as_deref().expect("the head itself")).await);
        // Whoever stands against all says at once what they saw: the others keep that.
        let (of_ana, took) = scene.notices(ben, "head", HEARTBEAT).await;
        println!("and by those who share the other after {} s more", took.as_secs());
        assert_eq!(of_ana.by.as_deref(), Some("ana"));
        assert!(is_signed(ben, of_ana.proof.as_deref().expect("the head itself")).await);
        // Most people go on.
        scene.notices_state(ben, RoomState::Open, HEARTBEAT).await;
        // Ana can do nothing in it, over a restart too, and says so.
        scene.restart(ana).await;
        let status = ana.status().await;
        assert!(!standing(&status).is_empty(), "{status:#?}");
        let stopped = [RoomState::Forked, RoomState::Unsynced];
        assert!(stopped.contains(&status.rooms[0].state), "{status:#?}");
        let refused = ana
            .refused(Intent::Say {
                room: "North".to_owned(),
                text: "to whom?".to_owned(),
            })
            .await;
        assert_eq!(refused.code, Code::RoomState);
        // Most people's heads are against Ana's history: the right log again, and others' devices renew hers.
        scene.notices_state(ana, RoomState::Unsynced, HEARTBEAT).await;
        scene.liar.tell_the_truth(ana.device);
        scene.is_well(ana, 3 * HEARTBEAT).await;
        assert!(standing(&ana.status().await).is_empty());
        scene.says(ana, "here again").await;
        scene.settled().await;
        for person in [ana, ben, cem] {
            // Ana's device may have stopped before it, and be let in anew after it.
            let times = reads(person, "in both histories, at two places").await;
            assert!(
                times == 1 || times == 0 && person.name == ana.name,
                "{}: {times}",
                person.name
            );
            assert_eq!(reads(person, "to whom?").await, 0);
        }
        assert!(
            standing(&ben.status().await).is_empty(),
            "{:#?}",
            ben.status().await
        );
        scene.ends().await;
    });
}

#[test]
fn whoever_was_shown_a_history_of_their_own_before_any_head_crossed_comes_back_by_the_heads_of_the_others() {
    // Where chance lets a heartbeat cross first, it is the story before.
    let told = (112..118).any(|seed| virtually(reads_another_before_any_head_crosses(seed)));
    assert!(told);
}

/// Says something, and whether the room takes it: not where a head has crossed, which stops whoever keeps it.
async fn is_taken(person: &Somebody, text: &str) -> bool {
    let intent = Intent::Say {
        room: "North".to_owned(),
        text: text.to_owned(),
    };
    match person.app.handle(intent).await {
        Ok(_) => true,
        Err(problem) => {
            assert_eq!(problem.code, Code::RoomState, "{problem:?}");
            false
        }
    }
}

async fn reads_another_before_any_head_crosses(seed: u64) -> bool {
    let scene = Scene::set(seed).await;
    let (ana, ben) = (&scene.people[0], &scene.people[1]);
    scene.liar.lie(ana.device, with_junk(scene.end().0));
    sleep(Duration::from_secs(20)).await;
    let said = is_taken(ben, "after the junk").await;
    sleep(Duration::from_secs(10)).await;
    if !said || reads(ana, "after the junk").await == 0 {
        scene.ends().await;
        return false;
    }
    // The right log, where Ana has read another.
    scene.liar.tell_the_truth(ana.device);
    // Until the true log is as long as the other was, all that shows is that it ends earlier.
    if !is_taken(ben, "as long as the other").await {
        scene.ends().await;
        return false;
    }
    sleep(Duration::from_secs(10)).await;
    for person in &scene.people {
        let status = person.status().await;
        if status.rooms[0]
            .contradictions
            .iter()
            .any(|one| one.kind == "head")
        {
            scene.ends().await;
            return false;
        }
    }
    let (found, _) = scene.notices(ana, "rewritten", Duration::from_secs(180)).await;
    assert!(found.here != found.there && found.proof.is_some(), "{found:?}");
    // Nobody's word yet: nothing is taken in, what is said waits.
    ana.try_say("waits").await;
    assert_eq!(reads(ana, "as long as the other").await, 0);
    scene.is_well(ana, 2 * HEARTBEAT).await;
    for person in &scene.people {
        person.hears("waits", SOON).await;
        assert_eq!(reads(person, "waits").await, 1);
    }
    scene.says(ana, "here again").await;
    scene.ends().await;
    true
}

#[test]
fn of_two_people_with_two_histories_both_stop_and_neither_takes_in_the_others() {
    virtually(async {
        let scene = Scene::of(113, &["ana", "ben"]).await;
        let (ana, ben) = (&scene.people[0], &scene.people[1]);
        let end = scene.end().0;
        let own = |who: &Somebody| {
            let mine = scene.ip(who);
            move |log: &[Kept]| {
                let kept = log
                    .iter()
                    .filter(|kept| kept.entry.position.0 <= end || kept.by == Some(mine));
                numbered_anew(kept)
            }
        };
        scene.liar.lie(ana.device, own(ana));
        scene.liar.lie(ben.device, own(ben));
        sleep(Duration::from_secs(120)).await;
        ana.say("a 1").await;
        ben.say("b 1").await;
        // From now on what Ana says crosses.
        let (theirs, from) = (scene.ip(ana), scene.end().0);
        let mine = scene.ip(ben);
        scene.liar.lie(ben.device, move |log| {
            let kept = log.iter().filter(|kept| {
                let position = kept.entry.position.0;
                position <= end || kept.by == Some(mine) || (kept.by == Some(theirs) && position > from)
            });
            numbered_anew(kept)
        });
        let (found, _) = scene.notices(ben, "head", HEARTBEAT).await;
        assert_eq!(found.by.as_deref(), Some("ana"));
        assert_eq!(ben.room().await.state, RoomState::Forked);
        assert_eq!(reads(ben, "a 1").await, 0);
        assert_eq!(reads(ana, "b 1").await, 0);
        scene.restart(ben).await;
        assert_eq!(ben.room().await.state, RoomState::Forked);
        assert_eq!(standing(&ben.status().await).len(), 1);
        scene.ends().await;
    });
}

#[test]
fn another_entry_where_one_was_read_is_told_at_once_and_all_goes_on_with_the_first() {
    virtually(async {
        let scene = Scene::set(114).await;
        let ben = &scene.people[1];
        let last = scene.end().0 as usize;
        scene.liar.lie(ben.device, move |log| {
            let mut shown: Vec<Entry> = log.iter().map(|kept| kept.entry.clone()).collect();
            shown[last - 1].bytes = Bytes::from(vec![9; shown[last - 1].bytes.len()]);
            shown
        });
        let (found, took) = scene.notices(ben, "rewritten", Duration::from_secs(60)).await;
        println!("another entry than before: noticed after {} s", took.as_secs());
        assert_eq!(found.at, last as u64);
        assert!(
            found
                .proof
                .as_deref()
                .is_some_and(|proof| proof.starts_with("0909"))
        );
        ben.try_say("once").await;
        sleep(Duration::from_secs(300)).await;
        assert_eq!(reads(&scene.people[0], "once").await, 0, "nothing was sent");
        scene.restart(ben).await;
        assert_eq!(standing(&ben.status().await).len(), 1);
        scene.liar.tell_the_truth(ben.device);
        for person in &scene.people {
            person.hears("once", SOON).await;
        }
        scene.is_well(ben, SOON).await;
        scene.ends().await;
    });
}
