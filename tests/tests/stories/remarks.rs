//! Everyday messaging: people answer, mark, edit, delete and pin messages, are mentioned, search, draft, mute, and let what they
//! say vanish.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use caucus_client::app::{
    Answer, App, Bell, Code, Cost, DraftWord, Intent, Keep, KindWord, MarkView, MessageKind, MessageView,
    RemarkWord,
};
use caucus_client::charter;
use caucus_client::clock::{Clock as _, ManualClock, SystemClock};
use caucus_client::relay::Sockets;
use caucus_proto::org::Kind;
use caucus_tests::harness::{Person, World};
use caucus_tests::process::{self, RelayProcess};

const MINUTE: u64 = 60 * 1000;

fn intent_in(room: &str, number: u64, what: RemarkWord) -> Intent {
    Intent::Remark {
        room: room.to_owned(),
        number,
        what,
    }
}

async fn remark_in(person: &Person, room: &str, number: u64, what: RemarkWord) -> u64 {
    match person.ask(intent_in(room, number, what)).await {
        Answer::Stored { position } => position,
        other => panic!("{other:?}"),
    }
}

async fn remark(person: &Person, number: u64, what: RemarkWord) -> u64 {
    remark_in(person, "North", number, what).await
}

fn reply(text: &str) -> RemarkWord {
    let text = text.to_owned();
    RemarkWord::Reply { text }
}

fn edit(text: &str) -> RemarkWord {
    let text = text.to_owned();
    RemarkWord::Edit { text }
}

fn react(mark: &str, off: bool) -> RemarkWord {
    let mark = mark.to_owned();
    RemarkWord::React { mark, off }
}

/// Waits until the message at this number looks so.
async fn shows(person: &Person, number: u64, what: &str, is: impl Fn(&MessageView) -> bool) -> MessageView {
    person
        .until(what, || async {
            let messages = person.messages(false).await;
            let found = messages.into_iter().find(|message| message.position == number)?;
            is(&found).then_some(found)
        })
        .await
}

async fn pins(person: &Person) -> Vec<(u64, String)> {
    let room = "North".to_owned();
    match person.ask(Intent::Pins { room }).await {
        Answer::Pins { pins, .. } => pins.into_iter().map(|pin| (pin.position, pin.text)).collect(),
        other => panic!("{other:?}"),
    }
}

async fn search(person: &Person, words: &[&str], from: Option<&str>) -> Vec<(u64, String)> {
    let intent = Intent::Search {
        words: words.iter().map(|word| (*word).to_owned()).collect(),
        room: None,
        from: from.map(str::to_owned),
        since: None,
        limit: None,
    };
    let Answer::Found { hits, .. } = person.ask(intent).await else {
        panic!("nothing");
    };
    hits.into_iter()
        .map(|hit| {
            let marked = hit.excerpt.iter().map(|piece| match piece.hit {
                true => format!("[{}]", piece.text),
                false => piece.text.clone(),
            });
            (hit.position, marked.collect())
        })
        .collect()
}

fn mark_all() -> Intent {
    Intent::Mark {
        room: "North".to_owned(),
        unread: None,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn people_answer_mark_edit_delete_and_pin_and_all_see_the_same_after_a_restart_too() {
    let world = World::new().await;
    let people = world.cell(&["ana", "ben", "cem"]).await;
    let (ana, ben, cem) = (&people[0], &people[1], &people[2]);
    let asked = ana.say("Who rents the hall?").await;
    let slip = ana.say("tomorow").await;
    let secret = ana.say("a word that ana takes back").await;
    cem.await_said("a word that ana takes back").await;
    ben.await_said("a word that ana takes back").await;
    let mut follow = cem.app.follow("North", false).expect("it follows");

    let answer = remark(ben, asked, reply("I do")).await;
    remark(ben, asked, react("👍", false)).await;
    cem.await_said("I do").await;
    shows(cem, asked, "a mark", |message| message.remarks.marks.len() == 1).await;
    remark(cem, asked, react("👍", false)).await;
    remark(cem, asked, react("❤\u{fe0f}", false)).await;
    remark(cem, asked, react("❤", true)).await;
    remark(ana, slip, edit("tomorrow")).await;
    remark(ana, secret, RemarkWord::Unsay {}).await;
    remark(cem, asked, RemarkWord::Pin { off: false }).await;

    let mut told = Vec::new();
    while told.len() < 8 {
        let message = follow.next().await.expect("it goes on");
        told.push((message.kind, message.text));
    }
    assert_eq!(told[0], (MessageKind::Said, "I do".to_owned()));
    assert_eq!(
        told[1],
        (MessageKind::Remark, format!("👍 on {asked}: Who rents the hall?"))
    );
    assert!(told.contains(&(MessageKind::Remark, format!("edited {slip}: tomorrow"))));
    assert!(told.contains(&(MessageKind::Remark, format!("deleted {secret}"))));
    assert!(told.contains(&(MessageKind::Event, format!("pinned message {asked}"))));

    for again in [false, true] {
        for person in [ana, ben, cem] {
            if again {
                person.lock().await;
                person.unlock().await;
            }
            shows(person, secret, "it is deleted", |message| message.remarks.deleted).await;
            let message = shows(person, asked, "it is pinned", |message| message.remarks.pinned).await;
            let own = ["ben", "cem"].contains(&person.name.as_str());
            let names = vec!["ben".to_owned(), "cem".to_owned()];
            let marks = MarkView {
                mark: "👍".to_owned(),
                count: 2,
                names,
                own,
            };
            assert_eq!(message.remarks.marks, [marks]);
            let edited = shows(person, slip, "it is edited", |message| message.remarks.edited).await;
            assert_eq!(edited.text, "tomorrow");
            let quote = shows(person, answer, "the answer", |_| true)
                .await
                .remarks
                .answers
                .expect("a quote");
            assert_eq!(
                (quote.position, quote.author.as_deref(), quote.excerpt.as_deref()),
                (asked, Some("ana"), Some("Who rents the hall?"))
            );
            assert_eq!(pins(person).await, [(asked, "Who rents the hall?".to_owned())]);
            let said = person.said().await;
            assert!(
                said.iter().all(|(_, text)| !text.contains("takes back")),
                "{said:?}"
            );
        }
    }

    // Nobody does it to the words of others, and nobody to what is not there.
    for what in [edit("not mine"), RemarkWord::Unsay {}] {
        assert_eq!(
            ben.refused(intent_in("North", asked, what)).await.code,
            Code::Denied
        );
    }
    for (number, what) in [
        (secret, react("👍", false)),
        (secret, RemarkWord::Pin { off: false }),
        (9_999, reply("to nobody")),
    ] {
        let refused = ben.refused(intent_in("North", number, what)).await;
        assert_eq!(refused.code, Code::NotFound);
        assert!(refused.next.is_some());
    }
    for wrong in ["", "two words", "\u{1b}[2J", &"x".repeat(33)] {
        let refused = ben.refused(intent_in("North", asked, react(wrong, false))).await;
        assert_eq!(refused.code, Code::BadInput, "{wrong:?}");
    }

    // The author deletes what is pinned: the pin says so, and anybody takes it away.
    remark(ana, asked, RemarkWord::Unsay {}).await;
    shows(ben, asked, "it is deleted", |message| message.remarks.deleted).await;
    assert_eq!(pins(ben).await, [(asked, "deleted by its author".to_owned())]);
    let quote = shows(ben, answer, "the answer", |_| true)
        .await
        .remarks
        .answers
        .expect("a quote");
    assert_eq!(quote.excerpt, None);
    remark(ben, asked, RemarkWord::Pin { off: true }).await;
    assert_eq!(pins(ben).await, []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_is_mentioned_or_answered_finds_it_in_the_inbox_until_it_is_read_muted_or_not() {
    let world = World::new().await;
    let people = world.cell(&["ana", "Ben", "Ben Lee"]).await;
    let (ana, ben, lee) = (&people[0], &people[1], &people[2]);
    let first = ben.say("hello from ben").await;
    for person in [ana, lee] {
        person.await_said("hello from ben").await;
    }
    for person in [ben, lee] {
        person.ask(mark_all()).await;
        assert_eq!(person.room().await.unread, 0);
    }
    let mute = |off: bool| Intent::Mute {
        room: "North".to_owned(),
        minutes: Some(60).filter(|_| !off),
        off,
    };
    ben.ask(mute(false)).await;
    assert!(ben.room().await.muted && ben.room().await.muted_until.is_some());
    let longer = ana.say("@ben lee brings the soup, @nobody the spoons").await;
    remark(ana, first, reply("and hello to you")).await;
    ana.say("an address: ana@ben.example").await;
    for person in [ben, lee] {
        person
            .until("three are unread", || async {
                (person.room().await.unread == 3).then_some(())
            })
            .await;
    }
    let told = |kind: &'static str, person| async move {
        let items: Vec<(String, String)> = Person::inbox(person).await;
        items.into_iter().filter(|(of, _)| *of == kind).count()
    };
    assert_eq!((told("mention", lee).await, told("answer", lee).await), (1, 0));
    assert_eq!((told("mention", ben).await, told("answer", ben).await), (0, 1));
    assert_eq!((lee.room().await.for_me, ben.room().await.for_me), (1, 1));
    let message = lee
        .messages(false)
        .await
        .into_iter()
        .find(|message| message.position == longer);
    let message = message.expect("it is there");
    assert_eq!(message.remarks.mentions, ["Ben Lee"], "the longest name counts");
    assert!(message.remarks.for_me);

    lee.ask(mark_all()).await;
    assert_eq!((lee.room().await.unread, told("mention", lee).await), (0, 0));
    let unread = Intent::Mark {
        room: "North".to_owned(),
        unread: Some(longer),
    };
    lee.ask(unread).await;
    assert_eq!((lee.room().await.unread, told("mention", lee).await), (3, 1));
    ben.ask(mute(true)).await;
    assert!(!ben.room().await.muted);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_said_is_found_whatever_its_case_and_accents_and_what_is_gone_is_not() {
    let world = World::new().await;
    let people = world.cell(&["ana", "ben"]).await;
    let (ana, ben) = (&people[0], &people[1]);
    let first = ana.say("We rent the Hall in November").await;
    ben.await_said("We rent the Hall in November").await;
    let second = ben.say("The hall is très CHER").await;
    let third = ben.say("a secret about the hall").await;
    ana.await_said("a secret about the hall").await;
    let all = search(ana, &["HALL"], None).await;
    assert_eq!(
        all,
        [
            (third, "a secret about the [hall]".to_owned()),
            (second, "The [hall] is très CHER".to_owned()),
            (first, "We rent the [Hall] in November".to_owned()),
        ]
    );
    let both = search(ana, &["tres", "cher"], None).await;
    assert_eq!(both, [(second, "The hall is [très] [CHER]".to_owned())]);
    assert_eq!(
        search(ana, &["cher hall"], None).await,
        [],
        "a phrase is in order"
    );
    assert_eq!(search(ana, &["hall"], Some("ANA")).await.len(), 1);
    remark(ben, third, RemarkWord::Unsay {}).await;
    remark(ben, second, edit("It is cheap")).await;
    shows(ana, second, "it is edited", |message| message.remarks.edited).await;
    assert_eq!(search(ana, &["hall"], None).await.len(), 1);
    assert_eq!(search(ana, &["cheap"], None).await.len(), 1);
    let empty = Intent::Search {
        words: vec![" ".to_owned()],
        room: None,
        from: None,
        since: None,
        limit: None,
    };
    assert_eq!(ana.refused(empty).await.code, Code::BadInput);
    ana.lock().await;
    let locked = Intent::Search {
        words: vec!["hall".to_owned()],
        room: None,
        from: None,
        since: None,
        limit: None,
    };
    assert_eq!(ana.refused(locked).await.code, Code::Locked);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_draft_waits_in_the_vault_until_it_is_said_or_dropped() {
    let world = World::new().await;
    let ana = world.person("ana").await;
    ana.found("North").await;
    ana.await_live().await;
    let draft = |text: Option<&str>, then| Intent::Draft {
        room: "North".to_owned(),
        text: text.map(str::to_owned),
        then,
    };
    let text = |answer| match answer {
        Answer::Draft { text, .. } => text,
        other => panic!("{other:?}"),
    };
    assert_eq!(text(ana.ask(draft(None, DraftWord::Keep)).await), None);
    assert_eq!(
        ana.refused(draft(None, DraftWord::Send)).await.code,
        Code::NotFound
    );
    ana.ask(draft(Some("what I want to say"), DraftWord::Keep)).await;
    ana.lock().await;
    ana.unlock().await;
    ana.await_live().await;
    assert!(ana.room().await.draft);
    assert_eq!(ana.said().await, []);
    let kept = text(ana.ask(draft(None, DraftWord::Keep)).await);
    assert_eq!(kept.as_deref(), Some("what I want to say"));
    let sent = ana.ask(draft(None, DraftWord::Send)).await;
    assert!(matches!(sent, Answer::Stored { .. }), "{sent:?}");
    assert!(!ana.room().await.draft);
    assert_eq!(
        ana.said().await,
        [("ana".to_owned(), "what I want to say".to_owned())]
    );
    ana.ask(draft(Some("and nothing more"), DraftWord::Keep)).await;
    assert_eq!(text(ana.ask(draft(None, DraftWord::Drop)).await), None);
    assert_eq!(ana.said().await.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_vanish_from_every_device_by_the_rooms_word_and_the_shorter_time_counts() {
    let world = World::new().await;
    let clock = ManualClock::at_ms(SystemClock.now_ms());
    let with_clock = |name: &'static str| {
        let (home, clock) = (world.folder.path().join(name), Arc::new(clock.clone()));
        async move { Person::with_clock(name, &home, clock).await }
    };
    let (ana, ben) = (with_clock("ana").await, with_clock("ben").await);
    ana.add_relay(&world.relay.address()).await;
    ana.found("North").await;
    ana.await_live().await;
    let link = ana.invite("North", 1).await;
    ben.join(&link).await;
    ana.await_requests("North", 1).await;
    ana.admit_all().await;
    ben.await_joined().await;
    ben.is_well().await;
    ana.say("said before, and kept").await;
    ben.await_said("said before, and kept").await;

    let vanish = |hours| Intent::Vanish {
        room: "North".to_owned(),
        hours: Some(hours),
    };
    assert_eq!(
        ben.refused(vanish(1)).await.code,
        Code::Denied,
        "ben does not facilitate"
    );
    ana.ask(vanish(2)).await;
    let since = ana.say("this vanishes").await;
    ben.await_said("this vanishes").await;
    remark(&ben, since, reply("and this with it")).await;
    ana.await_said("and this with it").await;
    assert_eq!(ben.room().await.vanish_hours, Some(2));
    let events = ben.messages(false).await;
    let told = |message: &MessageView| message.text == "lets what is said from now on vanish after 2 hours";
    assert!(events.iter().any(told), "everybody is told");

    // What ben chose for himself is longer: the room's word is the shorter.
    let retention = Intent::Retention {
        room: Some("North".to_owned()),
        keep: Some(Keep::Hours(48)),
    };
    ben.ask(retention).await;
    for _ in 0..30 {
        clock.advance_ms(5 * MINUTE);
        for person in [&ana, &ben] {
            person.app.keep_house().await;
        }
    }
    for person in [&ana, &ben] {
        let kept = [("ana".to_owned(), "said before, and kept".to_owned())];
        assert_eq!(person.said().await, kept);
        person.lock().await;
        let vault = person.vault();
        for record in vault.every_record().expect("every record") {
            for gone in ["this vanishes", "and this with it"] {
                assert!(!record.windows(gone.len()).any(|window| window == gone.as_bytes()));
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_to_vanish_while_the_vault_was_locked_is_gone_before_anybody_reads() {
    let world = World::new().await;
    let clock = ManualClock::at_ms(SystemClock.now_ms());
    let home = world.folder.path().join("ana");
    let ana = Person::with_clock("ana", &home, Arc::new(clock.clone())).await;
    ana.add_relay(&world.relay.address()).await;
    ana.found("North").await;
    ana.await_live().await;
    let room = "North".to_owned();
    ana.ask(Intent::Vanish { room, hours: Some(2) }).await;
    ana.say("this vanishes").await;
    for (minutes, left) in [(60, 1), (90, 0)] {
        ana.lock().await;
        clock.advance_ms(minutes * MINUTE);
        ana.unlock().await;
        assert_eq!(ana.said().await.len(), left, "after {minutes} minutes more");
    }
}

/// What rings in a test.
#[derive(Default)]
struct Counted(AtomicU32);

impl Bell for Counted {
    fn ring(&self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bell_rings_only_where_it_was_turned_on_and_the_room_is_not_muted() {
    let world = World::new().await;
    let people = world.cell(&["ana", "ben"]).await;
    let (ana, ben) = (&people[0], &people[1]);
    ben.lock().await;
    let bell = Arc::new(Counted::default());
    let ringing: Arc<dyn Bell> = bell.clone();
    let ben = Person {
        name: "ben".to_owned(),
        home: ben.home.clone(),
        app: App::with_bell(
            ben.home.clone(),
            Arc::new(SystemClock),
            Cost::new(64, 1, 1),
            Sockets::anywhere(),
            Some(ringing),
        ),
    };
    ben.unlock().await;
    ben.await_live().await;
    let rung = || bell.0.load(Ordering::SeqCst);
    ana.say("while it is off").await;
    ben.await_said("while it is off").await;
    let mute = |off: bool| Intent::Mute {
        room: "North".to_owned(),
        minutes: None,
        off,
    };
    ben.ask(mute(false)).await;
    let on = ben.ask(Intent::Notify { on: Some(true) }).await;
    assert_eq!(
        on,
        Answer::Notifications {
            on: true,
            possible: true
        }
    );
    ana.say("while it is muted").await;
    ben.await_said("while it is muted").await;
    ben.ask(mute(true)).await;
    ben.say("his own words").await;
    assert_eq!(rung(), 0);
    ana.say("now it rings").await;
    ben.until("it rings", || async { (rung() == 1).then_some(()) })
        .await;
    ana.say("and not again within a minute").await;
    ben.await_said("and not again within a minute").await;
    assert_eq!(rung(), 1);
    let refused = ana.refused(Intent::Notify { on: Some(true) }).await;
    assert_eq!(refused.code, Code::BadInput, "there is no bell");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_another_room_of_a_body_it_is_as_in_its_governing_one() {
    let world = World::new().await;
    let ana = world.person("ana").await;
    let mut rules = charter::read(charter::shipped(Kind::Chapter)).expect("a charter");
    rules.admission.vouches = 0;
    ana.found_by(KindWord::Chapter, "North", Some(charter::written(&rules)))
        .await;
    let link = ana.invite("North", 1).await;
    let ben = world.stranger("ben").await;
    ben.join(&link).await;
    ana.await_requests("North", 1).await;
    ana.admit_all().await;
    ben.await_joined().await;
    ben.is_in("North/open").await;
    let open = "North/open";
    ben.says_in(open, "who cooks?").await;
    ana.hears_in(open, "who cooks?").await;
    let read = |person: &Person| {
        let intent = Intent::Read {
            room: open.to_owned(),
            since: None,
            limit: Some(100),
            follow: false,
            all: false,
            mark: false,
        };
        let app = person.app.clone();
        async move {
            match app.handle(intent).await {
                Ok(Answer::Messages { messages, .. }) => messages,
                other => panic!("{other:?}"),
            }
        }
    };
    let number = read(&ana)
        .await
        .iter()
        .find(|message| message.text == "who cooks?")
        .expect("it")
        .position;
    remark_in(&ana, open, number, react("+1", false)).await;
    remark_in(&ana, open, number, RemarkWord::Pin { off: false }).await;
    let hours = Some(24);
    let room = open.to_owned();
    ana.ask(Intent::Vanish { room, hours }).await;
    let refused = Intent::Vanish {
        room: open.to_owned(),
        hours: Some(1),
    };
    assert_eq!(ben.refused(refused).await.code, Code::Denied);
    ben.until("ben sees all of it", || async {
        let messages = read(&ben).await;
        let message = messages.iter().find(|message| message.position == number)?;
        let room = ben.room_named(open).await?;
        (message.remarks.pinned && message.remarks.marks.len() == 1 && room.vanish_hours == Some(24))
            .then_some(())
    })
    .await;
}

#[test]
fn at_a_terminal_it_is_done_by_number_and_shown_calmly() {
    let folder = tempfile::tempdir().expect("a folder");
    let relay = RelayProcess::start(&folder.path().join("relay"));
    let ana = process::Person::new("ana", folder.path());
    ana.ask(&["init"]);
    ana.ask(&["relay", "add", relay.address()]);
    ana.ask(&["found", "cell", "North", "--as", "ana"]);
    let number = ana.ask(&["say", "North", "Meeting at eight"])["position"].to_string();
    let plain = |arguments: &[&str]| {
        let outcome = ana.run(arguments);
        assert_eq!(outcome.code, 0, "{arguments:?}: {outcome:?}");
        outcome.out
    };
    assert!(plain(&["reply", "North", &number, "Yes, at eight"]).starts_with("stored at "));
    plain(&["react", "North", &number, "👍"]);
    plain(&["edit", "North", &number, "Meeting at nine"]);
    plain(&["pin", "North", &number]);
    plain(&["vanish", "North", "24h"]);
    plain(&["draft", "North", "later"]);
    plain(&["mute", "North", "--for", "8h"]);
    let read = plain(&["read", "North"]);
    for line in [
        "Meeting at nine  (edited)  (pinned)",
        "👍 ana",
        &format!("answers {number}, ana: Meeting at nine"),
    ] {
        assert!(read.contains(line), "{line}: {read}");
    }
    assert!(!read.contains("Meeting at eight"), "{read}");
    assert!(plain(&["pins", "North"]).contains("Meeting at nine"));
    let found = plain(&["search", "NINE", "--in", "North"]);
    assert!(found.contains("Meeting at nine"), "{found}");
    let rooms = plain(&["rooms"]);
    for words in ["muted until", "a draft", "vanishes after 24 hours"] {
        assert!(rooms.contains(words), "{words}: {rooms}");
    }
    assert_eq!(plain(&["draft", "North"]), "later\n");
    assert_ne!(ana.run(&["unsay", "North", &number]).code, 0, "it asks");
    plain(&["unsay", "North", &number, "--yes"]);
    assert!(plain(&["read", "North"]).contains("deleted by its author"));
    assert!(plain(&["notify"]).contains("told nothing"));
    assert!(plain(&["mark", "North"]).contains("read"));
    ana.stop();
}
