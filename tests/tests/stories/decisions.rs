//! Decisions: proposed, discussed, amended, voted on, final on every device, carried out by themselves.

use caucus_client::app::{
    Answer, BallotWord, Code, ExportWord, Intent, KindWord, MethodWord, OfficeLine, PowerLine, ProposalView,
    RoomState, StepWord, SubjectWord, verify,
};
use caucus_proto::org::{Charter, Filling, Kind, Office};
use caucus_tests::harness::{Person, World};

use super::assembly::{self, open};

const NORTH: &str = "North";

/// The quick charter of a cell.
fn quick(change: impl FnOnce(&mut Charter)) -> String {
    assembly::quick(Kind::Cell, change)
}

async fn cell(world: &World, names: &[&str], charter: String) -> Vec<Person> {
    let people = assembly::body_by(world, NORTH, KindWord::Cell, names, charter).await;
    for person in &people {
        person.is_well().await;
    }
    people
}

async fn propose(person: &Person, title: &str, text: &str, subject: SubjectWord) -> u32 {
    assembly::propose(person, NORTH, (title, text), subject).await
}

fn intent(number: u32, what: StepWord) -> Intent {
    assembly::step(NORTH, number, what)
}

async fn does(person: &Person, number: u32, what: StepWord) {
    assert_eq!(person.ask(intent(number, what)).await, Answer::Done {});
}

async fn votes(person: &Person, number: u32, ballot: BallotWord) {
    assembly::votes(person, NORTH, number, ballot).await;
}

async fn sees(person: &Person, number: u32, is: impl Fn(&ProposalView) -> bool) -> ProposalView {
    assembly::sees(person, NORTH, number, is).await
}

async fn decided(people: &[Person], number: u32) -> ProposalView {
    assembly::decided(people, NORTH, number).await
}

async fn offices(person: &Person) -> Vec<OfficeLine> {
    let body = "North".to_owned();
    match person.ask(Intent::Offices { body }).await {
        Answer::Offices { offices, .. } => offices,
        other => panic!("{other:?}"),
    }
}

async fn powers(person: &Person) -> Vec<PowerLine> {
    let body = "North".to_owned();
    match person.ask(Intent::Powers { body }).await {
        Answer::Powers { powers, .. } => powers,
        other => panic!("{other:?}"),
    }
}

/// Whoever may not remove anybody is told which power it takes.
async fn may_not_remove(person: &Person, name: &str) {
    let remove = Intent::Remove {
        body: "North".to_owned(),
        name: name.to_owned(),
        reason: String::new(),
    };
    let refused = person.refused(remove).await;
    assert!(refused.message.contains("the power \"remove\""), "{refused:?}");
}

fn yes() -> BallotWord {
    BallotWord::Yes {}
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_proposal_is_discussed_amended_voted_on_and_everybody_has_the_same_result() {
    let world = World::new().await;
    let people = cell(&world, &["ana", "ben", "cem"], quick(|_| {})).await;
    let [ana, ben, cem] = &people[..] else { panic!() };
    let number = propose(
        ben,
        "A hall for the winter",
        "We rent the hall from November on.",
        SubjectWord::Text {},
    )
    .await;
    sees(cem, number, |_| true).await;
    let text = "How much is it?".to_owned();
    does(cem, number, StepWord::Discuss { text }).await;
    let text = "We rent the hall from December on.".to_owned();
    does(cem, number, StepWord::Amend { text }).await;
    sees(ben, number, |view| view.amendments.len() == 1).await;
    assert_eq!(
        ben.await_in_inbox("amendment").await,
        format!("caucus proposal show \"North\" {number}")
    );
    does(ben, number, StepWord::Take { amendment: 1 }).await;
    // Ben has no power to open a poll: it takes the support of one of the two others, of whom one may be away.
    let short = ben
        .refused(intent(number, open(MethodWord::Majority, &[], false)))
        .await;
    assert_eq!(short.code, Code::Denied, "{short:?}");
    sees(ana, number, |view| view.version == 2).await;
    does(ana, number, StepWord::Support {}).await;
    ben.await_in_inbox("poll").await;
    does(ben, number, open(MethodWord::Majority, &[], false)).await;
    cem.await_in_inbox("vote").await;
    votes(ana, number, yes()).await;
    votes(cem, number, BallotWord::No {}).await;
    let view = sees(ben, number, |view| {
        view.poll.as_ref().is_some_and(|poll| poll.voted == 2)
    })
    .await;
    let mut ballots = view.poll.unwrap().ballots;
    ballots.sort();
    let said = |name: &str, what: &str| (name.to_owned(), what.to_owned());
    assert_eq!(ballots, [said("ana", "for"), said("cem", "against")]);
    let early = ben.refused(intent(number, StepWord::Close {})).await;
    assert!(early.message.contains("time to vote is not over"), "{early:?}");
    votes(ben, number, yes()).await;
    let view = decided(&people, number).await;
    let result = view.result.unwrap();
    assert_eq!(result.counts, "2 for, 1 against, 0 abstained; 3 of 3 voted");
    assert!(result.passed && result.carried);
    assert_eq!(view.text, "We rent the hall from December on.");

    ben.await_in_inbox("outcome").await;
    let text = "We rent it.".to_owned();
    does(
        ben,
        number,
        StepWord::Outcome {
            text,
            review: Some(1),
        },
    )
    .await;
    let twice = ana
        .refused(intent(
            number,
            StepWord::Outcome {
                text: "We do not.".to_owned(),
                review: None,
            },
        ))
        .await;
    assert_eq!(twice.code, Code::Denied, "{twice:?}");
    let Answer::Proposal { words, .. } = cem
        .ask(Intent::Proposal {
            body: "North".to_owned(),
            number,
        })
        .await
    else {
        panic!()
    };
    assert_eq!(words.len(), 1);
    assert_eq!(
        (words[0].author.as_str(), words[0].text.as_str()),
        ("cem", "How much is it?")
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn somebody_is_removed_by_vote_and_reads_nothing_more() {
    let world = World::new().await;
    let people = cell(&world, &["ana", "ben", "cem", "eve"], quick(|_| {})).await;
    let [ana, ben, cem, eve] = &people[..] else {
        panic!()
    };
    let name = "eve".to_owned();
    let number = propose(ben, "", "She took the money box.", SubjectWord::Remove { name }).await;
    sees(ana, number, |view| view.title == "removes eve").await;
    does(ana, number, open(MethodWord::Majority, &[], false)).await;
    for person in [ana, ben] {
        votes(person, number, yes()).await;
    }
    sees(eve, number, |view| view.poll.is_some()).await;
    let denied = eve
        .refused(intent(
            number,
            StepWord::Vote {
                ballot: BallotWord::No {},
            },
        ))
        .await;
    assert!(denied.message.contains("not among those who vote"), "{denied:?}");
    votes(cem, number, yes()).await;
    for person in [ana, ben, cem] {
        let view = sees(person, number, |view| view.stage == "decided").await;
        assert!(view.result.unwrap().carried);
    }
    eve.until("eve is out", || async {
        (eve.room().await.state == RoomState::Removed).then_some(())
    })
    .await;
    ben.say("only us").await;
    cem.await_said("only us").await;
    assert!(eve.said().await.iter().all(|(_, text)| text != "only us"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sealed_ballots_are_seen_by_nobody_before_the_close_and_by_everybody_after_it() {
    let world = World::new().await;
    let people = cell(&world, &["ana", "ben", "cem"], quick(|_| {})).await;
    let [ana, ben, cem] = &people[..] else { panic!() };
    let number = propose(ben, "Where we meet", "Where do we meet?", SubjectWord::Text {}).await;
    sees(ana, number, |_| true).await;
    does(
        ana,
        number,
        open(MethodWord::Ranked, &["the hall", "the park"], true),
    )
    .await;
    let rank = |options: &[&str]| BallotWord::Rank {
        options: options.iter().map(|option| (*option).to_owned()).collect(),
    };
    votes(ana, number, rank(&["the park"])).await;
    votes(ben, number, rank(&["2", "1"])).await;
    let view = sees(cem, number, |view| {
        view.poll.as_ref().is_some_and(|poll| poll.voted == 2)
    })
    .await;
    assert!(view.poll.unwrap().ballots.is_empty());
    votes(cem, number, rank(&["the hall", "the park"])).await;
    let view = decided(&people, number).await;
    let result = view.result.unwrap();
    assert_eq!(result.chosen, ["the park"]);
    assert_eq!(result.counts, "1 / 2 in round 1, 0 abstained; 3 of 3 voted");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_charter_changes_by_vote_a_secretary_is_elected_and_a_recalled_one_may_nothing() {
    let world = World::new().await;
    let people = cell(&world, &["ana", "ben", "cem"], quick(|_| {})).await;
    let [ana, ben, cem] = &people[..] else { panic!() };
    let other = quick(|charter| {
        let rule = charter.offices.get_mut(&Office::Secretary).unwrap();
        rule.filling = Filling::Election;
    });
    let number = propose(ana, "", "", SubjectWord::Charter { toml: other.clone() }).await;
    let view = sees(ben, number, |_| true).await;
    assert!(
        view.changes
            .iter()
            .any(|line| line.starts_with("+ ") && line.contains("elected for 30 days")),
        "{view:?}"
    );
    does(ana, number, open(MethodWord::Majority, &[], false)).await;
    for person in &people {
        votes(person, number, yes()).await;
    }
    assert!(decided(&people, number).await.result.unwrap().carried);
    for person in &people {
        let Answer::Charter { toml, .. } = person
            .ask(Intent::Charter {
                body: "North".to_owned(),
            })
            .await
        else {
            panic!()
        };
        assert_eq!(toml, other);
    }

    let elect = SubjectWord::Elect {
        office: "secretary".to_owned(),
        names: vec!["ben".to_owned(), "cem".to_owned()],
    };
    let number = propose(ana, "", "", elect).await;
    does(ana, number, open(MethodWord::Choice, &[], false)).await;
    let pick = |name: &str| BallotWord::Pick {
        options: vec![name.to_owned()],
    };
    for (person, whom) in [(ana, "ben"), (ben, "ben"), (cem, "cem")] {
        votes(person, number, pick(whom)).await;
    }
    assert_eq!(decided(&people, number).await.result.unwrap().chosen, ["ben"]);
    let powers = powers(cem).await;
    let of = |name: &str| {
        powers
            .iter()
            .find(|line| line.power == name)
            .unwrap()
            .holders
            .clone()
    };
    assert_eq!(of("remove"), [("ben".to_owned(), "secretary".to_owned())]);

    let recall = SubjectWord::Recall {
        office: "secretary".to_owned(),
        name: None,
    };
    let number = propose(cem, "", "Nothing was done.", recall).await;
    sees(ana, number, |_| true).await;
    does(ana, number, StepWord::Support {}).await;
    cem.await_in_inbox("poll").await;
    does(cem, number, open(MethodWord::Majority, &[], false)).await;
    for person in [ana, cem] {
        votes(person, number, yes()).await;
    }
    decided(&people, number).await;
    may_not_remove(ben, "ana").await;
    let offices = offices(ana).await;
    let of = |name: &str| offices.iter().find(|line| line.office == name).unwrap();
    assert!(of("secretary").holders.is_empty() && of("secretary").aside == ["ben"]);
    assert_eq!(of("caretaker").holders[0].name, "cem");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn decisions_are_exported_and_openssl_knows_the_signature() {
    let world = World::new().await;
    let people = cell(&world, &["ana", "ben"], quick(|_| {})).await;
    let [ana, ben] = &people[..] else { panic!() };
    let number = propose(
        ana,
        "A hall",
        "We rent =the hall= <b>now</b>.",
        SubjectWord::Text {},
    )
    .await;
    does(ana, number, open(MethodWord::Consent, &[], false)).await;
    for person in [ana, ben] {
        votes(person, number, yes()).await;
    }
    decided(&people, number).await;
    let folder = tempfile::tempdir().unwrap();
    for what in [ExportWord::Decisions, ExportWord::Roster] {
        let export = Intent::Export {
            body: "North".to_owned(),
            what,
            at: None,
        };
        let Answer::Exported { files, .. } = ana.ask(export).await else {
            panic!()
        };
        for file in files {
            let content = data_encoding::BASE64.decode(file.content.as_bytes()).unwrap();
            std::fs::write(folder.path().join(file.name), content).unwrap();
        }
    }
    let text = std::fs::read_to_string(folder.path().join("decisions.md")).unwrap();
    assert!(
        text.contains("## 1. A hall") && text.contains("> We rent \\=the hall\\= \\<b\\>now"),
        "{text}"
    );
    for name in ["decisions.md", "decisions.csv", "roster.md", "roster.csv"] {
        let file = folder.path().join(name);
        verify(&file, None).unwrap();
        let openssl = std::process::Command::new("openssl")
            .current_dir(folder.path())
            .args([
                "pkeyutl",
                "-verify",
                "-pubin",
                "-inkey",
                "signer.pem",
                "-rawin",
                "-in",
                name,
                "-sigfile",
            ])
            .arg(format!("{name}.sig"))
            .output()
            .unwrap();
        assert!(openssl.status.success(), "{openssl:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_secretary_goes_round_and_whoever_declines_is_passed_by() {
    let world = World::new().await;
    let people = cell(&world, &["ana", "ben", "cem"], quick(|_| {})).await;
    let [ana, ben, cem] = &people[..] else { panic!() };
    let aside = Intent::StandAside {
        body: "North".to_owned(),
        office: "secretary".to_owned(),
        aside: true,
    };
    assert_eq!(ben.ask(aside).await, Answer::Done {});
    ana.until("ana's device knows", || async {
        let offices = offices(ana).await;
        offices.iter().any(|line| line.aside == ["ben"]).then_some(())
    })
    .await;
    let over = Intent::HandOver {
        body: "North".to_owned(),
        office: "caretaker".to_owned(),
        name: None,
    };
    assert_eq!(ana.ask(over).await, Answer::Done {});
    cem.until("cem is secretary", || async {
        let powers = powers(cem).await;
        let mine = powers.iter().any(|line| line.power == "remove" && line.mine);
        mine.then_some(())
    })
    .await;
    may_not_remove(ana, "ben").await;
}
