//! How people come closer in a body, by its charter: vouches, stages, points of unity, reviews, offices.

use caucus_client::app::{Answer, Code, Intent, KindWord, PersonView};
use caucus_client::charter;
use caucus_proto::org::{Kind, Sphere};
use caucus_tests::harness::{Person, World};

/// The charter of a chapter with one room, in which nothing waits for days that no test has.
fn quick() -> String {
    let mut charter = charter::read(charter::shipped(Kind::Chapter)).unwrap();
    charter.spheres = vec![Sphere::Member, Sphere::Cadre];
    charter.rooms.clear();
    charter.admission.sphere = Sphere::Member;
    charter.admission.vouches = 2;
    charter.vouching.days = 0;
    charter.cadre.vouches = 1;
    charter.cadre.days = 0;
    charter::written(&charter)
}

fn north() -> String {
    "North".to_owned()
}

/// A chapter of these people, all founders' friends.
async fn chapter(world: &World, names: &[&str], charter: Option<String>) -> Vec<Person> {
    let ana = world.person(names[0]).await;
    ana.found_by(KindWord::Chapter, "North", charter).await;
    let mut people = vec![ana];
    for name in &names[1..] {
        let link = people[0].invite("North", 1).await;
        let person = world.stranger(name).await;
        person.join(&link).await;
        people[0].await_requests("North", 1).await;
        for voucher in &people[1..] {
            voucher.await_requests("North", 1).await;
            voucher.ask(vouch(name)).await;
        }
        people[0].admit_all().await;
        person.await_joined().await;
        people.push(person);
    }
    people
}

fn vouch(name: &str) -> Intent {
    Intent::Vouch {
        body: north(),
        name: name.to_owned(),
    }
}

async fn view(person: &Person, name: &str) -> PersonView {
    let people = person.people().await;
    people.into_iter().find(|view| view.name == name).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_asks_to_join_a_chapter_is_vouched_for_before_they_are_admitted() {
    let world = World::new().await;
    let people = chapter(&world, &["ana", "ben", "cem", "dia"], Some(quick())).await;
    let [ana, ben, cem, _] = &people[..] else {
        unreachable!()
    };
    let link = ana.invite("North", 1).await;
    let eva = world.stranger("eva").await;
    eva.join(&link).await;
    // It is not yet for ana to decide: two others have to know her first.
    for voucher in [ana, ben, cem] {
        assert_eq!(
            voucher.await_in_inbox("vouch").await,
            "caucus vouch \"North\" \"eva\""
        );
    }
    let problem = ana
        .refused(Intent::Admit {
            numbers: vec![],
            all: true,
        })
        .await;
    assert_eq!(problem.code, Code::Denied);
    assert!(
        problem.message.contains("vouches of others: 2 here, and 0 count"),
        "{problem:?}"
    );
    ben.ask(vouch("eva")).await;
    cem.ask(vouch("eva")).await;
    assert!(ben.inbox().await.iter().all(|(kind, _)| kind != "vouch"));
    let next = ana.await_in_inbox("request").await;
    assert!(next.starts_with("caucus admit "), "{next}");
    ana.admit_all().await;
    eva.await_joined().await;
    assert_eq!(view(&eva, "eva").await.sphere, "member");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_points_of_unity_are_read_accepted_and_needed_for_the_next_stage() {
    let world = World::new().await;
    let people = chapter(&world, &["ana", "ben", "cem"], Some(quick())).await;
    let [ana, ben, cem] = &people[..] else {
        unreachable!()
    };
    let set = |text: &str, substance| Intent::SetPrinciples {
        body: north(),
        texts: [("en".to_owned(), text.to_owned())].into(),
        substance,
    };
    assert_eq!(ben.refused(set("Bread", true)).await.code, Code::Denied);
    ana.ask(set("Bred for all.", true)).await;
    let due = ben.await_in_inbox("accept").await;
    assert_eq!(due, "caucus principles accept \"North\"");
    let promote = Intent::Promote {
        body: north(),
        name: "ben".to_owned(),
    };
    cem.ask(vouch("ben")).await;
    let problem = ana.refused(promote.clone()).await;
    assert!(problem.message.contains("has not accepted"), "{problem:?}");

    let Answer::Principles(shown) = ben.ask(Intent::Principles { body: north() }).await else {
        panic!("no text")
    };
    assert_eq!((shown.version, shown.word.as_str()), (1, "points of unity"));
    assert_eq!(shown.missing, ["ana", "ben", "cem"]);
    let accept = Intent::Accept {
        body: north(),
        language: "en".to_owned(),
        hash: shown.texts[0].hash.clone(),
    };
    ben.ask(accept.clone()).await;
    assert!(ben.inbox().await.is_empty());
    // A slip of the pen is mended: what ben accepted still counts, and the old text can no longer be accepted.
    ana.ask(set("Bread for all.", false)).await;
    ben.until("the mended text is there", || async {
        match ben.ask(Intent::Principles { body: north() }).await {
            Answer::Principles(text) => (text.version == 2).then_some(()),
            other => panic!("{other:?}"),
        }
    })
    .await;
    assert!(ben.inbox().await.is_empty());
    cem.until("the mended text is there", || async {
        (cem.refused(accept.clone()).await.code == Code::Denied).then_some(())
    })
    .await;
    ana.ask(promote).await;
    assert_eq!(view(ana, "ben").await.sphere, "cadre");
    cem.until("cem sees it too", || async {
        (view(cem, "ben").await.sphere == "cadre").then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_review_hands_the_keys_on_and_its_end_gives_nothing_back_by_itself() {
    let world = World::new().await;
    let people = chapter(&world, &["ana", "ben", "cem"], Some(quick())).await;
    let [ana, ben, cem] = &people[..] else {
        unreachable!()
    };
    let keyholders = |people: Vec<PersonView>| {
        let holds = |view: &PersonView| view.offices.iter().any(|office| office.office == "keyholder");
        people
            .into_iter()
            .filter(holds)
            .map(|view| view.name)
            .collect::<Vec<_>>()
    };
    assert_eq!(keyholders(ana.people().await), ["ana", "ben"]);
    let problem = ben
        .refused(Intent::Suspend {
            body: north(),
            name: "ana".to_owned(),
            reason: String::new(),
        })
        .await;
    assert_eq!(problem.code, Code::Denied);
    ana.ask(Intent::Suspend {
        body: north(),
        name: "ben".to_owned(),
        reason: "a complaint".to_owned(),
    })
    .await;
    for person in [ana, ben, cem] {
        person
            .until("ben is suspended", || async {
                (view(person, "ben").await.regard == "suspended").then_some(())
            })
            .await;
        assert_eq!(keyholders(person.people().await), ["ana", "cem"]);
    }
    // Whoever is under review still speaks, and the new keyholder can turn the keys.
    ben.says("I want to be heard").await;
    ana.await_said("I want to be heard").await;
    ana.ask(Intent::Lift {
        body: north(),
        name: "ben".to_owned(),
    })
    .await;
    assert_eq!(view(ana, "ben").await.regard, "good");
    assert_eq!(keyholders(ana.people().await), ["ana", "cem"]);
    ana.ask(Intent::HandOver {
        body: north(),
        office: "Keyholder".to_owned(),
        name: None,
    })
    .await;
    assert_eq!(keyholders(ana.people().await), ["ben", "cem"]);
    ana.ask(Intent::Remove {
        body: north(),
        name: "cem".to_owned(),
        reason: String::new(),
    })
    .await;
    ana.until("the keys have turned", || async {
        let cem = view(ana, "cem").await;
        (cem.standing == "gone" && !cem.uncut).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_kind_of_body_is_founded_by_its_charter_which_everybody_can_read() {
    let world = World::new().await;
    for (kind, label) in [
        (KindWord::Cell, "cell"),
        (KindWord::Chapter, "chapter"),
        (KindWord::Committee, "committee"),
    ] {
        let ana = world.person(&format!("ana of {label}")).await;
        ana.found_by(kind, "North", None).await;
        let link = ana.invite("North", 1).await;
        let ben = world.stranger(&format!("ben of {label}")).await;
        ben.join(&link).await;
        ana.await_requests("North", 1).await;
        ana.admit_all().await;
        ben.await_joined().await;
        let shown = ben.ask(Intent::Charter { body: north() }).await;
        assert_eq!(shown, ana.ask(Intent::Charter { body: north() }).await);
        let Answer::Charter {
            kind, toml, rules, ..
        } = shown
        else {
            panic!("{shown:?}")
        };
        assert_eq!(kind, label);
        let charter = charter::read(&toml).unwrap();
        assert_eq!(charter.words.body.as_str(), label);
        assert_eq!(rules, charter::in_words(&charter));
    }
    let ana = world.person("ana").await;
    let problem = ana
        .refused(Intent::Found {
            kind: KindWord::Cell,
            label: north(),
            name: None,
            suite: caucus_client::app::SuiteWord::Hybrid,
            charter: Some("absent = 1".to_owned()),
        })
        .await;
    assert_eq!(problem.code, Code::BadInput);
    assert!(problem.message.contains("missing field"), "{problem:?}");
}
