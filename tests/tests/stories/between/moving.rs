//! Links of bodies that go to other relays: moved by people, or because theirs is gone for good.

use std::time::{Duration, Instant};

use caucus_client::app::{Answer, Intent, KindWord, RaiseWord};
use caucus_proto::org::{Kind, RelayName};
use caucus_tests::harness::{Person, RelayHost, World};

use super::{announcement, directive, issue, link, link_with, own, raised, receives, shows, titles};
use crate::stories::assembly::{body_by, quick};
use crate::stories::relays::{all_go_to, second};

/// How long two bodies may look for each other, on a machine that is shared.
const FINDING: Duration = Duration::from_secs(240);

/// The charter of a body that may go on at these relays.
fn may_go(kind: Kind, relays: &[&RelayHost]) -> String {
    let name = |relay: &&RelayHost| RelayName::try_from(relay.address()).unwrap();
    quick(kind, |charter| {
        charter.relays.alternates = relays.iter().map(name).collect();
    })
}

/// Waits until something is there that takes its time.
async fn comes<F, R>(what: &str, look: F)
where
    F: Fn() -> R,
    R: Future<Output = bool>,
{
    let start = Instant::now();
    while !look().await {
        assert!(start.elapsed() < FINDING, "waited in vain until {what}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

async fn reads(person: &Person, title: &str) {
    comes(&format!("{} reads {title}", person.name), || async {
        titles(person).await.iter().any(|read| read == title)
    })
    .await;
}

/// A question goes over a link and arrives.
async fn asks(from: (&Person, &str), to: (&Person, &str), text: &str) {
    let question = Intent::Raise {
        body: own(from.1),
        to: own(to.1),
        kind: RaiseWord::Question,
        text: own(text),
        days: 3,
    };
    assert_eq!(from.0.ask(question).await, Answer::Done {});
    comes(&format!("{} is asked {text}", to.1), || async {
        let raised = raised(to.0).await;
        raised.iter().any(|raised| !raised.ours && raised.text == text)
    })
    .await;
}

/// Waits until the other body has read all that waited for it.
async fn all_is_read(person: &Person, body: &str, with: &str) {
    comes(&format!("{with} has read what {body} wrote"), || async {
        let link = link_with(person, body, with).await;
        link.is_some_and(|link| link.waiting == 0)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_that_moves_is_heard_and_written_to_as_before_also_when_its_old_relay_is_gone() {
    let mut world = World::new().await;
    let other = second(&world, "other").await;
    let charter = may_go(Kind::Committee, &[&other]);
    let council = body_by(&world, "Council", KindWord::Committee, &["ana"], charter).await;
    let ana = &council[0];
    // The other body lies where this one goes, and knows nothing of its old relay but by the link.
    let ben = world.stranger("ben").await;
    ben.add_relay(&other.address()).await;
    ben.found_by(KindWord::Cell, "North", Some(quick(Kind::Cell, |_| {})))
        .await;
    let bea = world.stranger("bea").await;
    bea.join(&ben.invite("North", 1).await).await;
    ben.await_requests("North", 1).await;
    ben.admit_all().await;
    bea.await_joined().await;
    bea.is_in("North").await;
    link((ana, "Council"), (&ben, "North")).await;
    issue(ana, "Council", announcement("First")).await;
    reads(&ben, "First").await;
    reads(&bea, "First").await;
    bea.lock().await;
    issue(ana, "Council", announcement("Before")).await;
    reads(&ben, "Before").await;
    let relocate = Intent::Relocate {
        body: own("Council"),
        relay: other.address(),
    };
    ana.ask(relocate).await;
    all_go_to(&[ana], &other).await;
    issue(ana, "Council", announcement("After")).await;
    reads(&ben, "After").await;
    asks((&ben, "North"), (ana, "Council"), "where are you?").await;
    // Nobody needs the old relay any more.
    world.relay.kill().await;
    issue(ana, "Council", announcement("Later")).await;
    reads(&ben, "Later").await;
    asks((&ben, "North"), (ana, "Council"), "do you still hear us?").await;
    let number = issue(ana, "Council", directive("March", Vec::new())).await;
    receives(&ben, "March").await;
    shows(ana, "Council", number, "North", "received").await;
    // Who was away reads at the new relay what they had not read at the old one, and nothing twice.
    bea.unlock().await;
    for title in ["Before", "After", "Later"] {
        reads(&bea, title).await;
    }
    let mut all = titles(&bea).await;
    all.retain(|title| title != "March");
    all.sort_unstable();
    assert_eq!(all, ["After", "Before", "First", "Later"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_bodies_whose_common_relay_is_gone_for_good_go_to_their_own_and_find_each_other_there() {
    let mut world = World::new().await;
    let (east, west) = (second(&world, "east").await, second(&world, "west").await);
    let charter = may_go(Kind::Committee, &[&east]);
    let council = body_by(&world, "Council", KindWord::Committee, &["ana"], charter).await;
    let charter = may_go(Kind::Cell, &[&west]);
    let north = body_by(&world, "North", KindWord::Cell, &["ben"], charter).await;
    let (ana, ben) = (&council[0], &north[0]);
    link((ana, "Council"), (ben, "North")).await;
    issue(ana, "Council", announcement("Before")).await;
    reads(ben, "Before").await;
    // Each has heard where the other may go.
    all_is_read(ana, "Council", "North").await;
    all_is_read(ben, "North", "Council").await;
    world.relay.kill().await;
    all_go_to(&[ana], &east).await;
    all_go_to(&[ben], &west).await;
    asks((ben, "North"), (ana, "Council"), "where are you?").await;
    issue(ana, "Council", announcement("After")).await;
    reads(ben, "After").await;
    let number = issue(ana, "Council", directive("March", Vec::new())).await;
    receives(ben, "March").await;
    shows(ana, "Council", number, "North", "received").await;
}
