//! Announcements at second hand: forwarded with their origin's signature, over several ways, over many hops.

use caucus_client::app::{Answer, Code, Intent, ItemView, ItemWord, KindWord};
use caucus_tests::harness::{Person, World};

use super::{announcement, directive, feed, file, issue, issue_to, link, links, own, reads, titles};
use crate::stories::assembly::body;

fn forwarding(body: &str, from: &str, number: u32) -> Intent {
    Intent::Forward {
        body: own(body),
        from: own(from),
        number,
    }
}

async fn forwards(person: &Person, body: &str, from: &str, number: u32) -> u32 {
    match person.ask(forwarding(body, from, number)).await {
        Answer::Issued { number, .. } => number,
        other => panic!("{other:?}"),
    }
}

fn corrected(title: &str, replaces: u32) -> ItemWord {
    ItemWord::Announcement {
        title: own(title),
        text: String::new(),
        language: String::new(),
        expires: None,
        replaces: Some(replaces),
        files: Vec::new(),
    }
}

async fn first(person: &Person) -> ItemView {
    feed(person).await.remove(0)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_forwarded_is_its_origins_word_at_second_and_third_hand_once_over_all_ways() {
    let world = World::new().await;
    let council = body(&world, "Council", KindWord::Committee, &["ana"]).await;
    let north = body(&world, "North", KindWord::Cell, &["ben"]).await;
    let south = body(&world, "South", KindWord::Cell, &["cem"]).await;
    let east = body(&world, "East", KindWord::Cell, &["dan"]).await;
    let (ana, ben, cem, dan) = (&council[0], &north[0], &south[0], &east[0]);
    link((ana, "Council"), (ben, "North")).await;
    link((ana, "Council"), (cem, "South")).await;
    link((ben, "North"), (cem, "South")).await;
    link((ben, "North"), (dan, "East")).await;
    link((cem, "South"), (dan, "East")).await;
    let leaflet = world.folder.path().join("leaflet.txt");
    std::fs::write(&leaflet, "Nobody is evicted.\n".repeat(1_000)).expect("a file");
    let number = file(ana, "Council", &leaflet).await;
    let come = ItemWord::Announcement {
        title: own("Come"),
        text: own("All of you."),
        language: own("en"),
        expires: None,
        replaces: None,
        files: vec![number],
    };
    let come = issue(ana, "Council", come).await;
    reads(ben, &["Come"]).await;
    reads(cem, &["Come"]).await;
    forwards(ben, "North", "Council", come).await;
    reads(dan, &["Come"]).await;
    let seen = first(dan).await;
    assert_eq!(
        (seen.from.as_str(), seen.number, seen.text.as_str()),
        ("Council", come, "All of you.")
    );
    assert_eq!(seen.by_way_of, ["North"]);
    assert!(seen.origin.is_some() && seen.on_their_word && seen.by.is_none());
    // Whoever hears the origin sees that alone.
    reads(cem, &["Come"]).await;
    let heard = first(cem).await;
    assert!(heard.by_way_of.is_empty() && heard.origin.is_none(), "{heard:?}");
    // Over another way it is the same, and over one more hop.
    forwards(cem, "South", "Council", come).await;
    dan.until("both ways are shown", || async {
        let seen = first(dan).await;
        (seen.by_way_of.len() == 2).then_some(())
    })
    .await;
    reads(dan, &["Come"]).await;
    let west = body(&world, "West", KindWord::Cell, &["eli"]).await;
    link((dan, "East"), (&west[0], "West")).await;
    forwards(dan, "East", "Council", come).await;
    reads(&west[0], &["Come"]).await;
    let far = first(&west[0]).await;
    assert_eq!(
        (far.from.as_str(), far.by_way_of.as_slice()),
        ("Council", [own("East")].as_slice())
    );
    assert_eq!(far.origin, seen.origin);
    // Its files are fetched from where they lie.
    let copy = world.folder.path().join("copy.txt");
    let fetched = Intent::GetAnnounced {
        body: own("West"),
        from: own("Council"),
        number: come,
        place: 1,
        to: copy.display().to_string(),
        force: false,
    };
    assert!(matches!(west[0].ask(fetched).await, Answer::FileSaved { .. }));
    assert_eq!(std::fs::read(copy).unwrap(), std::fs::read(&leaflet).unwrap());
    // Once is enough, and what comes back is one's own.
    assert_eq!(
        ben.refused(forwarding("North", "Council", come)).await.code,
        Code::Denied
    );
    for (person, label) in [(ana, "Council"), (ben, "North"), (cem, "South"), (dan, "East")] {
        for link in links(person, label).await {
            assert!(link.warnings.is_empty(), "{label}: {:?}", link.warnings);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_its_origin_corrects_or_withdraws_holds_no_more_whichever_way_it_came_and_what_is_for_some_stays_there()
 {
    let world = World::new().await;
    let council = body(&world, "Council", KindWord::Committee, &["ana"]).await;
    let north = body(&world, "North", KindWord::Cell, &["ben"]).await;
    let south = body(&world, "South", KindWord::Cell, &["cem"]).await;
    let east = body(&world, "East", KindWord::Cell, &["dan"]).await;
    let (ana, ben, cem, dan) = (&council[0], &north[0], &south[0], &east[0]);
    link((ana, "Council"), (ben, "North")).await;
    link((ben, "North"), (cem, "South")).await;
    link((ben, "North"), (dan, "East")).await;
    let come = issue(ana, "Council", announcement("Come")).await;
    reads(ben, &["Come"]).await;
    forwards(ben, "North", "Council", come).await;
    for person in [cem, dan] {
        reads(person, &["Come"]).await;
    }
    // The South hears the origin from now on: its correction wins over what was forwarded before.
    link((ana, "Council"), (cem, "South")).await;
    let later = issue(ana, "Council", corrected("Come later", come)).await;
    reads(cem, &["Come later"]).await;
    reads(ben, &["Come later"]).await;
    reads(dan, &["Come"]).await;
    let problem = ben.refused(forwarding("North", "Council", come)).await;
    assert_eq!(problem.code, Code::Denied, "{problem:?}");
    forwards(ben, "North", "Council", later).await;
    reads(dan, &["Come later"]).await;
    let withdrawn = ItemWord::Withdrawal {
        of: later,
        reason: own("it rains"),
    };
    let withdrawal = issue(ana, "Council", withdrawn).await;
    let gone = format!("{later} is withdrawn");
    reads(ben, &[&gone]).await;
    let ours = forwards(ben, "North", "Council", withdrawal).await;
    reads(dan, &[&gone]).await;
    // Whoever forwarded it may take that back: then nobody says so any more.
    let back = ItemWord::Withdrawal {
        of: ours,
        reason: String::new(),
    };
    issue(ben, "North", back).await;
    let words = format!("\"{gone}\" of Council is forwarded no more");
    // Within one minute the feed has no order between bodies.
    dan.until("it is forwarded no more", || async {
        let titles = titles(dan).await;
        let both = titles.contains(&words) && titles.iter().any(|title| title == "Come later");
        (both && titles.len() == 2).then_some(())
    })
    .await;
    // What was sent to one body, or asked of it, is for no other.
    let alone = issue_to(ana, "Council", announcement("For you"), &["North"]).await;
    ben.until("it is there", || async {
        let items = feed(ben).await;
        let is_it = |item: &ItemView| item.number == alone && item.from == "Council";
        items.iter().any(is_it).then_some(())
    })
    .await;
    let problem = ben.refused(forwarding("North", "Council", alone)).await;
    assert_eq!(problem.code, Code::Denied, "{problem:?}");
    let order = issue(ana, "Council", directive("Obey", Vec::new())).await;
    ben.until("the directive is there", || async {
        let items = feed(ben).await;
        let is_it = |item: &ItemView| item.number == order && item.from == "Council";
        items.iter().any(is_it).then_some(())
    })
    .await;
    let problem = ben.refused(forwarding("North", "Council", order)).await;
    assert_eq!(problem.code, Code::Denied, "{problem:?}");
    assert_eq!(
        ben.refused(forwarding("North", "Nobody", 1)).await.code,
        Code::NotFound
    );
}
