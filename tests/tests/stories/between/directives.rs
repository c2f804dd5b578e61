//! Directives: received, decided on, reported on, late; and what goes up.

use std::collections::BTreeMap;

use caucus_client::app::{
    Answer, AnswerWord, Code, FieldWord, FormField, Intent, ItemWord, KindWord, PriorityWord, Problem,
    RaiseWord, SubjectWord,
};
use caucus_client::clock::{Clock, ManualClock, SystemClock};
use caucus_proto::org::{How, Kind};
use caucus_tests::harness::World;

use super::{
    DAY, answering, answers, board, days_pass, directive, directives, file, issue, link, own, raised,
    receives, shows, timed, titles,
};
use crate::stories::assembly::{body, body_by, carry, quick};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_directive_is_acknowledged_adopted_carried_out_and_reported_and_the_board_shows_all_of_it() {
    let world = World::new().await;
    let council = body(&world, "Council", KindWord::Committee, &["ana"]).await;
    let north = body(&world, "North", KindWord::Cell, &["ben"]).await;
    let south = body(&world, "South", KindWord::Cell, &["cem"]).await;
    link((&council[0], "Council"), (&north[0], "North")).await;
    link((&council[0], "Council"), (&south[0], "South")).await;
    let field = |label: &str, takes| FormField {
        label: own(label),
        takes,
    };
    let form = vec![
        field("Tenants", FieldWord::Number {}),
        field("Met", FieldWord::YesNo {}),
    ];
    let number = issue(&council[0], "Council", directive("Count", form)).await;
    for person in [&north[0], &south[0]] {
        let seen = receives(person, "Count").await;
        assert_eq!(
            (seen.stage.as_str(), seen.item.from.as_str()),
            ("received", "Council")
        );
    }
    shows(&council[0], "Council", number, "North", "received").await;
    answers(&north[0], "North", number, AnswerWord::Acknowledge {}).await;
    answers(&north[0], "North", number, AnswerWord::Adopt {}).await;
    let reason = own("we have no hands");
    answers(&south[0], "South", number, AnswerWord::Decline { reason }).await;
    // What does not follow is refused where it is done.
    let problem: Problem = south[0]
        .refused(answering("South", number, AnswerWord::CarriedOut {}))
        .await;
    assert_eq!(problem.code, Code::Denied, "{problem:?}");
    answers(&north[0], "North", number, AnswerWord::CarriedOut {}).await;
    let values = BTreeMap::from([(own("tenants"), own("41")), (own("Met"), own("yes"))]);
    let report = AnswerWord::Report {
        values,
        text: own("a good evening"),
        files: Vec::new(),
    };
    answers(&north[0], "North", number, report).await;
    let board = shows(&council[0], "Council", number, "North", "reported").await;
    let row = |body: &str| board.rows.iter().find(|row| row.body == body).unwrap();
    assert_eq!(row("North").values, ["41", "yes"]);
    assert_eq!(row("North").words, "a good evening");
    let board = shows(&council[0], "Council", number, "South", "declined").await;
    assert_eq!(
        board.rows.iter().find(|row| row.body == "South").unwrap().words,
        "we have no hands"
    );
    assert_eq!(board.sums[0].sum, Some(41));
    assert_eq!(board.sums[1].counts, [(own("yes"), 1), (own("no"), 0)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_motion_goes_up_and_its_answer_comes_down_and_directives_go_down_only() {
    let world = World::new().await;
    let council = body(&world, "Council", KindWord::Committee, &["ana"]).await;
    let north = body(&world, "North", KindWord::Cell, &["ben"]).await;
    link((&council[0], "Council"), (&north[0], "North")).await;
    let motion = Intent::Raise {
        body: own("North"),
        to: own("Council"),
        kind: RaiseWord::Motion,
        text: own("lower the dues"),
        days: 14,
    };
    assert_eq!(north[0].ask(motion).await, Answer::Done {});
    let came = council[0]
        .until("the motion is there", || async {
            raised(&council[0]).await.pop()
        })
        .await;
    assert_eq!(
        (came.with.as_str(), came.ours, came.text.as_str()),
        ("North", false, "lower the dues")
    );
    let reply = Intent::Reply {
        body: own("Council"),
        to: own("North"),
        number: came.number,
        text: own("from May on"),
    };
    assert_eq!(council[0].ask(reply).await, Answer::Done {});
    north[0]
        .until("the answer is there", || async {
            let reply = raised(&north[0]).await.pop()?.reply?;
            (reply == "from May on").then_some(())
        })
        .await;
    let upward = Intent::Issue {
        body: own("North"),
        item: directive("Obey", Vec::new()),
        to: vec![own("Council")],
    };
    let problem = north[0].refused(upward).await;
    assert_eq!(problem.code, Code::Denied, "{problem:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_twelve_bodies_three_decline_two_are_late_and_one_was_expelled_meanwhile_and_reads_nothing_of_the_next()
 {
    const NAMES: [&str; 12] = [
        "Ash", "Birch", "Cedar", "Elm", "Fir", "Hazel", "Larch", "Maple", "Oak", "Pine", "Rowan", "Willow",
    ];
    let world = World::new().await;
    let clock = ManualClock::at_ms(SystemClock.now_ms());
    let ana = timed(&world, "ana", &clock).await;
    ana.found_by(
        KindWord::Committee,
        "Council",
        Some(quick(Kind::Committee, |_| {})),
    )
    .await;
    let mut cells = Vec::new();
    for name in NAMES {
        let cell = body(&world, name, KindWord::Cell, &[name]).await;
        link((&ana, "Council"), (&cell[0], name)).await;
        cells.extend(cell);
    }
    let now = clock.minutes().0;
    let order = ItemWord::Directive {
        title: own("Winter"),
        text: own("Prepare."),
        due: Some(now + 9 * DAY),
        acknowledge: Some(now + 2 * DAY),
        priority: PriorityWord::Urgent,
        form: Vec::new(),
        replaces: None,
    };
    let number = issue(&ana, "Council", order).await;
    for cell in &cells {
        receives(cell, "Winter").await;
    }
    for (place, (cell, name)) in cells.iter().zip(NAMES).enumerate() {
        match place {
            0..3 => {
                let reason = format!("{name} is away");
                answers(cell, name, number, AnswerWord::Decline { reason }).await;
            }
            3..5 | 11 => {}
            _ => {
                answers(cell, name, number, AnswerWord::Acknowledge {}).await;
                answers(cell, name, number, AnswerWord::Adopt {}).await;
            }
        }
    }
    for (place, name) in NAMES.iter().enumerate() {
        let stage = match place {
            0..3 => "declined",
            3..5 | 11 => "received",
            _ => "adopted",
        };
        shows(&ana, "Council", number, name, stage).await;
    }
    let end = Intent::EndLink {
        body: own("Council"),
        link: own("Willow"),
        reason: String::new(),
    };
    assert_eq!(ana.ask(end).await, Answer::Done {});
    days_pass(&clock, &ana, "Council", 3).await;
    let shown = board(&ana, "Council", number).await;
    let late: Vec<_> = shown
        .rows
        .iter()
        .filter(|row| row.late)
        .map(|row| row.body.as_str())
        .collect();
    assert_eq!(late, ["Elm", "Fir"]);
    let declined: Vec<_> = shown.rows.iter().filter(|row| row.stage == "declined").collect();
    assert_eq!(declined.len(), 3);
    assert!(
        declined.iter().all(|row| row.words.ends_with("is away")),
        "{declined:?}"
    );
    let next = issue(&ana, "Council", directive("Spring", Vec::new())).await;
    for (cell, name) in cells.iter().zip(NAMES).take(11) {
        receives(cell, "Spring").await;
        shows(&ana, "Council", next, name, "received").await;
    }
    assert!(
        directives(&cells[11])
            .await
            .iter()
            .all(|directive| directive.item.title != "Spring")
    );
    assert!(titles(&cells[11]).await.iter().all(|title| title != "Spring"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_the_charter_says_so_a_directive_is_adopted_by_everybody_in_a_poll_and_by_nobody_alone() {
    let world = World::new().await;
    let council = body(&world, "Council", KindWord::Committee, &["ana"]).await;
    let polls = quick(Kind::Cell, |charter| charter.between.directives = How::Poll);
    let north = body_by(&world, "North", KindWord::Cell, &["ben", "bea"], polls).await;
    link((&council[0], "Council"), (&north[0], "North")).await;
    let number = issue(&council[0], "Council", directive("Strike", Vec::new())).await;
    for person in &north {
        let seen = receives(person, "Strike").await;
        assert!(seen.by_poll, "{seen:?}");
    }
    for answer in [AnswerWord::Adopt {}, AnswerWord::Decline { reason: own("alone") }] {
        let problem = north[0].refused(answering("North", number, answer)).await;
        assert_eq!(problem.code, Code::Denied, "{problem:?}");
    }
    let subject = SubjectWord::Directive { from: None, number };
    carry(&north, "North", subject).await;
    shows(&council[0], "Council", number, "North", "adopted").await;
    answers(&north[0], "North", number, AnswerWord::CarriedOut {}).await;
    shows(&council[0], "Council", number, "North", "carried_out").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_goes_with_a_report_and_is_fetched_by_the_body_whose_directive_it_is_on() {
    let world = World::new().await;
    let council = body(&world, "Council", KindWord::Committee, &["ana"]).await;
    let north = body(&world, "North", KindWord::Cell, &["ben"]).await;
    link((&council[0], "Council"), (&north[0], "North")).await;
    let number = issue(&council[0], "Council", directive("Count", Vec::new())).await;
    receives(&north[0], "Count").await;
    answers(&north[0], "North", number, AnswerWord::Adopt {}).await;
    let folder = world.folder.path();
    let list = folder.join("list.csv");
    std::fs::write(&list, "flat,people\n".repeat(20_000)).expect("a file");
    let report = |files| AnswerWord::Report {
        values: BTreeMap::new(),
        text: own("the list"),
        files,
    };
    let none = north[0]
        .refused(answering("North", number, report(vec![99_999])))
        .await;
    assert_eq!(none.code, Code::NotFound, "{none:?}");
    let files = vec![file(&north[0], "North", &list).await];
    answers(&north[0], "North", number, report(files)).await;
    let board = shows(&council[0], "Council", number, "North", "reported").await;
    assert_eq!(board.rows[0].files[0].name, "list.csv");
    let fetched = |from: &str, place| Intent::GetReported {
        body: own("Council"),
        from: own(from),
        number,
        place,
        to: folder.join("copy.csv").display().to_string(),
        force: false,
    };
    assert!(matches!(
        council[0].ask(fetched("North", 1)).await,
        Answer::FileSaved { .. }
    ));
    let same = std::fs::read(folder.join("copy.csv")).unwrap() == std::fs::read(&list).unwrap();
    assert!(same);
    assert_eq!(council[0].refused(fetched("North", 2)).await.code, Code::NotFound);
    assert_eq!(council[0].refused(fetched("South", 1)).await.code, Code::NotFound);
}
