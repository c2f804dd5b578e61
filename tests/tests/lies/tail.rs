//! Case M-02 and M-06: the relay withholds the tail from one.

use std::time::Duration;

use caucus_client::app::{Answer, Intent};
use caucus_tests::net::{Kept, Somebody};
use tokio::time::sleep;

use super::scene::{HEARTBEAT, SOON, Scene, reads, standing};
use super::virtually;

/// Only what stands up to here.
fn until(end: u64) -> impl Fn(&[Kept]) -> Vec<caucus_proto::wire::Entry> + Send + Sync {
    move |log| {
        let shown = log.iter().map(|kept| kept.entry.clone());
        shown.filter(|entry| entry.position.0 <= end).collect()
    }
}

async fn words(who: &Somebody) -> Vec<String> {
    who.status().await.warnings
}

#[test]
fn a_withheld_tail_is_noticed_at_the_next_heartbeat_of_ones_own_kept_over_a_restart_and_caught_up_by_itself()
{
    virtually(async {
        let scene = Scene::set(101).await;
        let (ana, ben) = (&scene.people[0], &scene.people[1]);
        let end = scene.end();
        scene.liar.lie(ben.device, until(end.0));
        ana.say("ben is not to read this").await;
        let (found, took) = scene.notices(ben, "withheld", HEARTBEAT).await;
        println!("a withheld tail: noticed after {} s", took.as_secs());
        assert!(found.at > end.0, "{found:?}");
        assert_eq!(found.there, end.0.to_string());
        assert!(found.words.contains("holds entries back"), "{found:?}");
        assert!(found.next.contains("ask whoever runs the relay"), "{found:?}");
        assert!(
            words(ben)
                .await
                .iter()
                .any(|word| word.contains("North: the relay holds entries back"))
        );
        // It says so after a restart, before the relay says anything.
        scene.restart(ben).await;
        assert_eq!(standing(&ben.status().await).len(), 1);
        // What is said waits, and nothing at all is sent.
        let before = scene.end();
        let answer = ben.try_say("from behind").await;
        assert!(
            matches!(&answer, Answer::Queued { why, .. } if why.contains("holds entries back")),
            "{answer:?}"
        );
        sleep(HEARTBEAT).await;
        let by_ben = scene.liar.log()[before.0 as usize..]
            .iter()
            .filter(|kept| kept.by == Some(scene.ip(ben)))
            .count();
        assert_eq!(by_ben, 0);
        assert_eq!(reads(ben, "ben is not to read this").await, 0);
        // The right log again.
        scene.liar.tell_the_truth(ben.device);
        ben.hears("ben is not to read this", SOON).await;
        for person in &scene.people {
            person.hears("from behind", SOON).await;
        }
        scene.is_well(ben, SOON).await;
        scene.settled().await;
        for person in &scene.people {
            assert_eq!(reads(person, "from behind").await, 1);
        }
        // It is remembered.
        let room = ben.room().await;
        let kept = room.contradictions.iter().find(|one| one.kind == "withheld");
        assert!(kept.is_some_and(|one| !one.stands), "{:?}", room.contradictions);
        scene.ends().await;
    });
}

#[test]
fn whoever_speaks_behind_a_withheld_removal_finds_out_before_anybody_could_read_them_twice() {
    virtually(async {
        let scene = Scene::set(102).await;
        let (ana, ben, cem) = (&scene.people[0], &scene.people[1], &scene.people[2]);
        let end = scene.end();
        scene.liar.lie(ben.device, until(end.0));
        let removed = Intent::Remove {
            body: "North".to_owned(),
            name: "cem".to_owned(),
            reason: String::new(),
        };
        ana.ask(removed).await;
        let gone = || async {
            ana.standing("gone")
                .await
                .contains(&"cem".to_owned())
                .then_some(())
        };
        ana.wait("cem is out", SOON, gone).await;
        // The counter has moved, or the keys have turned: what Ben says is for nobody of the epoch before.
        let answer = ben.try_say("is cem still here?").await;
        assert!(matches!(answer, Answer::Queued { .. }), "{answer:?}");
        sleep(Duration::from_secs(5 * 60)).await;
        assert_eq!(reads(cem, "is cem still here?").await, 0);
        assert!(!words(ben).await.is_empty());
        scene.liar.tell_the_truth(ben.device);
        ana.hears("is cem still here?", SOON).await;
        assert_eq!(reads(ana, "is cem still here?").await, 1);
        assert_eq!(reads(cem, "is cem still here?").await, 0);
        scene.ends().await;
    });
}

#[test]
fn one_whom_the_relay_keeps_from_all_others_is_told_that_nobody_was_heard() {
    virtually(async {
        let scene = Scene::set(103).await;
        let (ana, ben) = (&scene.people[0], &scene.people[1]);
        let mine = scene.ip(ben);
        let end = scene.end().0;
        // A log of their own: what others say is left out, what they say themselves is not.
        scene.liar.lie(ben.device, move |log| {
            let kept = log
                .iter()
                .filter(|kept| kept.entry.position.0 <= end || kept.by == Some(mine));
            caucus_tests::net::numbered_anew(kept)
        });
        ana.say("nobody hears me there").await;
        sleep(Duration::from_secs(25 * 3600)).await;
        // Where somebody's commit was left out too, the relay contradicts itself before the day is over.
        let told = || async {
            let apart = |word: &String| {
                word.contains("nobody else was heard for 2") && word.contains("keeps you apart")
            };
            let is_told = words(ben).await.iter().any(apart) || !standing(&ben.status().await).is_empty();
            is_told.then_some(())
        };
        ben.wait("it is told", HEARTBEAT, told).await;
        assert_eq!(reads(ben, "nobody hears me there").await, 0);
        scene.ends().await;
    });
}
