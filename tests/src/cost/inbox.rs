//! What it costs to open the list of everything that waits for a person: polls to vote in, requests to judge.

use std::path::Path;
use std::time::Instant;

use caucus_client::app::{Answer, Intent, KindWord, MethodWord, StepWord, SubjectWord};
use caucus_proto::org::poll::OPEN_POLLS;
use tokio::task::JoinSet;

use super::joins::{AT_ONCE, charter, leaves_a_request};
use crate::figures::samples::Times;
use crate::figures::{Figure, Target};
use crate::harness::Person;
use crate::process::RelayProcess;

/// Proposals that one person may have open.
const POLLS: usize = 16;

/// Of whom so many may have all of theirs before everybody at once.
const OPENERS: usize = OPEN_POLLS / POLLS;

/// Requests to judge, where nobody else waits.
const REQUESTS: usize = 100;

/// How often the list is opened.
const OPENED: usize = 100;

/// Measures it in a chapter of one person.
pub(super) fn measure(folder: &Path, say: &dyn Fn(&str)) -> Vec<Figure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let relay = RelayProcess::start(&folder.join("relay-of-inbox"));
    runtime.block_on(async {
        let founder = Person::new("Ana", &folder.join("inbox")).await;
        founder.add_relay(relay.address()).await;
        founder
            .found_by(KindWord::Chapter, "North", Some(charter(&[])))
            .await;
        let link = founder.invite("North", REQUESTS as u16).await;
        say(&format!("{REQUESTS} leave a request ..."));
        let names: Vec<_> = (0..REQUESTS).map(|n| format!("Guest {n}")).collect();
        for names in names.chunks(AT_ONCE) {
            let mut asking = JoinSet::new();
            for name in names {
                asking.spawn(leaves_a_request(name.clone(), folder.join(name), link.clone()));
            }
            asking.join_all().await;
        }
        founder.await_requests("North", REQUESTS).await;
        vec![opened(&[&founder], &founder, say).await]
    })
}

/// Puts as many polls before everybody as `openers` may have open, and opens the list of `person`.
pub(super) async fn opened(openers: &[&Person], person: &Person, say: &dyn Fn(&str)) -> Figure {
    let openers = openers.get(..OPENERS).unwrap_or(openers);
    let polls = openers.len() * POLLS;
    say(&format!("{polls} polls are opened ..."));
    let each = openers
        .iter()
        .flat_map(|opener| (0..POLLS).map(move |n| (opener, n)));
    for (opener, n) in each {
        let number = proposed(opener, n).await;
        let what = StepWord::Open {
            method: MethodWord::Majority,
            options: Vec::new(),
            minutes: 7 * 24 * 60,
            sealed: false,
            most: None,
            winners: None,
        };
        let body = "North".to_owned();
        opener.ask(Intent::Step { body, number, what }).await;
    }
    let waiting = person
        .until("all polls are in the list", || async {
            let list = person.inbox().await;
            let votes = list.iter().filter(|(kind, _)| kind == "vote").count();
            (votes >= polls).then_some(list.len())
        })
        .await;
    let people = person.room().await.people;
    let mut times = Times::new();
    for _ in 0..OPENED {
        let begun = Instant::now();
        let answer = person.ask(Intent::Inbox {}).await;
        times.add(begun.elapsed());
        assert!(matches!(answer, Answer::Inbox { items } if items.len() >= polls));
    }
    let spread = times.milliseconds();
    Figure {
        spread: Some(spread),
        ..Figure::of(
            &format!("everything that waits, opened, {people} people, p50"),
            spread.p50,
            "ms",
            format!(
                "{waiting} items, {polls} of them polls; {OPENED} times, in the program that holds the vault"
            ),
        )
        .aim(Target::below(20.0))
    }
}

async fn proposed(person: &Person, n: usize) -> u32 {
    let intent = Intent::Propose {
        body: "North".to_owned(),
        title: format!("Hall {n}"),
        text: "We rent the hall from November on, for a year.".to_owned(),
        subject: SubjectWord::Text {},
    };
    match person.ask(intent).await {
        Answer::Proposed { number, .. } => number,
        other => panic!("{other:?}"),
    }
}
