//! Between bodies: links, announcements, directives, what comes back; and what must not come of them.

mod announcements;
mod directives;
mod forwarded;
mod hostile;
mod links;
mod moving;

use std::sync::Arc;

use caucus_client::app::{
    Answer, AnswerWord, BoardView, DirectiveView, FormField, Intent, ItemView, ItemWord, LinkView,
    PriorityWord, RaisedView, SendsWord,
};
use caucus_client::clock::ManualClock;
use caucus_tests::harness::{Person, World};

pub(crate) const DAY: u64 = 24 * 60;

/// What a committee sends to those below it, and they to it.
pub(crate) const DOWN: SendsWord = SendsWord {
    announcements: true,
    directives: true,
    reports: false,
};
pub(crate) const UP: SendsWord = SendsWord {
    announcements: true,
    directives: false,
    reports: true,
};

pub(crate) fn own(text: &str) -> String {
    text.to_owned()
}

pub(crate) async fn offer(person: &Person, body: &str, we: SendsWord, they: SendsWord) -> String {
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

pub(crate) fn accepting(body: &str, offer: &str) -> Intent {
    Intent::AcceptLink {
        body: own(body),
        offer: own(offer),
    }
}

/// The one offers, the other accepts, and both know of it.
pub(crate) async fn link(above: (&Person, &str), below: (&Person, &str)) {
    let offered = offer(above.0, above.1, DOWN, UP).await;
    assert_eq!(below.0.ask(accepting(below.1, &offered)).await, Answer::Done {});
    is_linked(above.0, above.1, below.1).await;
    is_linked(below.0, below.1, above.1).await;
}

pub(crate) async fn links(person: &Person, body: &str) -> Vec<LinkView> {
    match person.ask(Intent::Links { body: own(body) }).await {
        Answer::Links { links, .. } => links,
        other => panic!("{other:?}"),
    }
}

pub(crate) async fn link_with(person: &Person, body: &str, with: &str) -> Option<LinkView> {
    let links = links(person, body).await;
    links.into_iter().rfind(|link| link.with.as_deref() == Some(with))
}

pub(crate) async fn is_linked(person: &Person, body: &str, with: &str) {
    person
        .until(&format!("{body} is linked with {with}"), || async {
            let link = link_with(person, body, with).await?;
            (link.stage == "linked").then_some(())
        })
        .await;
}

pub(crate) fn announcement(title: &str) -> ItemWord {
    ItemWord::Announcement {
        title: own(title),
        text: format!("All of {title}."),
        language: own("en"),
        expires: None,
        replaces: None,
        files: Vec::new(),
    }
}

pub(crate) fn directive(title: &str, form: Vec<FormField>) -> ItemWord {
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

pub(crate) async fn issue_to(person: &Person, body: &str, item: ItemWord, to: &[&str]) -> u32 {
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

pub(crate) async fn issue(person: &Person, body: &str, item: ItemWord) -> u32 {
    issue_to(person, body, item, &[]).await
}

pub(crate) async fn feed(person: &Person) -> Vec<ItemView> {
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

pub(crate) async fn titles(person: &Person) -> Vec<String> {
    feed(person).await.into_iter().map(|item| item.title).collect()
}

pub(crate) async fn reads(person: &Person, expected: &[&str]) {
    person
        .until(&format!("{expected:?} are read"), || async {
            (titles(person).await == expected).then_some(())
        })
        .await;
}

pub(crate) async fn directives(person: &Person) -> Vec<DirectiveView> {
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
pub(crate) async fn receives(person: &Person, title: &str) -> DirectiveView {
    person
        .until(&format!("the directive {title} is there"), || async {
            directives(person)
                .await
                .into_iter()
                .find(|directive| directive.item.title == title)
        })
        .await
}

pub(crate) fn answering(body: &str, number: u32, answer: AnswerWord) -> Intent {
    Intent::AnswerDirective {
        body: own(body),
        from: None,
        number,
        answer,
    }
}

pub(crate) async fn answers(person: &Person, body: &str, number: u32, answer: AnswerWord) {
    assert_eq!(person.ask(answering(body, number, answer)).await, Answer::Done {});
}

pub(crate) async fn board(person: &Person, body: &str, number: u32) -> BoardView {
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
pub(crate) async fn shows(person: &Person, of: &str, number: u32, body: &str, stage: &str) -> BoardView {
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

pub(crate) async fn raised(person: &Person) -> Vec<RaisedView> {
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

/// Somebody whose clock a test turns.
pub(crate) async fn timed(world: &World, name: &str, clock: &ManualClock) -> Person {
    let home = world.folder.path().join(name);
    let person = Person::with_clock(name, &home, Arc::new(clock.clone())).await;
    person.add_relay(&world.relay.address()).await;
    person
}

/// Time goes on for a body of one; it is heard of within the largest step that one person may make.
pub(crate) async fn days_pass(clock: &ManualClock, person: &Person, label: &str, days: u64) {
    for _ in 0..days {
        clock.advance_ms(DAY * 60_000);
        person.says_in(label, "another day").await;
    }
}

/// Puts a file into the governing room of a body; its number there.
pub(crate) async fn file(person: &Person, body: &str, path: &std::path::Path) -> u64 {
    let sent = Intent::SendFile {
        room: own(body),
        file: path.display().to_string(),
        text: String::new(),
    };
    match person.ask(sent).await {
        Answer::FileSent { number, .. } => number,
        other => panic!("{other:?}"),
    }
}
