//! Between bodies: links, announcements, directives, what comes back; and what must not come of them.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use caucus_client::app::{
    Answer, AnswerWord, BoardView, Code, DirectiveView, FieldWord, FormField, Intent, ItemView, ItemWord,
    KindWord, LinkView, PriorityWord, Problem, RaiseWord, RaisedView, SendsWord,
};
use caucus_client::charter;
use caucus_client::clock::{Clock, ManualClock, SystemClock};
use caucus_client::engine::Room;
use caucus_client::relay::Pool;
use caucus_proto::id::{ChannelId, PersonaId, Position};
use caucus_proto::label::{Label, derive};
use caucus_proto::org::between::LinkSecret;
use caucus_proto::org::{Charter, Kind};
use caucus_proto::wire::{Flag, RelayAddress, Role, Served};
use caucus_tests::harness::{Person, World};
use x25519_dalek::StaticSecret;

const DAY: u64 = 24 * 60;

/// What a committee sends to those below it, and they to it.
const DOWN: SendsWord = SendsWord {
    announcements: true,
    directives: true,
    reports: false,
};
const UP: SendsWord = SendsWord {
    announcements: true,
    directives: false,
    reports: true,
};

fn own(text: &str) -> String {
    text.to_owned()
}

/// A charter in which nothing waits for days that no test has.
pub(super) fn quick(kind: Kind, change: impl FnOnce(&mut Charter)) -> String {
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

pub(super) async fn body(world: &World, label: &str, kind: KindWord, names: &[&str]) -> Vec<Person> {
    let of = match kind {
        KindWord::Cell => Kind::Cell,
        KindWord::Chapter => Kind::Chapter,
        KindWord::Committee => Kind::Committee,
    };
    body_by(world, label, kind, names, quick(of, |_| {})).await
}

pub(super) async fn body_by(
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

async fn offer(person: &Person, body: &str, we: SendsWord, they: SendsWord) -> String {
    let intent = Intent::OfferLink {
        body: own(body),
        we,
        they,
        minutes: 7 * DAY,
    };
    match person.ask(intent).await {
        Answer::LinkOffered { offer, .. } => offer,
        other => panic!("{other:?}"),
    }
}

fn accepting(body: &str, offer: &str) -> Intent {
    Intent::AcceptLink {
        body: own(body),
        offer: own(offer),
    }
}

/// The one offers, the other accepts, and both know of it.
pub(super) async fn link(above: (&Person, &str), below: (&Person, &str)) {
    let offered = offer(above.0, above.1, DOWN, UP).await;
    assert_eq!(below.0.ask(accepting(below.1, &offered)).await, Answer::Done {});
    is_linked(above.0, above.1, below.1).await;
    is_linked(below.0, below.1, above.1).await;
}

async fn links(person: &Person, body: &str) -> Vec<LinkView> {
    match person.ask(Intent::Links { body: own(body) }).await {
        Answer::Links { links, .. } => links,
        other => panic!("{other:?}"),
    }
}

async fn link_with(person: &Person, body: &str, with: &str) -> Option<LinkView> {
    let links = links(person, body).await;
    links.into_iter().rfind(|link| link.with.as_deref() == Some(with))
}

async fn is_linked(person: &Person, body: &str, with: &str) {
    person
        .until(&format!("{body} is linked with {with}"), || async {
            let link = link_with(person, body, with).await?;
            (link.stage == "linked").then_some(())
        })
        .await;
}

fn announcement(title: &str) -> ItemWord {
    ItemWord::Announcement {
        title: own(title),
        text: format!("All of {title}."),
        language: own("en"),
        expires: None,
        replaces: None,
        files: Vec::new(),
    }
}

fn directive(title: &str, form: Vec<FormField>) -> ItemWord {
    ItemWord::Directive {
        title: own(title),
        text: format!("Do {title}."),
        due: None,
        acknowledge: None,
        priority: PriorityWord::High,
        form,
        replaces: None,
    }
}

async fn issue_to(person: &Person, body: &str, item: ItemWord, to: &[&str]) -> u32 {
    let to = to.iter().map(|name| own(name)).collect();
    match person
        .ask(Intent::Issue {
            body: own(body),
            item,
            to,
        })
        .await
    {
        Answer::Issued { number, .. } => number,
        other => panic!("{other:?}"),
    }
}

async fn issue(person: &Person, body: &str, item: ItemWord) -> u32 {
    issue_to(person, body, item, &[]).await
}

async fn feed(person: &Person) -> Vec<ItemView> {
    let intent = Intent::Feed {
        body: None,
        all: false,
        unread: false,
        mark: false,
    };
    match person.ask(intent).await {
        Answer::Feed { items, .. } => items,
        other => panic!("{other:?}"),
    }
}

async fn titles(person: &Person) -> Vec<String> {
    feed(person).await.into_iter().map(|item| item.title).collect()
}

async fn reads(person: &Person, expected: &[&str]) {
    person
        .until(&format!("{expected:?} are read"), || async {
            (titles(person).await == expected).then_some(())
        })
        .await;
}

async fn directives(person: &Person) -> Vec<DirectiveView> {
    match person
        .ask(Intent::Directives {
            body: None,
            all: true,
        })
        .await
    {
        Answer::Directives { directives } => directives,
        other => panic!("{other:?}"),
    }
}

/// Waits until a directive of this title came.
async fn receives(person: &Person, title: &str) -> DirectiveView {
    person
        .until(&format!("the directive {title} is there"), || async {
            directives(person)
                .await
                .into_iter()
                .find(|directive| directive.item.title == title)
        })
        .await
}

fn answering(body: &str, number: u32, answer: AnswerWord) -> Intent {
    Intent::AnswerDirective {
        body: own(body),
        from: None,
        number,
        answer,
    }
}

async fn answers(person: &Person, body: &str, number: u32, answer: AnswerWord) {
    assert_eq!(person.ask(answering(body, number, answer)).await, Answer::Done {});
}

async fn board(person: &Person, body: &str, number: u32) -> BoardView {
    let intent = Intent::Board {
        body: own(body),
        number: Some(number),
        all: true,
    };
    match person.ask(intent).await {
        Answer::Board { mut boards, .. } => boards.remove(0),
        other => panic!("{other:?}"),
    }
}

/// Waits until the board shows a body at a stage.
async fn shows(person: &Person, of: &str, number: u32, body: &str, stage: &str) -> BoardView {
    person
        .until(&format!("the board shows {body} as {stage}"), || async {
            let board = board(person, of, number).await;
            let shown = board
                .rows
                .iter()
                .any(|row| row.body == body && row.stage == stage);
            shown.then_some(board)
        })
        .await
}

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
    let text = own("a good evening");
    answers(&north[0], "North", number, AnswerWord::Report { values, text }).await;
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

async fn raised(person: &Person) -> Vec<RaisedView> {
    match person
        .ask(Intent::Raised {
            body: None,
            all: true,
        })
        .await
    {
        Answer::Raised { raised } => raised,
        other => panic!("{other:?}"),
    }
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

/// Somebody whose clock a test turns.
async fn timed(world: &World, name: &str, clock: &ManualClock) -> Person {
    let home = world.folder.path().join(name);
    let person = Person::with_clock(name, &home, Arc::new(clock.clone())).await;
    person.add_relay(&world.relay.address()).await;
    person
}

/// Time goes on for a body of one; it is heard of within the largest step that one person may make.
async fn days_pass(clock: &ManualClock, person: &Person, label: &str, days: u64) {
    for _ in 0..days {
        clock.advance_ms(DAY * 60_000);
        person.says_in(label, "another day").await;
    }
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

/// What opens the bulletin of the only link that a person's room has, as their vault has it.
async fn stolen(person: &Person) -> (ChannelId, LinkSecret, RelayAddress) {
    person.lock().await;
    let vault = person.vault();
    let room = Room::all(&vault).expect("rooms").pop().expect("a room");
    let link = room
        .state()
        .between
        .links
        .values()
        .next()
        .expect("a link")
        .clone();
    let peer = link.peer.expect("a body");
    let (_, secret) = peer.keys.back().expect("a key").clone();
    let reading = peer.card.bulletin.expect("a bulletin");
    (reading.channel, secret, room.record().relay.clone())
}

/// Entries that are served to whoever has this, and whether the keys have turned since.
async fn served((channel, secret, relay): &(ChannelId, LinkSecret, RelayAddress)) -> (usize, bool) {
    let pool = Pool::default();
    let connection = pool
        .connection(relay, &PersonaId([9; 32]))
        .await
        .expect("a connection");
    let key = StaticSecret::from(derive(Label::Bulletin, &secret.0, &[b"read"]));
    let (mut count, mut ended) = (0, false);
    if let Ok(opened) = connection.open(*channel, Role::Read, &key).await {
        let mut reading = connection
            .read(opened.handle, Position(0), false)
            .await
            .expect("a reading");
        loop {
            match reading.next().await {
                Ok(Served::Entry(entry)) => {
                    count += 1;
                    ended |= entry.flag == Flag::Cut;
                }
                Ok(Served::CaughtUp { .. }) => {}
                _ => break,
            }
        }
    }
    pool.close_all().await;
    (count, ended)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_removed_from_a_body_reads_nothing_of_what_another_publishes_after_the_keys_turned() {
    let world = World::new().await;
    let clock = ManualClock::at_ms(SystemClock.now_ms());
    let ana = timed(&world, "ana", &clock).await;
    let daily = quick(Kind::Committee, |charter| charter.between.beat = 1);
    ana.found_by(KindWord::Committee, "Council", Some(daily)).await;
    let north = body(&world, "North", KindWord::Cell, &["ben", "mal"]).await;
    let (ben, mal) = (&north[0], &north[1]);
    link((&ana, "Council"), (ben, "North")).await;
    issue(&ana, "Council", announcement("Before")).await;
    reads(mal, &["Before"]).await;
    let known = stolen(mal).await;
    let (before, ended) = served(&known).await;
    assert!(before > 0 && !ended);
    ben.ask(Intent::Remove {
        body: own("North"),
        name: own("mal"),
        reason: own("broke an agreement"),
    })
    .await;
    // The body asks for other keys by itself, and they turn at the next beat.
    ana.until("the keys turned", || async {
        days_pass(&clock, &ana, "Council", 1).await;
        served(&known).await.1.then_some(())
    })
    .await;
    let ended = served(&known).await;
    issue(&ana, "Council", announcement("After")).await;
    reads(ben, &["Before", "After"]).await;
    assert_eq!(
        served(&known).await,
        ended,
        "the segment of the old keys has ended"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_editor_who_was_expelled_cannot_publish_and_what_an_editor_publishes_beside_the_log_is_seen_by_their_own()
 {
    let world = World::new().await;
    let council = body(&world, "Council", KindWord::Committee, &["ana", "mal"]).await;
    let (ana, mal) = (&council[0], &council[1]);
    let north = body(&world, "North", KindWord::Cell, &["ben"]).await;
    link((ana, "Council"), (&north[0], "North")).await;
    issue(ana, "Council", announcement("Before")).await;
    reads(&north[0], &["Before"]).await;
    reads(mal, &["Before"]).await;
    mal.lock().await;
    let (channel, publishing, relay) = {
        let vault = mal.vault();
        let room = Room::all(&vault).expect("rooms").pop().expect("a room");
        let house = room.state().between.house().expect("keys").clone();
        let bulletin = house.bulletin.expect("a bulletin");
        (
            bulletin.reading.channel,
            bulletin.publishing,
            room.record().relay.clone(),
        )
    };
    let pool = Pool::default();
    let connection = pool
        .connection(&relay, &PersonaId([9; 32]))
        .await
        .expect("a connection");
    let key = StaticSecret::from(derive(Label::Bulletin, &publishing.0, &[b"append"]));
    let opened = connection
        .open(channel, Role::Append, &key)
        .await
        .expect("while they are in");
    let noise = Bytes::from(vec![7; 1024]);
    connection
        .append(opened.handle, opened.counter, noise.clone())
        .await
        .expect("noise");
    // It is no word of the body: its own people and its readers are told, and go on.
    for (person, body) in [(ana, "Council"), (&north[0], "North")] {
        person
            .until("the noise is shown", || async {
                let answer = person.ask(Intent::Links { body: own(body) }).await;
                let Answer::Links { links, warnings, .. } = answer else {
                    panic!("{answer:?}")
                };
                let told = links.into_iter().flat_map(|link| link.warnings).chain(warnings);
                told.into_iter()
                    .any(|warning| warning.contains("no word of it"))
                    .then_some(())
            })
            .await;
    }
    ana.ask(Intent::Remove {
        body: own("Council"),
        name: own("mal"),
        reason: own("broke an agreement"),
    })
    .await;
    ana.until("the keys turned", || async {
        connection
            .open(channel, Role::Append, &key)
            .await
            .is_err()
            .then_some(())
    })
    .await;
    assert!(
        connection
            .append(opened.handle, opened.counter, noise)
            .await
            .is_err()
    );
    pool.close_all().await;
    issue(ana, "Council", announcement("After")).await;
    reads(&north[0], &["Before", "After"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_floods_the_drop_of_a_link_holds_up_no_letter_and_nothing_of_it_comes_into_the_log() {
    let world = World::new().await;
    let council = body(&world, "Council", KindWord::Committee, &["ana"]).await;
    let north = body(&world, "North", KindWord::Cell, &["ben"]).await;
    link((&council[0], "Council"), (&north[0], "North")).await;
    north[0].lock().await;
    let (card, relay) = {
        let vault = north[0].vault();
        let room = Room::all(&vault).expect("rooms").pop().expect("a room");
        let link = room
            .state()
            .between
            .links
            .values()
            .next()
            .expect("a link")
            .clone();
        (link.peer.expect("a body").card, room.record().relay.clone())
    };
    let pool = Pool::default();
    let connection = pool
        .connection(&relay, &PersonaId([9; 32]))
        .await
        .expect("a connection");
    let key = StaticSecret::from(card.append.0);
    let opened = connection
        .open(card.drop, Role::Append, &key)
        .await
        .expect("the drop");
    let mut stored = 0;
    for n in 0..300_u32 {
        let bytes = Bytes::from(vec![n as u8; 4096]);
        stored += usize::from(
            connection
                .append(opened.handle, opened.counter, bytes)
                .await
                .is_ok(),
        );
    }
    assert!(stored > 0);
    pool.close_all().await;
    north[0].unlock().await;
    north[0].is_in("North").await;
    let question = Intent::Raise {
        body: own("North"),
        to: own("Council"),
        kind: RaiseWord::Question,
        text: own("is anybody there?"),
        days: 3,
    };
    north[0].ask(question).await;
    council[0]
        .until("the question is there", || async {
            raised(&council[0]).await.pop()
        })
        .await;
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
    let sent = Intent::SendFile {
        room: own("Council"),
        file: leaflet.display().to_string(),
        text: String::new(),
    };
    let Answer::FileSent { number, .. } = council[0].ask(sent).await else {
        panic!("it was not sent")
    };
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
