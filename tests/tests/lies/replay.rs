//! Case M-04: what stood in the log once is shown again.

use std::collections::BTreeMap;
use std::time::Duration;

use caucus_client::app::{Intent, MessageKind};
use caucus_proto::wire::Flag;
use tokio::time::sleep;

use super::scene::{SOON, Scene, standing};
use super::virtually;

#[test]
fn every_entry_of_a_room_put_into_its_log_again_under_every_flag_has_no_second_effect() {
    virtually(async {
        let scene = Scene::set(131).await;
        let (ana, ben) = (&scene.people[0], &scene.people[1]);
        for n in 0..10 {
            scene.says(&scene.people[n % 3], &format!("text {n}")).await;
        }
        // A heartbeat or two.
        sleep(Duration::from_secs(40 * 60)).await;
        scene.settled().await;
        let before: Vec<_> = ben.people().await;
        let old = scene.liar.log();
        let mut again = 0;
        for round in 0..2 {
            for kept in &old {
                let flag = if round == 0 { Flag::Plain } else { Flag::Advance };
                scene.liar.inject(flag, kept.entry.bytes.clone());
                again += 1;
            }
            scene.settled().await;
            // Whoever comes back reads them as everybody did.
            scene.restart(ben).await;
        }
        println!("{again} entries shown again");
        scene.settled().await;
        for person in &scene.people {
            let mut times: BTreeMap<String, usize> = BTreeMap::new();
            for message in person.whole_log().await {
                if message.kind == MessageKind::Said {
                    *times.entry(message.text).or_default() += 1;
                }
            }
            assert!(
                times.values().all(|times| *times == 1),
                "{}: {times:?}",
                person.name
            );
            assert!(times.len() >= 13);
            assert!(standing(&person.status().await).is_empty());
        }
        assert_eq!(ben.people().await, before);
        scene.says(ana, "on we go").await;
        // One who was put out is not brought back by what they once said.
        ana.ask(Intent::Remove {
            body: "North".to_owned(),
            name: "cem".to_owned(),
            reason: String::new(),
        })
        .await;
        let gone = || async {
            ben.standing("gone")
                .await
                .contains(&"cem".to_owned())
                .then_some(())
        };
        ben.wait("cem is out", SOON, gone).await;
        for kept in &old {
            scene.liar.inject(Flag::Plain, kept.entry.bytes.clone());
            scene.liar.inject(Flag::Advance, kept.entry.bytes.clone());
        }
        sleep(Duration::from_secs(60)).await;
        for person in [ana, ben] {
            person.say(&format!("{} and no other", person.name)).await;
            assert_eq!(person.standing("present").await, ["ana", "ben"]);
        }
        ana.hears("ben and no other", SOON).await;
        ben.hears("ana and no other", SOON).await;
        scene.ends().await;
    });
}
