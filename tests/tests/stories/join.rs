//! Coming into a cell, and not coming in.

use std::sync::Arc;

use caucus_client::app::{Answer, Code, Intent, JoinStage};
use caucus_client::clock::{Clock, ManualClock, SystemClock};
use caucus_tests::harness::{Person, World};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_join_by_one_link_and_all_read_one_another() {
    let world = World::new().await;
    let names = [
        "ana", "ben", "cem", "dia", "eva", "fin", "gil", "hal", "ida", "jon", "kim",
    ];
    let people = world.cell(&names).await;
    for person in &people {
        person
            .until("everybody is there", || async {
                (person.standing("present").await.len() == names.len()).then_some(())
            })
            .await;
    }
    for person in &people {
        person.say(&format!("{} is here", person.name)).await;
    }
    for person in &people {
        for name in names {
            person.await_said(&format!("{name} is here")).await;
        }
    }
    let log = people[0].said().await;
    for person in &people[1..] {
        assert_eq!(person.said().await, log, "{}", person.name);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_newcomer_sees_how_many_attest_the_history_they_were_given() {
    let world = World::new().await;
    let people = world.cell(&["ana", "ben", "cem"]).await;
    let cem = &people[2];
    cem.until("somebody attests", || async {
        (cem.room().await.attested.unwrap_or_default() >= 1).then_some(())
    })
    .await;
    assert_eq!(people[0].room().await.attested, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_link_for_one_lets_one_in_and_tells_the_second_why_not() {
    let world = World::new().await;
    let ana = world.person("ana").await;
    ana.found("North").await;
    let link = ana.invite("North", 1).await;
    let ben = world.stranger("ben").await;
    ben.join(&link).await;
    ana.await_requests("North", 1).await;
    ana.admit_all().await;
    ben.await_joined().await;

    let mal = world.stranger("mal").await;
    mal.join(&link).await;
    let join = mal.await_decision().await;
    assert_eq!(join.stage, JoinStage::Declined, "{join:?}");
    assert!(
        join.why.as_deref().is_some_and(|why| why.contains("used up")),
        "{join:?}"
    );
    assert_eq!(ana.standing("present").await, ["ana", "ben"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_who_ask_by_a_link_for_one_are_two_requests_and_one_admission() {
    let world = World::new().await;
    let ana = world.person("ana").await;
    ana.found("North").await;
    let link = ana.invite("North", 1).await;
    let (ben, mal) = (world.stranger("ben").await, world.stranger("mal").await);
    ben.join(&link).await;
    mal.join(&link).await;
    ana.await_requests("North", 2).await;
    let Answer::Decided { decided } = ana
        .ask(Intent::Admit {
            numbers: Vec::new(),
            all: true,
        })
        .await
    else {
        panic!("no decision")
    };
    assert_eq!(decided.len(), 1);
    ana.until("one is in", || async {
        (ana.standing("present").await.len() == 2).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revoked_link_and_a_declined_request_end_with_their_reasons() {
    let world = World::new().await;
    let ana = world.person("ana").await;
    ana.found("North").await;
    let link = ana.invite("North", 3).await;
    let ben = world.stranger("ben").await;
    ben.join(&link).await;
    ana.await_requests("North", 1).await;
    let Answer::Requests { requests } = ana.ask(Intent::Requests { body: None }).await else {
        panic!("no requests")
    };
    assert_eq!(
        (requests[0].name.as_str(), requests[0].word.as_str()),
        ("ben", "it is ben")
    );
    ana.ask(Intent::Decline {
        numbers: vec![requests[0].number],
        reason: "we do not know you".to_owned(),
    })
    .await;
    let join = ben.await_decision().await;
    assert_eq!(
        (join.stage, join.why.as_deref()),
        (JoinStage::Declined, Some("we do not know you"))
    );

    let Answer::Invites { invites } = ana.ask(Intent::Invites { body: None }).await else {
        panic!("no invites")
    };
    assert_eq!(invites[0].link.as_deref(), Some(link.as_str()));
    ana.ask(Intent::Revoke {
        body: "North".to_owned(),
        number: invites[0].number,
    })
    .await;
    let mal = world.stranger("mal").await;
    mal.until("the link leads nowhere", || async {
        mal.join(&link).await;
        let join = mal.await_decision().await;
        (join.stage == JoinStage::Failed).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_expired_link_is_refused_by_the_applicants_own_device_and_by_the_room() {
    let world = World::new().await;
    let clock = ManualClock::at_ms(SystemClock.now_ms());
    let home = world.folder.path().join("ana");
    let ana = Person::with_clock("ana", &home, Arc::new(clock.clone())).await;
    ana.add_relay(&world.relay.address()).await;
    ana.found("North").await;
    let intent = Intent::Invite {
        body: "North".to_owned(),
        uses: 5,
        minutes: 60,
    };
    let Answer::Invited { link, .. } = ana.ask(intent).await else {
        panic!("no invite")
    };
    let late = ManualClock::at_ms(SystemClock.now_ms());
    late.advance_ms(61 * 60_000);
    let ben = Person::with_clock("ben", &world.folder.path().join("ben"), Arc::new(late)).await;
    ben.join(&link).await;
    let join = ben.await_decision().await;
    assert_eq!(join.stage, JoinStage::Failed, "{join:?}");
    assert!(join.why.is_some_and(|why| why.contains("expired")));

    // One whose clock lies gets as far as the room, whose own time has moved on.
    clock.advance_ms(61 * 60_000);
    ana.say("an hour later").await;
    let mal = world.stranger("mal").await;
    mal.join(&link).await;
    let join = mal.await_decision().await;
    assert_eq!(join.stage, JoinStage::Declined, "{join:?}");
    assert!(join.why.is_some_and(|why| why.contains("expired")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn broken_links_wrong_words_and_unknown_rooms_are_each_told() {
    let world = World::new().await;
    let ana = world.person("ana").await;
    ana.found("North").await;
    let link = ana.invite("North", 1).await;
    let join = |link: &str, name: &str| Intent::Join {
        link: link.to_owned(),
        name: name.to_owned(),
        word: String::new(),
        claims: None,
    };
    let ben = world.stranger("ben").await;
    for (link, name) in [
        (&link[..link.len() - 3], "ben"),
        ("hello", "ben"),
        (&world.relay.address(), "ben"),
        (&link, "b\u{1b}[2Jen"),
        (&link, ""),
    ] {
        let problem = ben.refused(join(link, name)).await;
        assert_eq!(problem.code, Code::BadInput, "{problem:?}");
        assert!(problem.next.is_some());
    }
    let say = Intent::Say {
        room: "South".to_owned(),
        text: "x".to_owned(),
    };
    assert_eq!(ben.refused(say.clone()).await.code, Code::NotFound);
    assert_eq!(ana.refused(say).await.code, Code::NotFound);
    let invite = Intent::Invite {
        body: "North".to_owned(),
        uses: 0,
        minutes: 10,
    };
    assert_eq!(ana.refused(invite).await.code, Code::BadInput);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_sides_see_the_same_code_and_remember_that_they_compared() {
    let world = World::new().await;
    let people = world.cell(&["ana", "ben"]).await;
    let verify = |name: &str, confirmed| Intent::Verify {
        body: "North".to_owned(),
        name: name.to_owned(),
        confirmed,
    };
    let Answer::Code { code, verified, .. } = people[0].ask(verify("ben", false)).await else {
        panic!("no code")
    };
    assert!(!verified);
    assert_eq!(code.chars().filter(char::is_ascii_digit).count(), 60);
    let Answer::Code { code: other, .. } = people[1].ask(verify("ana", true)).await else {
        panic!("no code")
    };
    assert_eq!(code, other);
    let ben = people[1].people().await;
    assert!(ben.iter().any(|person| person.name == "ana" && person.verified));
    assert_eq!(people[0].refused(verify("ana", false)).await.code, Code::BadInput);
    assert_eq!(people[0].refused(verify("zoe", false)).await.code, Code::NotFound);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_that_are_taken_are_told_to_the_applicant() {
    let world = World::new().await;
    let ana = world.person("ana").await;
    ana.found("North").await;
    let link = ana.invite("North", 2).await;
    let other = world.stranger("other").await;
    other
        .ask(Intent::Join {
            link,
            name: "ANA".to_owned(),
            word: String::new(),
            claims: None,
        })
        .await;
    let join = other.await_decision().await;
    assert_eq!(join.stage, JoinStage::Declined);
    assert!(join.why.is_some_and(|why| why.contains("name")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_that_looks_like_anothers_or_like_an_office_is_told_before_anybody_trusts_it() {
    let world = World::new().await;
    let ana = world.person("ana").await;
    ana.found("North").await;
    let link = ana.invite("North", 3).await;
    let mut strangers = Vec::new();
    for (who, name) in [("eve", "\u{430}na"), ("mal", "ana (caretaker)"), ("ben", "ben")] {
        let (link, name, word) = (link.clone(), name.to_owned(), String::new());
        let stranger = world.stranger(who).await;
        stranger
            .ask(Intent::Join {
                link,
                name,
                word,
                claims: None,
            })
            .await;
        strangers.push(stranger);
    }
    ana.await_requests("North", 3).await;
    let Answer::Requests { requests } = ana.ask(Intent::Requests { body: None }).await else {
        panic!("requests");
    };
    for request in requests {
        let said = |word: &str| request.warnings.iter().any(|warning| warning.contains(word));
        let (alike, titled) = (said("looks like that of ana"), said("says \"caretaker\""));
        match request.name.as_str() {
            "ben" => assert_eq!(request.warnings, Vec::<String>::new()),
            "ana (caretaker)" => assert!(alike && titled, "{:?}", request.warnings),
            _ => assert!(alike && !titled, "{:?}", request.warnings),
        }
    }
    // Who was here before is warned of for nobody's sake.
    for person in ana.people().await {
        let warned = !person.warnings.is_empty();
        assert_eq!(
            warned,
            !["ana", "ben"].contains(&person.name.as_str()),
            "{}",
            person.name
        );
    }
}
