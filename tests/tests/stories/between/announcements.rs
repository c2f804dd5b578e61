//! Announcements: read by everybody who hears a body, once and in order, with their files.

use caucus_client::app::{Answer, Code, Intent, ItemWord, KindWord};
use caucus_proto::org::Kind;
use caucus_tests::harness::World;

use super::{announcement, feed, file, issue, link, links, own, reads, titles};
use crate::stories::assembly::{body, quick};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_committee_announces_is_read_by_everybody_in_every_body_that_hears_it_once_and_in_order() {
    let world = World::new().await;
    let council = body(&world, "Council", KindWord::Committee, &["ana", "ada"]).await;
    let north = body(&world, "North", KindWord::Cell, &["ben", "bea"]).await;
    let south = body(&world, "South", KindWord::Cell, &["cem"]).await;
    link((&council[0], "Council"), (&north[0], "North")).await;
    link((&council[0], "Council"), (&south[0], "South")).await;
    for title in ["One", "Two", "Three"] {
        issue(&council[0], "Council", announcement(title)).await;
    }
    for person in council.iter().chain(&north).chain(&south) {
        reads(person, &["One", "Two", "Three"]).await;
    }
    // A correction takes the place of what it corrects; a withdrawal leaves nothing but itself.
    let replaces = ItemWord::Announcement {
        title: own("Two, corrected"),
        text: String::new(),
        language: String::new(),
        expires: None,
        replaces: Some(2),
        files: Vec::new(),
    };
    issue(&council[0], "Council", replaces).await;
    let withdrawn = ItemWord::Withdrawal {
        of: 1,
        reason: own("it was wrong"),
    };
    issue(&council[0], "Council", withdrawn).await;
    reads(&north[1], &["Three", "Two, corrected", "1 is withdrawn"]).await;
    reads(&south[0], &["Three", "Two, corrected", "1 is withdrawn"]).await;
    // Readers see the body, and never who of it spoke.
    let item = feed(&south[0]).await.remove(0);
    assert_eq!((item.from.as_str(), item.by), ("Council", None));
    for (person, label) in [
        (&council[0], "Council"),
        (&north[0], "North"),
        (&south[0], "South"),
    ] {
        for link in links(person, label).await {
            assert!(link.warnings.is_empty(), "{label}: {:?}", link.warnings);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_chapters_sync_announcements_through_a_week_with_outages() {
    let mut world = World::new().await;
    let ana = world.person("ana").await;
    let charter = quick(Kind::Committee, |_| {});
    ana.found_by(KindWord::Committee, "Council", Some(charter)).await;
    let (names, mut chapters) = (
        (0..10).map(|n| format!("Chapter{n}")).collect::<Vec<_>>(),
        Vec::new(),
    );
    for name in &names {
        let chapter = body(&world, name, KindWord::Chapter, &[name.as_str()]).await;
        link((&ana, "Council"), (&chapter[0], name)).await;
        chapters.extend(chapter);
    }
    let mut expected = Vec::new();
    for day in 0..7 {
        // Every day another one is away, and on two days so is the relay.
        let away = &chapters[day];
        away.lock().await;
        if day == 2 || day == 5 {
            world.relay.stop().await;
            world.relay.start_again().await;
        }
        for (place, name) in names.iter().enumerate() {
            if place == day || place % 3 != day % 3 {
                continue;
            }
            let title = format!("{name} on day {day}");
            chapters[place]
                .until("it is announced", || async {
                    let intent = Intent::Issue {
                        body: name.clone(),
                        item: announcement(&title),
                        to: Vec::new(),
                    };
                    matches!(
                        chapters[place].app.handle(intent).await,
                        Ok(Answer::Issued { .. })
                    )
                    .then_some(())
                })
                .await;
            expected.push(title);
        }
        away.unlock().await;
    }
    expected.sort();
    ana.until("everything is read, once", || async {
        let mut read = titles(&ana).await;
        read.sort();
        (read == expected).then_some(())
    })
    .await;
    issue(&ana, "Council", announcement("Thanks")).await;
    for chapter in &chapters {
        chapter
            .until("the council is read everywhere", || async {
                titles(chapter).await.contains(&own("Thanks")).then_some(())
            })
            .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_goes_with_an_announcement_and_is_fetched_by_whoever_reads_it() {
    let world = World::new().await;
    let council = body(&world, "Council", KindWord::Committee, &["ana"]).await;
    let north = body(&world, "North", KindWord::Cell, &["ben"]).await;
    link((&council[0], "Council"), (&north[0], "North")).await;
    let folder = world.folder.path();
    let leaflet = folder.join("leaflet.txt");
    std::fs::write(&leaflet, "Nobody is evicted.\n".repeat(40_000)).expect("a file");
    let number = file(&council[0], "Council", &leaflet).await;
    let with = ItemWord::Announcement {
        title: own("A leaflet"),
        text: String::new(),
        language: String::new(),
        expires: None,
        replaces: None,
        files: vec![number],
    };
    issue(&council[0], "Council", with).await;
    reads(&north[0], &["A leaflet"]).await;
    let shown = feed(&north[0]).await.remove(0);
    assert_eq!(shown.files[0].name, "leaflet.txt");
    let fetched = |place| Intent::GetAnnounced {
        body: own("North"),
        from: own("Council"),
        number: shown.number,
        place,
        to: folder.join("copy.txt").display().to_string(),
        force: false,
    };
    assert!(matches!(north[0].ask(fetched(1)).await, Answer::FileSaved { .. }));
    let same = std::fs::read(folder.join("copy.txt")).unwrap() == std::fs::read(&leaflet).unwrap();
    assert!(same);
    assert_eq!(north[0].refused(fetched(2)).await.code, Code::NotFound);
}
