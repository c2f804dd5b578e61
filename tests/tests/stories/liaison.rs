//! People who talk alone: two of one body, and people of different bodies whom a committee brings together.

use caucus_client::app::{
    Answer, Code, DirectView, Intent, IntroductionView, InviteView, JoinStage, KindWord, RoomView,
};
use caucus_tests::harness::{Person, World};

use super::assembly::body;
use super::between::link;

fn own(text: &str) -> String {
    text.to_owned()
}

async fn direct(person: &Person) -> Vec<DirectView> {
    match person.ask(Intent::Directs {}).await {
        Answer::Direct { direct } => direct,
        other => panic!("{other:?}"),
    }
}

fn asking(body: &str, to: &str, name: Option<&str>) -> Intent {
    Intent::AskDirect {
        body: own(body),
        to: own(to),
        name: name.map(own),
        word: own("About the hall"),
    }
}

/// Waits until somebody asks this person, and gives the number.
async fn asked(person: &Person) -> u64 {
    person
        .until("somebody would talk alone", || async {
            direct(person).await.iter().find_map(|view| view.number)
        })
        .await
}

async fn comes(person: &Person, number: u64, name: Option<&str>) -> String {
    let name = name.map(own);
    match person.ask(Intent::AcceptDirect { number, name }).await {
        Answer::Joining { body, .. } => body,
        other => panic!("{other:?}"),
    }
}

async fn the_room(person: &Person, label: &str) -> RoomView {
    person.is_in(label).await;
    person.room_named(label).await.unwrap()
}

/// The link that a direct room was founded with.
async fn link_of(person: &Person, label: &str) -> String {
    let body = Some(own(label));
    let invites: Vec<InviteView> = match person.ask(Intent::Invites { body }).await {
        Answer::Invites { invites } => invites,
        other => panic!("{other:?}"),
    };
    invites.into_iter().find_map(|invite| invite.link).unwrap()
}

/// Everything that the log of a room shows to a person: who, and what.
async fn log(person: &Person, room: &str) -> String {
    let intent = Intent::Read {
        room: own(room),
        since: Some(0),
        limit: Some(1_000),
        follow: false,
        all: true,
        mark: false,
    };
    match person.ask(intent).await {
        Answer::Messages { messages, .. } => {
            let lines = messages.into_iter().map(|message| (message.author, message.text));
            format!("{:?}", lines.collect::<Vec<_>>())
        }
        other => panic!("{other:?}"),
    }
}

/// Somebody who has a link and was not meant asks to come in, and is declined by the founder's device, or finds that the invite
/// has ended.
async fn is_turned_away(person: &Person, link: &str, name: &str) {
    let intent = Intent::Join {
        link: own(link),
        name: own(name),
        word: own("it is me"),
        claims: None,
    };
    person.ask(intent).await;
    let decision = person.await_decision().await;
    let away = matches!(decision.stage, JoinStage::Declined | JoinStage::Failed);
    assert!(away, "{decision:?}");
}

fn introducing(body: &str, between: &[&str]) -> Intent {
    Intent::Introduce {
        body: own(body),
        between: between.iter().map(|name| own(name)).collect(),
        about: own("The harbour strike"),
        days: 14,
    }
}

fn consenting(body: &str, number: u32, name: &str) -> Intent {
    Intent::ConsentIntroduction {
        body: own(body),
        from: None,
        number,
        name: Some(own(name)),
    }
}

async fn introductions(person: &Person, body: &str) -> Vec<IntroductionView> {
    let body = Some(own(body));
    match person.ask(Intent::Introductions { body }).await {
        Answer::Introductions { introductions } => introductions,
        other => panic!("{other:?}"),
    }
}

async fn stands(person: &Person, body: &str, number: u32, stage: &str) -> IntroductionView {
    person
        .until(
            &format!("{body} has introduction {number} as {stage}"),
            || async {
                let all = introductions(person, body).await;
                all.into_iter()
                    .find(|view| view.number == number && view.stage == stage)
            },
        )
        .await
}

/// The direct room into which an introduction led.
async fn introduced(person: &Person, people: u64) -> RoomView {
    person
        .until("those who were introduced are in a room", || async {
            let Answer::Rooms { rooms } = person.ask(Intent::Rooms {}).await else {
                panic!("no rooms")
            };
            let met = |room: &RoomView| room.introduced.is_some() && room.people == people && room.live;
            rooms.into_iter().find(met)
        })
        .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_people_of_a_body_talk_alone_under_other_names_and_the_others_see_that_somebody_was_asked() {
    let world = World::new().await;
    let north = body(&world, "North", KindWord::Cell, &["ana", "ben", "cem"]).await;
    let [ana, ben, cem] = &north[..] else { panic!() };
    // One's own name would tie the two together.
    let refused = ana.refused(asking("North", "ben", Some("Ana"))).await;
    assert_eq!(refused.code, Code::BadInput);
    assert_eq!(
        ana.refused(asking("North", "ana", None)).await.code,
        Code::BadInput
    );
    assert_eq!(ana.ask(asking("North", "ben", None)).await, Answer::Done {});
    let number = asked(ben).await;
    assert_eq!(
        ben.await_in_inbox("talk").await,
        format!("caucus dm accept {number}")
    );
    let view = direct(ben).await.remove(0);
    assert_eq!(
        (view.stage.as_str(), view.with.as_str(), view.word.as_deref()),
        ("asks", "ana", Some("About the hall"))
    );
    assert_eq!(direct(ana).await[0].stage, "asked");
    // Whoever is not meant sees that somebody was asked, and neither whom nor what.
    cem.until("the whisper is read", || async {
        log(cem, "North")
            .await
            .contains("asked somebody to talk alone")
            .then_some(())
    })
    .await;
    assert!(direct(cem).await.is_empty());
    assert!(!log(cem, "North").await.contains("About the hall"));

    let label = comes(ben, number, Some("robin")).await;
    assert_eq!(label, "ana of North");
    let (here, there) = (the_room(ben, &label).await, the_room(ana, "ben of North").await);
    assert!(here.direct && there.direct && here.body == there.body);
    ana.says_in("ben of North", "only us").await;
    ben.hears_in(&label, "only us").await;
    ben.says_in(&label, "so it is").await;
    ana.hears_in("ben of North", "so it is").await;
    assert_eq!(
        (direct(ana).await[0].stage.as_str(), direct(ben).await.len()),
        ("open", 1)
    );
    // Of where they met there is nothing in it: no name, no id.
    let old = ana.room_named("North").await.unwrap();
    for (person, label) in [(ana, "ben of North"), (ben, "ana of North")] {
        let names: Vec<_> = person
            .people_of(label)
            .await
            .into_iter()
            .map(|one| one.name)
            .collect();
        assert!(names.contains(&own("robin")) && names.len() == 2);
        assert!(
            !names.contains(&own("ana")) && !names.contains(&own("ben")),
            "{names:?}"
        );
        let said = log(person, label).await;
        for word in ["North", "ana", "ben", old.body.as_str(), old.channel.as_str()] {
            assert!(!said.contains(word), "{word}: {said}");
        }
    }
    // In a direct room it works as everywhere.
    assert_eq!(ben.ask(asking(&label, &there.me, None)).await, Answer::Done {});
    let number = asked(ana).await;
    comes(ana, number, None).await;
    assert_eq!(ben.room_named("North").await.unwrap().people, 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_finds_the_link_of_a_direct_room_is_let_in_by_nobody_and_who_was_asked_still_comes() {
    let world = World::new().await;
    let north = body(&world, "North", KindWord::Cell, &["ana", "ben"]).await;
    let mallory = world.stranger("mallory").await;
    north[0].ask(asking("North", "ben", None)).await;
    let number = asked(&north[1]).await;
    let link = link_of(&north[0], "ben of North").await;
    for name in ["mallory", "ben"] {
        is_turned_away(&mallory, &link, name).await;
    }
    let label = comes(&north[1], number, None).await;
    north[1].is_in(&label).await;
    north[0].says_in("ben of North", "at last").await;
    north[1].hears_in(&label, "at last").await;
    assert_eq!(north[0].people_of("ben of North").await.len(), 2);
    // Who does not come tells nobody.
    north[1].ask(asking("North", "ana", None)).await;
    let number = asked(&north[0]).await;
    assert_eq!(
        north[0].ask(Intent::DeclineDirect { number }).await,
        Answer::Done {}
    );
    assert!(direct(&north[0]).await.iter().all(|view| view.number.is_none()));
    let name = None;
    let gone = north[0].refused(Intent::AcceptDirect { number, name }).await;
    assert_eq!(gone.code, Code::NotFound);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_committee_brings_two_people_of_different_cells_together_and_neither_cell_hears_of_the_other() {
    let world = World::new().await;
    let city = body(&world, "City", KindWord::Committee, &["carl", "cora"]).await;
    let north = body(&world, "North", KindWord::Cell, &["ana", "nils"]).await;
    let south = body(&world, "South", KindWord::Cell, &["ben"]).await;
    link((&city[0], "City"), (&north[0], "North")).await;
    link((&city[0], "City"), (&south[0], "South")).await;
    assert_eq!(
        city[0].ask(introducing("City", &["North", "South"])).await,
        Answer::Done {}
    );
    for person in north.iter().chain(&south) {
        person.await_in_inbox("introduction").await;
    }
    let refused = north[1].refused(consenting("North", 1, "Nils")).await;
    assert_eq!(refused.code, Code::BadInput);
    assert_eq!(
        north[1].ask(consenting("North", 1, "robin")).await,
        Answer::Done {}
    );
    stands(&north[0], "North", 1, "consented").await;
    assert_eq!(
        north[0].refused(consenting("North", 1, "late")).await.code,
        Code::Denied
    );
    let made = stands(&city[1], "City", 1, "open").await;
    assert_eq!(made.between.len(), 2);
    // Whoever found the host's link on the way is not whom the committee introduces.
    let room = north[1]
        .until("the host's room is there", || async {
            let Answer::Rooms { rooms } = north[1].ask(Intent::Rooms {}).await else {
                panic!("no rooms")
            };
            rooms.into_iter().find(|room| room.direct)
        })
        .await;
    let stolen = link_of(&north[1], &room.name).await;
    assert_eq!(
        south[0].ask(consenting("South", 1, "meise")).await,
        Answer::Done {}
    );
    let (host, guest) = (introduced(&north[1], 2).await, introduced(&south[0], 2).await);
    assert_eq!(host.body, guest.body);
    for room in [&host, &guest] {
        let introduced = room.introduced.as_ref().unwrap();
        assert!(introduced.signed);
        assert_eq!(
            (introduced.by.as_str(), introduced.about.as_str()),
            ("City", "The harbour strike")
        );
    }
    is_turned_away(&world.stranger("mallory").await, &stolen, "mallory").await;
    north[1].says_in(&host.name, "a word from north").await;
    south[0].hears_in(&guest.name, "a word from north").await;
    south[0].says_in(&guest.name, "and one from south").await;
    north[1].hears_in(&host.name, "and one from south").await;
    let people = north[1].people_of(&host.name).await;
    let mut names: Vec<_> = people.into_iter().map(|one| one.name).collect();
    names.sort();
    assert_eq!(names, ["meise", "robin"]);
    // The cells and the committee know that two met, and not under which names; the cells not whom.
    for (person, label, foreign) in [
        (&north[0], "North", &["robin", "meise", "South", "ben"][..]),
        (&south[0], "South", &["robin", "North", "nils", "ana"]),
        (&city[0], "City", &["robin", "meise", "nils", "ben", "ana"]),
        (&city[1], "City", &["robin", "meise", "nils", "ben", "ana"]),
    ] {
        stands(person, label, 1, "met").await;
        let shown = log(person, label).await;
        for word in foreign {
            assert!(!shown.contains(word), "{label} knows {word}: {shown}");
        }
    }
    for (person, room) in [(&north[1], &host), (&south[0], &guest)] {
        let shown = log(person, &room.name).await;
        for word in ["North", "South", "City", "nils", "ana", "ben", "carl"] {
            assert!(!shown.contains(word), "{word}: {shown}");
        }
    }
    let rooms = |answer| match answer {
        Answer::Rooms { rooms } => rooms.len(),
        other => panic!("{other:?}"),
    };
    assert_eq!(rooms(city[0].ask(Intent::Rooms {}).await), 1);
    assert_eq!(rooms(north[0].ask(Intent::Rooms {}).await), 1);
    // They find each other again after both were away.
    north[1].lock().await;
    south[0].lock().await;
    north[1].unlock().await;
    south[0].unlock().await;
    south[0].says_in(&guest.name, "still here").await;
    north[1].hears_in(&host.name, "still here").await;
    assert!(introduced(&north[1], 2).await.introduced.unwrap().signed);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn delegates_of_three_bodies_meet_and_where_one_would_not_come_nobody_does() {
    let world = World::new().await;
    let city = body(&world, "City", KindWord::Committee, &["carl"]).await;
    let mut delegates = Vec::new();
    for (label, name) in [("North", "ana"), ("South", "ben"), ("East", "eda")] {
        let mut cell = body(&world, label, KindWord::Cell, &[name]).await;
        link((&city[0], "City"), (&cell[0], label)).await;
        delegates.push((label, cell.remove(0)));
    }
    let bodies = ["North", "South", "East"];
    city[0].ask(introducing("City", &bodies)).await;
    for (number, (label, person)) in delegates.iter().enumerate() {
        let view = stands(person, label, 1, "open").await;
        assert_eq!((view.host, view.parties), (number == 0, 3));
        person
            .ask(consenting(label, 1, &format!("delegate {number}")))
            .await;
    }
    let mut rooms = Vec::new();
    for (_, person) in &delegates {
        rooms.push(introduced(person, 3).await.name);
    }
    delegates[2].1.says_in(&rooms[2], "all three").await;
    for (place, room) in rooms.iter().enumerate() {
        delegates[place].1.hears_in(room, "all three").await;
    }
    // One body says no: the others are told, and whoever consented waits no longer.
    city[0].ask(introducing("City", &bodies)).await;
    for (label, person) in &delegates {
        stands(person, label, 2, "open").await;
    }
    delegates[1].1.ask(consenting("South", 2, "nobody")).await;
    let no = Intent::DeclineIntroduction {
        body: own("East"),
        from: Some(own("City")),
        number: 2,
    };
    assert_eq!(delegates[2].1.ask(no).await, Answer::Done {});
    for (label, person) in &delegates {
        stands(person, label, 2, "declined").await;
    }
    stands(&city[0], "City", 2, "declined").await;
    let late = delegates[0].1.refused(consenting("North", 2, "late")).await;
    assert_eq!(late.code, Code::NotFound);
}
