//! Bodies of stories, and how they decide: founded, joined, proposed, voted on.

use caucus_client::app::{
    Answer, BallotWord, Intent, KindWord, MethodWord, ProposalView, StepWord, SubjectWord,
};
use caucus_client::charter;
use caucus_proto::org::{Charter, Kind};
use caucus_tests::harness::{Person, World};

/// A charter in which nothing waits for days that no test has.
pub(crate) fn quick(kind: Kind, change: impl FnOnce(&mut Charter)) -> String {
    let mut charter = charter::read(charter::shipped(kind)).unwrap();
    charter.admission.vouches = 0;
    charter.polls.grace = 0;
    for rule in [
        &mut charter.polls.ordinary,
        &mut charter.polls.people,
        &mut charter.polls.rules,
    ] {
        rule.days = 0;
    }
    change(&mut charter);
    charter::written(&charter)
}

/// A body of these people, by the quick charter of its kind.
pub(crate) async fn body(world: &World, label: &str, kind: KindWord, names: &[&str]) -> Vec<Person> {
    let of = match kind {
        KindWord::Cell => Kind::Cell,
        KindWord::Chapter => Kind::Chapter,
        KindWord::Committee => Kind::Committee,
    };
    body_by(world, label, kind, names, quick(of, |_| {})).await
}

/// The same by another charter.
pub(crate) async fn body_by(
    world: &World,
    label: &str,
    kind: KindWord,
    names: &[&str],
    charter: String,
) -> Vec<Person> {
    let first = world.person(names[0]).await;
    first.found_by(kind, label, Some(charter)).await;
    let mut people = vec![first];
    for name in &names[1..] {
        let link = people[0].invite(label, 1).await;
        let person = world.stranger(name).await;
        person.join(&link).await;
        people[0].await_requests(label, 1).await;
        people[0].admit_all().await;
        person.await_joined().await;
        person.is_in(label).await;
        people.push(person);
    }
    people
}

pub(crate) async fn propose(
    person: &Person,
    body: &str,
    (title, text): (&str, &str),
    subject: SubjectWord,
) -> u32 {
    let intent = Intent::Propose {
        body: body.to_owned(),
        title: title.to_owned(),
        text: text.to_owned(),
        subject,
    };
    match person.ask(intent).await {
        Answer::Proposed { number, .. } => number,
        other => panic!("{other:?}"),
    }
}

pub(crate) fn step(body: &str, number: u32, what: StepWord) -> Intent {
    Intent::Step {
        body: body.to_owned(),
        number,
        what,
    }
}

pub(crate) fn open(method: MethodWord, options: &[&str], sealed: bool) -> StepWord {
    StepWord::Open {
        method,
        options: options.iter().map(|option| (*option).to_owned()).collect(),
        minutes: 60,
        sealed,
        most: None,
        winners: None,
    }
}

/// A proposal, once it is so on this device.
pub(crate) async fn sees(
    person: &Person,
    body: &str,
    number: u32,
    is: impl Fn(&ProposalView) -> bool,
) -> ProposalView {
    let look = || async {
        let intent = Intent::Proposals {
            body: Some(body.to_owned()),
        };
        match person.ask(intent).await {
            Answer::Proposals { proposals } => proposals
                .into_iter()
                .find(|view| view.number == number && is(view)),
            other => panic!("{other:?}"),
        }
    };
    person.until("a proposal has come so far", look).await
}

/// Votes, as soon as this device knows of the poll.
pub(crate) async fn votes(person: &Person, body: &str, number: u32, ballot: BallotWord) {
    sees(person, body, number, |view| {
        view.poll.as_ref().is_some_and(|poll| poll.may_vote)
    })
    .await;
    let what = StepWord::Vote { ballot };
    assert_eq!(person.ask(step(body, number, what)).await, Answer::Done {});
}

/// What everybody's device says came of it, which is the same.
pub(crate) async fn decided(people: &[Person], body: &str, number: u32) -> ProposalView {
    let mut views = Vec::new();
    for person in people {
        views.push(sees(person, body, number, |view| view.stage == "decided").await);
    }
    let results = views.iter().map(|view| &view.result);
    assert!(
        results.clone().all(|result| *result == views[0].result),
        "{views:#?}"
    );
    views.remove(0)
}

/// Everybody of a body is for what one of them proposes, and that is the result.
pub(crate) async fn carry(people: &[Person], body: &str, subject: SubjectWord) {
    let number = propose(&people[0], body, ("", ""), subject).await;
    let opening = step(body, number, open(MethodWord::Majority, &[], false));
    assert_eq!(people[0].ask(opening).await, Answer::Done {});
    for person in people {
        votes(person, body, number, BallotWord::Yes {}).await;
    }
    let view = decided(people, body, number).await;
    assert!(
        view.result.as_ref().is_some_and(|result| result.carried),
        "{view:#?}"
    );
}
