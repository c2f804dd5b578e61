//! A lost phone: who comes back as the same person, and who does not.

use caucus_client::app::{Answer, Code, Intent, KindWord, PersonView, RequestView, RoomState};
use caucus_client::charter;
use caucus_proto::org::{Kind, Sphere};
use caucus_tests::harness::{Person, World};

/// The charter of a chapter with one room that lets people in without vouches, in which nothing waits for days that no test has.
fn quick() -> String {
    let mut charter = charter::read(charter::shipped(Kind::Chapter)).unwrap();
    charter.spheres = vec![Sphere::Member, Sphere::Cadre];
    charter.rooms.clear();
    charter.admission.sphere = Sphere::Member;
    charter.admission.vouches = 0;
    charter.vouching.days = 0;
    charter.replacing.days = 0;
    charter::written(&charter)
}

async fn chapter(world: &World, names: &[&str]) -> Vec<Person> {
    let founder = world.person(names[0]).await;
    founder.found_by(KindWord::Chapter, "North", Some(quick())).await;
    let mut people = vec![founder];
    for name in &names[1..] {
        let link = people[0].invite("North", 1).await;
        let person = world.stranger(name).await;
        person.join(&link).await;
        people[0].await_requests("North", 1).await;
        people[0].admit_all().await;
        person.await_joined().await;
        people.push(person);
    }
    people
}

/// Asks to come back.
async fn returns(person: &Person, link: String, claims: &str) {
    person
        .ask(Intent::Join {
            link,
            name: format!("{claims} again"),
            word: String::new(),
            claims: Some(claims.to_owned()),
        })
        .await;
}

async fn view(person: &Person, name: &str) -> PersonView {
    let people = person.people().await;
    people.into_iter().find(|view| view.name == name).unwrap()
}

/// The request of whoever claims to be somebody, once it is there and looks so.
async fn claim(person: &Person, fits: impl Fn(&RequestView) -> bool) -> RequestView {
    person
        .until("the claim is there", || async {
            match person.ask(Intent::Requests { body: None }).await {
                Answer::Requests { requests } => requests
                    .into_iter()
                    .find(|request| request.claims.is_some() && fits(request)),
                other => panic!("{other:?}"),
            }
        })
        .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ana_loses_her_phone_is_recognized_by_two_and_is_back_in_office_while_an_imposter_is_refused() {
    let world = World::new().await;
    let people = chapter(&world, &["ana", "ben", "cem", "dia", "eva"]).await;
    let [ana, ben, cem, dia, eva] = &people[..] else {
        unreachable!()
    };
    let before = view(ben, "ana").await;
    assert!(before.offices.iter().any(|office| office.office == "caretaker"));
    // The phone is gone: nothing is heard of it any more.
    ana.lock().await;
    let back = world.stranger("new phone").await;
    returns(&back, ben.invite("North", 1).await, "ana").await;

    // Somebody else tries the same with cem, who lost nothing.
    let mal = world.stranger("mal").await;
    returns(&mal, ben.invite("North", 1).await, "cem").await;
    let fake = claim(ben, |request| {
        request.claims.as_deref() == Some("cem") && request.contradicted
    })
    .await;
    let problem = ben.refused(Intent::Replace { number: fake.number }).await;
    assert_eq!(problem.code, Code::Denied);
    assert!(problem.message.contains("was heard since"), "{problem:?}");
    let told = ben.await_in_inbox("imposter").await;
    assert_eq!(told, format!("caucus decline {}", fake.number));
    let events = dia.messages(false).await;
    assert!(
        events.iter().any(|event| event.text.contains("cem is heard")),
        "{events:#?}"
    );
    // Nor is it let in as somebody new.
    let problem = ben
        .refused(Intent::Admit {
            numbers: vec![fake.number],
            all: false,
        })
        .await;
    assert!(problem.message.contains("recognize and replace"), "{problem:?}");

    // Ana reads the code of her request out to those who know her.
    let real = claim(ben, |request| request.claims.as_deref() == Some("ana")).await;
    assert_eq!(back.joins().await.pop().unwrap().code.as_ref(), Some(&real.code));
    let problem = ben.refused(Intent::Replace { number: real.number }).await;
    assert!(problem.message.contains("2 here, and 0 count"), "{problem:?}");
    for (count, voucher) in [cem, dia].into_iter().enumerate() {
        let next = voucher.await_in_inbox("recognize").await;
        let number = claim(voucher, |request| request.claims.as_deref() == Some("ana"))
            .await
            .number;
        assert_eq!(next, format!("caucus recognize {number}"));
        voucher.ask(Intent::Recognize { number }).await;
        claim(ben, |request| request.vouches.len() > count).await;
    }
    let next = ben.await_in_inbox("replace").await;
    assert_eq!(next, format!("caucus replace {}", real.number));
    ben.ask(Intent::Replace { number: real.number }).await;
    back.await_joined().await;
    back.is_well().await;

    // The same persona, in office, with voice, on another device.
    let after = view(&back, "ana").await;
    assert!(after.me);
    assert_eq!(
        (&after.persona, &after.offices),
        (&before.persona, &before.offices)
    );
    assert_eq!(after.powers, before.powers);
    back.says("I am back").await;
    for person in [ben, cem, dia, eva] {
        person.await_said("I am back").await;
        assert_eq!(view(person, "ana").await.persona, before.persona);
        assert!(
            person
                .said()
                .await
                .contains(&("ana".to_owned(), "I am back".to_owned()))
        );
    }
    // Nobody reads on with the lost phone's keys once they have turned.
    ben.until("access is cut", || async {
        let room = ben.room().await;
        (room.uncut.is_empty() && room.people == 5).then_some(())
    })
    .await;
    back.ask(Intent::Suspend {
        body: "North".to_owned(),
        name: "eva".to_owned(),
        reason: "to see that the office is hers".to_owned(),
    })
    .await;
    // Whoever finds the phone sees that it is nobody's any more, and says nothing with it.
    ana.unlock().await;
    ana.until("the old phone has stepped aside", || async {
        matches!(ana.room().await.state, RoomState::Replaced | RoomState::Gone).then_some(())
    })
    .await;
    let problem = ana
        .refused(Intent::Say {
            room: "North".to_owned(),
            text: "hello from the thief".to_owned(),
        })
        .await;
    assert_eq!(problem.code, Code::RoomState);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ben_changes_his_key_and_goes_on_and_whoever_compared_codes_with_him_compares_anew() {
    let world = World::new().await;
    let people = world.cell(&["ana", "ben", "cem"]).await;
    let [ana, ben, cem] = &people[..] else {
        unreachable!()
    };
    let verify = Intent::Verify {
        body: "North".to_owned(),
        name: "ben".to_owned(),
        confirmed: true,
    };
    ana.ask(verify.clone()).await;
    let before = view(ana, "ben").await;
    assert!(before.verified);
    ben.ask(Intent::Rekey {
        body: "North".to_owned(),
    })
    .await;
    ben.says("another key").await;
    for person in [ana, cem] {
        person.await_said("another key").await;
        assert_eq!(view(person, "ben").await.persona, before.persona);
    }
    assert!(!view(ana, "ben").await.verified);
    let events = cem.messages(false).await;
    assert!(
        events
            .iter()
            .any(|event| event.text.contains("compare codes anew") && event.author.as_deref() == Some("ben")),
        "{events:#?}"
    );
    ana.ask(verify).await;
    assert!(view(ana, "ben").await.verified);
    // Also when the program starts again, and more than once.
    ben.lock().await;
    ben.unlock().await;
    ben.until("the key changes once more", || async {
        let again = Intent::Rekey {
            body: "North".to_owned(),
        };
        ben.app.handle(again).await.ok()
    })
    .await;
    ben.says("and once more").await;
    ana.await_said("and once more").await;
}
