//! Links: accepted by whatever the charter demands, too late, ended.

use caucus_client::app::{Answer, Code, Intent, KindWord, SubjectWord};
use caucus_client::clock::{Clock, ManualClock, SystemClock};
use caucus_proto::org::{How, Kind};
use caucus_tests::harness::World;

use super::{
    DOWN, UP, accepting, announcement, board, days_pass, directive, directives, is_linked, issue, link,
    link_with, offer, own, reads, receives, shows, timed, titles,
};
use crate::stories::assembly::{body, body_by, carry, quick};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_was_expelled_reads_nothing_of_what_comes_after_and_who_is_linked_with_later_what_is_in_force() {
    let world = World::new().await;
    let council = body(&world, "Council", KindWord::Committee, &["ana"]).await;
    let north = body(&world, "North", KindWord::Cell, &["ben"]).await;
    let south = body(&world, "South", KindWord::Cell, &["cem"]).await;
    link((&council[0], "Council"), (&north[0], "North")).await;
    link((&council[0], "Council"), (&south[0], "South")).await;
    issue(&council[0], "Council", announcement("Before")).await;
    reads(&north[0], &["Before"]).await;
    reads(&south[0], &["Before"]).await;
    let end = Intent::EndLink {
        body: own("Council"),
        link: own("South"),
        reason: own("they left us"),
    };
    assert_eq!(council[0].ask(end).await, Answer::Done {});
    south[0]
        .until("South hears that the link has ended", || async {
            let link = link_with(&south[0], "South", "Council").await?;
            (link.stage == "ended" && link.reason.as_deref() == Some("they left us")).then_some(())
        })
        .await;
    let number = issue(&council[0], "Council", directive("After", Vec::new())).await;
    receives(&north[0], "After").await;
    shows(&council[0], "Council", number, "North", "received").await;
    assert_eq!(titles(&south[0]).await, ["Before"]);
    assert!(directives(&south[0]).await.is_empty());
    // A body that is linked with now is told what is still in force.
    let east = body(&world, "East", KindWord::Cell, &["dan"]).await;
    link((&council[0], "Council"), (&east[0], "East")).await;
    receives(&east[0], "After").await;
    shows(&council[0], "Council", number, "East", "received").await;
    let shown = board(&council[0], "Council", number).await;
    assert!(shown.rows.iter().all(|row| row.body != "South"), "{shown:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_the_charter_says_so_a_link_is_accepted_once_everybody_has_decided_on_that_very_offer() {
    let world = World::new().await;
    let council = body(&world, "Council", KindWord::Committee, &["ana"]).await;
    let polls = quick(Kind::Cell, |charter| charter.between.links = How::Poll);
    let north = body_by(&world, "North", KindWord::Cell, &["ben", "bea"], polls).await;
    let (first, second) = (
        offer(&council[0], "Council", DOWN, UP).await,
        offer(&council[0], "Council", DOWN, UP).await,
    );
    let by_poll = |text: String| {
        let person = &north[0];
        async move {
            let intent = Intent::ReadOffer {
                body: own("North"),
                offer: text,
            };
            match person.ask(intent).await {
                Answer::Offer(offer) => offer.by_poll,
                other => panic!("{other:?}"),
            }
        }
    };
    assert!(by_poll(first.clone()).await);
    let problem = north[0].refused(accepting("North", &first)).await;
    assert_eq!(problem.code, Code::Denied, "{problem:?}");
    let subject = SubjectWord::Link { offer: first.clone() };
    carry(&north, "North", subject).await;
    north[0]
        .until("the decision has its effect", || async {
            (!by_poll(first.clone()).await).then_some(())
        })
        .await;
    // Of the other offer nothing was decided.
    let problem = north[0].refused(accepting("North", &second)).await;
    assert_eq!(problem.code, Code::Denied, "{problem:?}");
    assert_eq!(north[0].ask(accepting("North", &first)).await, Answer::Done {});
    is_linked(&council[0], "Council", "North").await;
    is_linked(&north[1], "North", "Council").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_accepts_an_offer_when_it_is_over_hears_that_and_both_see_that_the_link_has_ended() {
    let world = World::new().await;
    let clock = ManualClock::at_ms(SystemClock.now_ms());
    let ana = timed(&world, "ana", &clock).await;
    ana.found_by(
        KindWord::Committee,
        "Council",
        Some(quick(Kind::Committee, |_| {})),
    )
    .await;
    let north = body(&world, "North", KindWord::Cell, &["ben"]).await;
    let offered = offer(&ana, "Council", DOWN, UP).await;
    // For the one it is over, for the other it is not yet.
    days_pass(&clock, &ana, "Council", 8).await;
    assert_eq!(north[0].ask(accepting("North", &offered)).await, Answer::Done {});
    for (person, body, with) in [(&ana, "Council", "North"), (&north[0], "North", "Council")] {
        person
            .until("the link has ended", || async {
                let link = link_with(person, body, with).await?;
                let told = link
                    .reason
                    .is_some_and(|reason| reason.contains("make another one"));
                (link.stage == "ended" && told).then_some(())
            })
            .await;
    }
    let again = offer(&ana, "Council", DOWN, UP).await;
    assert_eq!(north[0].ask(accepting("North", &again)).await, Answer::Done {});
    is_linked(&ana, "Council", "North").await;
}
