//! Two commit at once, and both acts end up done.

use caucus_client::app::{Answer, Intent, RoomState};
use caucus_tests::harness::World;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_commit_at_once_and_both_acts_end_up_done() {
    let world = World::new().await;
    let people = world.cell(&["ana", "ben", "cem", "dia"]).await;
    let (ana, ben) = (&people[0], &people[1]);
    ben.until("ben holds the keys too", || async {
        let powers = ben.people().await;
        powers
            .iter()
            .any(|person| person.me && person.powers.iter().any(|power| power == "admit"))
            .then_some(())
    })
    .await;
    let link = ben.invite("North", 1).await;
    let eva = world.stranger("eva").await;
    eva.join(&link).await;
    ben.await_requests("North", 1).await;
    // One admits while the other removes: two commits for one counter.
    let (removed, admitted) = tokio::join!(
        ana.ask(Intent::Remove {
            body: "North".to_owned(),
            name: "dia".to_owned(),
            reason: String::new(),
        }),
        ben.app.handle(Intent::Admit {
            numbers: Vec::new(),
            all: true,
        }),
    );
    assert!(matches!(removed, Answer::Removed { position: Some(_), .. }), "{removed:?}");
    let dia = &people[3];
    dia.until("dia is out", || async {
        (dia.room().await.state == RoomState::Removed).then_some(())
    })
    .await;
    // A removal ends open invites, so an admission that came after it is refused in plain words; one that came
    // before it stands until it is executed.
    match admitted {
        Ok(_) => {
            eva.await_joined().await;
            ana.say("welcome").await;
            eva.await_said("welcome").await;
        }
        Err(problem) => assert!(problem.message.contains("invite"), "{problem:?}"),
    }
    let log = ana.messages(true).await.len();
    let ben_log = ben
        .until("ben has read as far", || async {
            let messages = ben.messages(true).await;
            (messages.len() >= log).then_some(messages)
        })
        .await;
    for (a, b) in ana.messages(true).await.iter().zip(&ben_log) {
        assert_eq!((a.position, &a.text), (b.position, &b.text));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_talk_at_once_and_everybody_reads_one_order() {
    let world = World::new().await;
    let people = world.cell(&["ana", "ben", "cem", "dia"]).await;
    let mut tasks = tokio::task::JoinSet::new();
    for person in &people {
        for n in 0..10 {
            let app = person.app.clone();
            let text = format!("{} {n}", person.name);
            tasks.spawn(async move {
                app.handle(Intent::Say {
                    room: "North".to_owned(),
                    text,
                })
                .await
            });
        }
    }
    while let Some(said) = tasks.join_next().await {
        let answer = said.expect("a task").expect("an answer");
        assert!(matches!(answer, Answer::Stored { .. } | Answer::Queued { .. }), "{answer:?}");
    }
    let total = people.len() * 10;
    for person in &people {
        person
            .until("everything is read", || async { (person.said().await.len() == total).then_some(()) })
            .await;
    }
    let log = people[0].said().await;
    for person in &people {
        assert_eq!(person.said().await, log);
    }
}
