//! Away, back again, and relays that are not what they were.

use caucus_client::app::{Answer, Code, Intent, Secret};
use caucus_tests::harness::{Person, World};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_is_offline_and_catches_up_in_order() {
    let world = World::new().await;
    let people = world.cell(&["ana", "ben", "cem"]).await;
    let (ana, ben, cem) = (&people[0], &people[1], &people[2]);
    ben.lock().await;
    for n in 0..20 {
        ana.say(&format!("ana {n}")).await;
        cem.say(&format!("cem {n}")).await;
    }
    ben.unlock().await;
    ben.await_said("cem 19").await;
    assert_eq!(ben.said().await, ana.said().await);
    ben.say("back").await;
    ana.await_said("back").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_said_without_the_relay_is_queued_and_sent_when_it_is_back() {
    let mut world = World::new().await;
    let people = world.cell(&["ana", "ben"]).await;
    let (ana, ben) = (&people[0], &people[1]);
    world.relay.stop().await;
    let answer = ana.try_say("while it is away").await;
    assert!(matches!(answer, Answer::Queued { waiting: 1, .. }), "{answer:?}");
    assert_eq!(ana.status().await.unsent, 1);
    // What waits survives the end of the program.
    ana.lock().await;
    ana.unlock().await;
    assert_eq!(ana.status().await.unsent, 1);
    world.relay.start_again().await;
    ben.await_said("while it is away").await;
    ana.until("nothing waits", || async { (ana.status().await.unsent == 0).then_some(()) })
        .await;
    assert_eq!(ben.said().await.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_relay_that_is_killed_and_started_again_loses_nothing() {
    let mut world = World::new().await;
    let people = world.cell(&["ana", "ben"]).await;
    let (ana, ben) = (&people[0], &people[1]);
    for round in 0..3 {
        ana.say(&format!("before {round}")).await;
        world.relay.kill().await;
        world.relay.start_again().await;
        ben.await_said(&format!("before {round}")).await;
        ana.until("said after", || async {
            matches!(ana.try_say(&format!("after {round}")).await, Answer::Stored { .. }).then_some(())
        })
        .await;
        ben.await_said(&format!("after {round}")).await;
    }
    assert_eq!(ana.said().await, ben.said().await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_relay_with_another_key_is_refused() {
    let mut world = World::new().await;
    let ana = world.person("ana").await;
    ana.found("North").await;
    let address = world.relay.address();
    world.relay.stop().await;
    world.relay.change_key();
    world.relay.start_again().await;
    let problem = ana.refused(Intent::RelayInfo { address: Some(address) }).await;
    assert_eq!(problem.code, Code::WrongRelayKey);
    assert!(matches!(ana.try_say("to whom?").await, Answer::Queued { .. }));
    let status = ana.status().await;
    assert!(
        status.warnings.iter().any(|warning| warning.contains("another key")),
        "{status:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_passphrase_opens_nothing_and_loses_nothing() {
    let world = World::new().await;
    let ana = world.person("ana").await;
    ana.found("North").await;
    ana.say("kept").await;
    ana.lock().await;
    assert_eq!(ana.refused(Intent::Rooms {}).await.code, Code::Locked);
    let wrong = Intent::Unlock {
        passphrase: Secret("wrong".to_owned()),
    };
    assert_eq!(ana.refused(wrong).await.code, Code::WrongPassphrase);
    assert_eq!(ana.refused(Intent::Rooms {}).await.code, Code::Locked);
    ana.unlock().await;
    assert_eq!(ana.said().await.len(), 1);
    let change = Intent::Passphrase {
        old: Secret("correct horse".to_owned()),
        new: Secret("battery staple".to_owned()),
    };
    ana.ask(change).await;
    ana.lock().await;
    let old = Intent::Unlock {
        passphrase: Secret("correct horse".to_owned()),
    };
    assert_eq!(ana.refused(old).await.code, Code::WrongPassphrase);
    let new = Intent::Unlock {
        passphrase: Secret("battery staple".to_owned()),
    };
    ana.ask(new).await;
    ana.await_live().await;
    ana.say("still here").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn locked_means_no_connection_and_no_keys() {
    let world = World::new().await;
    let people = world.cell(&["ana", "ben"]).await;
    people[1].lock().await;
    people[0].say("unheard").await;
    let status = people[1].status().await;
    assert!(status.rooms.is_empty() && status.relays.is_empty());
    // Nothing holds the vault any more: another may open it.
    let again = Person::reopen("ben", &people[1].home).await;
    again.await_said("unheard").await;
    again.lock().await;
}
