//! What newcomers are handed of what was said before they came, where the charter wants that.

use std::fs;

use caucus_client::app::{Answer, Intent, KindWord, MessageKind, MessageView, SubjectWord};
use caucus_client::charter;
use caucus_proto::org::{Charter, Kind};
use caucus_tests::harness::{Person, World};

/// A charter that hands over so many days, and in which nothing waits for days that no test has.
fn open(kind: Kind, days: u16) -> Charter {
    let mut charter = charter::read(charter::shipped(kind)).unwrap();
    charter.admission.vouches = 0;
    charter.vouching.days = 0;
    charter.replacing.days = 0;
    for step in [&mut charter.member, &mut charter.cadre] {
        step.vouches = 0;
        step.days = 0;
    }
    charter.polls.grace = 0;
    charter.polls.rules.days = 0;
    charter.history.days = days;
    charter
}

async fn comes(world: &World, ana: &Person, name: &str) -> Person {
    let link = ana.invite("North", 1).await;
    let person = world.stranger(name).await;
    person.join(&link).await;
    ana.await_requests("North", 1).await;
    ana.admit_all().await;
    person.await_joined().await;
    person
}

/// What somebody reads in a room that was said there.
async fn said(person: &Person, room: &str) -> Vec<MessageView> {
    let intent = Intent::Read {
        room: room.to_owned(),
        since: Some(0),
        limit: Some(1_000),
        follow: false,
        all: false,
        mark: false,
    };
    let Answer::Messages { messages, .. } = person.ask(intent).await else {
        panic!("no messages")
    };
    let said = |message: &MessageView| message.kind == MessageKind::Said;
    messages.into_iter().filter(said).collect()
}

/// Waits until they read so much that was handed over, and gives it: who handed it over, who said it, what.
async fn handed(person: &Person, room: &str, count: usize) -> Vec<(String, String, String)> {
    let what = format!("{count} messages are handed over in {room}");
    person
        .until(&what, || async {
            let handed: Vec<_> = (said(person, room).await.into_iter())
                .filter_map(|message| Some((message.handed_by?, message.author?, message.text)))
                .collect();
            (handed.len() == count).then_some(handed)
        })
        .await
}

fn own(words: [&str; 3]) -> (String, String, String) {
    let [by, author, text] = words.map(str::to_owned);
    (by, author, text)
}

async fn in_north(person: &Person, charter: &Charter) {
    person
        .found_by(KindWord::Cell, "North", Some(charter::written(charter)))
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_newcomer_reads_what_was_said_before_as_the_word_of_who_let_them_in() {
    let world = World::new().await;
    let ana = world.person("ana").await;
    in_north(&ana, &open(Kind::Cell, 14)).await;
    let ben = comes(&world, &ana, "ben").await;
    ana.say("the printer is here").await;
    ben.await_said("the printer is here").await;
    ben.says("I bring paper").await;
    let leaflet = world.folder.path().join("leaflet.txt");
    fs::write(&leaflet, "read this").unwrap();
    let sent = Intent::SendFile {
        room: "North".to_owned(),
        file: leaflet.display().to_string(),
        text: "as agreed".to_owned(),
    };
    let Answer::FileSent { number, .. } = ana.ask(sent).await else {
        panic!("not sent")
    };
    ana.await_said("I bring paper").await;

    let cem = comes(&world, &ana, "cem").await;
    let read = handed(&cem, "North", 3).await;
    assert_eq!(read[0], own(["ana", "ana", "the printer is here"]));
    assert_eq!(read[1], own(["ana", "ben", "I bring paper"]));
    let file = format!("[file {number}: leaflet.txt, 9 bytes] as agreed");
    assert_eq!(read[2], own(["ana", "ana", &file]));
    let told = cem.messages(true).await;
    let first = told
        .iter()
        .find(|message| message.text.starts_with("you are in the room"));
    let first = &first.expect("cem was told that he is in").text;
    assert!(
        first.contains("may be handed what was said in the room within 14 days before, by you too"),
        "{first}"
    );

    // What comes is one's own to have heard, in one row with the rest; a file is fetched as any other.
    ben.says("hello cem").await;
    cem.await_said("hello cem").await;
    let all = said(&cem, "North").await;
    assert_eq!(all.len(), 4);
    assert!(all.is_sorted_by_key(|message| message.position));
    assert_eq!(all[3].handed_by, None);
    let search = Intent::Search {
        words: vec!["PAPER".to_owned()],
        room: None,
        from: Some("ben".to_owned()),
        since: None,
        limit: None,
    };
    let Answer::Found { hits, .. } = cem.ask(search).await else {
        panic!("nothing is found")
    };
    assert_eq!(hits.len(), 1);
    assert_eq!(hits[0].handed_by.as_deref(), Some("ana"));
    let copy = world.folder.path().join("copy.txt");
    cem.until("the file is fetched", || async {
        let get = Intent::GetFile {
            room: "North".to_owned(),
            number,
            to: copy.display().to_string(),
            force: true,
        };
        cem.app.handle(get).await.is_ok().then_some(())
    })
    .await;
    assert_eq!(fs::read_to_string(&copy).unwrap(), "read this");

    // It is kept over a restart, and a device that is renewed has its own log and is handed nothing.
    cem.app.lock().await;
    cem.unlock().await;
    assert_eq!(handed(&cem, "North", 3).await, read);
    ben.app.lock().await;
    ben.loses_the_group();
    ben.unlock().await;
    ben.is_well().await;
    ben.says("back again").await;
    assert!(
        said(&ben, "North")
            .await
            .iter()
            .all(|message| message.handed_by.is_none())
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_handed_over_by_the_charters_that_come_with_the_program_until_everybody_decides_it() {
    let world = World::new().await;
    let ana = world.person("ana").await;
    in_north(&ana, &open(Kind::Cell, 0)).await;
    ana.say("between us").await;
    let ben = comes(&world, &ana, "ben").await;
    ben.says("good morning").await;
    assert_eq!(said(&ben, "North").await.len(), 1);

    // Who votes on it is told that it is about their words too.
    let toml = charter::written(&open(Kind::Cell, 30));
    let intent = Intent::Propose {
        body: "North".to_owned(),
        title: String::new(),
        text: String::new(),
        subject: SubjectWord::Charter { toml },
    };
    let Answer::Proposed { number, .. } = ana.ask(intent).await else {
        panic!("not proposed")
    };
    let changes = ben
        .until("ben sees the proposal", || async {
            let intent = Intent::Proposal {
                body: "North".to_owned(),
                number,
            };
            match ben.app.handle(intent).await {
                Ok(Answer::Proposal { proposal, .. }) => Some(proposal.changes),
                _ => None,
            }
        })
        .await;
    let all = changes.join("\n");
    assert!(
        changes
            .contains(&"! What you and others have said already, in the last 30 days, would be shown to whoever comes in".to_owned()),
        "{all}"
    );
    assert!(
        all.contains("- Whoever comes into a room is handed nothing"),
        "{all}"
    );
    assert!(
        all.contains("+ Whoever comes into a room is handed what was said there"),
        "{all}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_comes_into_an_inner_room_is_handed_what_was_said_there() {
    let world = World::new().await;
    let ana = world.person("ana").await;
    let charter = charter::written(&open(Kind::Chapter, 7));
    ana.found_by(KindWord::Chapter, "North", Some(charter)).await;
    ana.says_in("North", "members only").await;
    ana.says_in("North/open", "everybody is welcome").await;
    let ben = comes(&world, &ana, "ben").await;
    ben.is_in("North/open").await;
    let read = handed(&ben, "North/open", 1).await;
    assert_eq!(read, [own(["ana", "ana", "everybody is welcome"])]);
    ana.ask(Intent::Promote {
        body: "North".to_owned(),
        name: "ben".to_owned(),
    })
    .await;
    ben.is_in("North").await;
    let read = handed(&ben, "North", 1).await;
    assert_eq!(read, [own(["ana", "ana", "members only"])]);
}
