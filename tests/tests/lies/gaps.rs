//! Cases M-01 and M-03: the relay leaves entries out, or shows them in another order.

use std::time::Duration;

use caucus_client::app::RoomState;
use caucus_proto::wire::Entry;
use caucus_tests::net::{Kept, numbered_anew};
use tokio::time::{Instant, sleep};

use super::scene::{HEARTBEAT, SOON, Scene, reads};
use super::virtually;

fn without(position: u64) -> impl Fn(&[Kept]) -> Vec<Entry> + Send + Sync {
    move |log| {
        let shown = log.iter().map(|kept| kept.entry.clone());
        shown.filter(|entry| entry.position.0 != position).collect()
    }
}

fn swapped(position: u64) -> impl Fn(&[Kept]) -> Vec<Kept> + Send + Sync {
    move |log| {
        let mut shown = log.to_vec();
        let place = position as usize - 1;
        if shown.len() > place + 1 {
            shown.swap(place, place + 1);
        }
        shown
    }
}

#[test]
fn an_entry_that_is_left_out_is_missed_at_the_next_and_taken_in_with_it_when_it_is_shown() {
    virtually(async {
        let scene = Scene::set(121).await;
        let (ana, ben, cem) = (&scene.people[0], &scene.people[1], &scene.people[2]);
        let place = scene.end().0 + 1;
        scene.liar.lie(ben.device, without(place));
        sleep(Duration::from_secs(90)).await;
        ana.say("left out").await;
        cem.hears("left out", SOON).await;
        cem.say("the next").await;
        let (found, took) = scene.notices(ben, "missing", Duration::from_secs(60)).await;
        println!("an entry left out: noticed {} s after the next", took.as_secs());
        assert_eq!(found.at, place);
        assert!(
            found.words.contains(&format!("leaves out entry {place}")),
            "{found:?}"
        );
        assert_eq!(reads(ben, "the next").await, 0);
        scene.liar.tell_the_truth(ben.device);
        ben.hears("the next", SOON).await;
        let said = ben.said().await;
        let texts: Vec<_> = said.iter().rev().take(2).map(|(_, text)| text.as_str()).collect();
        assert_eq!(texts, ["the next", "left out"]);
        scene.is_well(ben, SOON).await;
        scene.settled().await;
        scene.ends().await;
    });
}

#[test]
fn an_entry_that_is_left_out_for_good_is_given_up_after_a_while_and_its_reader_renewed() {
    virtually(async {
        let scene = Scene::set(122).await;
        let (ana, ben, cem) = (&scene.people[0], &scene.people[1], &scene.people[2]);
        let place = scene.end().0 + 1;
        scene.liar.lie(ben.device, without(place));
        sleep(Duration::from_secs(90)).await;
        ana.say("left out for good").await;
        cem.hears("left out for good", SOON).await;
        cem.say("the next").await;
        scene.notices(ben, "missing", Duration::from_secs(60)).await;
        ben.try_say("waits").await;
        sleep(Duration::from_secs(9 * 60)).await;
        assert_ne!(ben.room().await.state, RoomState::Unsynced);
        scene.is_well(ben, Duration::from_secs(20 * 60)).await;
        for person in &scene.people {
            person.hears("waits", SOON).await;
            assert_eq!(reads(person, "waits").await, 1);
        }
        let log = ben.messages(true).await;
        assert!(
            log.iter().any(|one| one.text.contains("this device was renewed")),
            "{log:?}"
        );
        let room = ben.room().await;
        let kept = room.contradictions.iter().find(|one| one.kind == "missing");
        assert!(kept.is_some_and(|one| !one.stands), "{:?}", room.contradictions);
        scene.says(ben, "and on").await;
        scene.ends().await;
    });
}

#[test]
fn two_entries_in_each_others_place_are_refused_at_the_first() {
    virtually(async {
        let scene = Scene::set(123).await;
        let (ana, ben, cem) = (&scene.people[0], &scene.people[1], &scene.people[2]);
        let swap = swapped(scene.end().0 + 1);
        let end = scene.end();
        scene.liar.lie(ben.device, move |log| {
            // As long as there is only one of them, it is not shown.
            let shown = swap(log);
            let some = if shown.len() as u64 > end.0 + 1 {
                shown.len()
            } else {
                end.0 as usize
            };
            shown[..some].iter().map(|kept| kept.entry.clone()).collect()
        });
        sleep(Duration::from_secs(90)).await;
        ana.say("first").await;
        cem.hears("first", SOON).await;
        cem.say("second").await;
        scene.notices(ben, "missing", Duration::from_secs(60)).await;
        assert_eq!(reads(ben, "second").await, 0);
        scene.liar.tell_the_truth(ben.device);
        ben.hears("second", SOON).await;
        assert_eq!(ben.said().await, cem.said().await);
        scene.is_well(ben, SOON).await;
        scene.ends().await;
    });
}

#[test]
fn what_is_left_out_or_swapped_and_numbered_anew_is_found_at_the_first_heartbeat_that_crosses() {
    for (seed, swaps) in [(124, false), (125, true)] {
        virtually(async {
            let scene = Scene::set(seed).await;
            let (ana, ben, cem) = (&scene.people[0], &scene.people[1], &scene.people[2]);
            let place = scene.end().0 + 1;
            let swap = swapped(place);
            scene.liar.lie(ben.device, move |log| {
                if swaps {
                    let shown = swap(log);
                    let some = if shown.len() as u64 > place {
                        shown.len()
                    } else {
                        place as usize - 1
                    };
                    numbered_anew(&shown[..some])
                } else {
                    numbered_anew(log.iter().filter(|kept| kept.entry.position.0 != place))
                }
            });
            sleep(Duration::from_secs(90)).await;
            ana.say("first").await;
            cem.hears("first", SOON).await;
            cem.say("second").await;
            // Most people's heads are against Ben's log, and others' devices renew his: that may go fast.
            let told = || async {
                let mut status = ben.status().await;
                status
                    .rooms
                    .remove(0)
                    .contradictions
                    .into_iter()
                    .find(|one| one.kind == "head")
            };
            let begun = Instant::now();
            let found = ben.wait("a head contradicts", HEARTBEAT, told).await;
            println!(
                "swapped {swaps}, numbered anew: noticed after {} s",
                begun.elapsed().as_secs()
            );
            assert!(found.at >= place && found.here != found.there, "{found:?}");
            scene.liar.tell_the_truth(ben.device);
            scene.is_well(ben, 2 * HEARTBEAT).await;
            scene.says(ben, "here again").await;
            scene.settled().await;
            scene.ends().await;
        });
    }
}

#[test]
fn an_entry_that_was_acknowledged_and_left_out_is_missed_by_its_author_and_counts_once() {
    virtually(async {
        let scene = Scene::set(126).await;
        let (ana, ben, cem) = (&scene.people[0], &scene.people[1], &scene.people[2]);
        let (mine, end) = (scene.ip(ben), scene.end().0);
        scene.liar.lie(ben.device, move |log| {
            let kept = log
                .iter()
                .filter(|kept| kept.entry.position.0 <= end || kept.by != Some(mine));
            numbered_anew(kept)
        });
        sleep(Duration::from_secs(90)).await;
        let (_, ()) = tokio::join!(ben.try_say("acknowledged"), async {
            sleep(Duration::from_secs(3)).await;
            cem.say("in its place").await;
        });
        // It stands until the relay shows its end again, which may be at once.
        let look = || async {
            let all = ben.room().await.contradictions;
            all.into_iter().find(|one| one.kind == "exchanged")
        };
        let found = ben
            .wait("an exchanged entry", Duration::from_secs(180), look)
            .await;
        assert!(found.at > end && found.here != found.there, "{found:?}");
        scene.liar.tell_the_truth(ben.device);
        sleep(2 * HEARTBEAT).await;
        scene.is_well(ben, Duration::from_secs(20 * 60)).await;
        for person in [ana, cem] {
            assert_eq!(reads(person, "acknowledged").await, 1, "{}", person.name);
        }
        scene.ends().await;
    });
}
