use caucus_proto::org::PersonaPublic;
use caucus_proto::org::between::{Editor, Masthead};

use super::*;
use crate::app::acquaintance::{Known, Origin};
use crate::app::feed::SourceView;
use crate::engine::FeedMark;

const COUNCIL: BodyId = BodyId([1; 32]);

fn root(number: u32, key: u8) -> RootKey {
    RootKey {
        number,
        key: PersonaPublic([key; 32]),
    }
}

fn source(from: &str, body: BodyId, items: Vec<Heard>) -> Source {
    Source {
        view: SourceView {
            from: from.to_owned(),
            heard_in: "South".to_owned(),
            how: "show".to_owned(),
            unread: 0,
            up_to: None,
            warnings: Vec::new(),
        },
        mark: FeedMark::default(),
        body,
        items,
        warned: 0,
    }
}

fn item(number: u32, title: &str, replaces: Option<u32>) -> Heard {
    let hash = [title.len() as u8; 32];
    Heard {
        view: ItemView {
            number,
            title: title.to_owned(),
            from: "Council".to_owned(),
            replaces,
            ..ItemView::default()
        },
        place: number,
        hash: Some(hash),
        origin: None,
        shown_as: None,
    }
}

fn by_way(way: &str, key: RootKey, mut heard: Heard) -> Heard {
    heard.view.by_way_of = vec![way.to_owned()];
    heard.view.origin = Some(COUNCIL.to_string());
    heard.origin = Some(Origin {
        body: COUNCIL,
        root: key,
        masthead: 1,
        key: PersonaPublic([5; 32]),
    });
    heard
}

fn knows(root: RootKey, live: bool) -> Acquaintance {
    let known = Known {
        name: "Council".to_owned(),
        root: Some(root),
        masthead: None,
        own: false,
        live,
    };
    Acquaintance(BTreeMap::from([(COUNCIL, known)]))
}

/// Titles in order, each with who forwarded it and what took its place.
fn shown(sources: &mut [Source], known: &Acquaintance) -> Vec<(String, Vec<String>, Option<u32>)> {
    merge(sources, known)
        .into_values()
        .map(|shown| (shown.view.title, shown.view.by_way_of, shown.view.gone))
        .collect()
}

fn warned(sources: &[Source]) -> Vec<usize> {
    sources.iter().map(|source| source.view.warnings.len()).collect()
}

fn two_ways(first: RootKey, second: RootKey, titles: [&str; 2]) -> [Source; 2] {
    let [one, other] = titles;
    [
        source(
            "North",
            BodyId([2; 32]),
            vec![by_way("North", first, item(1, one, None))],
        ),
        source(
            "East",
            BodyId([3; 32]),
            vec![by_way("East", second, item(1, other, None))],
        ),
    ]
}

#[test]
fn what_comes_over_several_ways_is_shown_once_and_with_all_of_them() {
    let mut sources = two_ways(root(1, 1), root(1, 1), ["Come", "Come"]);
    let both = vec!["North".to_owned(), "East".to_owned()];
    let expected = vec![("Come".to_owned(), both, None)];
    assert_eq!(shown(&mut sources, &Acquaintance::default()), expected);
    assert_eq!(warned(&sources), [0, 0]);
    assert_eq!(sources[0].view.unread, 1);
    // Whose key that is, is their word for as long as nobody knows the body.
    for (known, word) in [(Acquaintance::default(), true), (knows(root(1, 1), true), false)] {
        let all = merge(&mut sources, &known);
        assert!(all.values().all(|shown| shown.view.on_their_word == word));
    }
}

#[test]
fn the_word_of_the_origin_comes_before_what_is_forwarded_and_supersedes_it() {
    let [north, _] = two_ways(root(1, 1), root(1, 1), ["Come", "Come"]);
    let heard = vec![item(2, "Come later", Some(1))];
    let mut sources = [north, source("Council", COUNCIL, heard)];
    let (north, nobody) = (vec!["North".to_owned()], Vec::new());
    let expected = vec![
        ("Come".to_owned(), north, Some(2)),
        ("Come later".to_owned(), nobody.clone(), None),
    ];
    assert_eq!(shown(&mut sources, &knows(root(1, 1), true)), expected);
    // Heard from both, it is the origin's, and nobody's word is needed.
    let [north, _] = two_ways(root(1, 1), root(1, 1), ["Come", "Come"]);
    let mut sources = [north, source("Council", COUNCIL, vec![item(1, "Come", None)])];
    let expected = vec![("Come".to_owned(), nobody.clone(), None)];
    assert_eq!(shown(&mut sources, &knows(root(1, 1), true)), expected);
    // Another version of it is not shown, and who forwards it is.
    let [north, _] = two_ways(root(1, 1), root(1, 1), ["Stay away", "Come"]);
    let mut sources = [north, source("Council", COUNCIL, vec![item(1, "Come", None)])];
    assert_eq!(shown(&mut sources, &knows(root(1, 1), true)), expected);
    assert_eq!(warned(&sources), [1, 0]);
}

#[test]
fn what_another_key_signed_than_the_known_one_is_told_of_and_not_shown() {
    let known = |number, live| knows(root(number, 1), live);
    for (known, key, titles, warnings) in [
        (known(1, true), root(1, 9), 0, 1),
        (known(1, false), root(1, 9), 0, 1),
        // Of one from before, or to come, the origin itself is heard.
        (known(2, true), root(1, 9), 0, 0),
        (known(2, true), root(3, 9), 0, 0),
        // Where the link has ended, it may have come after.
        (known(2, false), root(3, 9), 1, 0),
    ] {
        let [north, _] = two_ways(key, key, ["Come", "Come"]);
        let mut sources = [north];
        assert_eq!(shown(&mut sources, &known).len(), titles);
        assert_eq!(warned(&sources), [warnings]);
    }
}

#[test]
fn who_name_different_keys_of_one_body_are_shown_apart_and_withdraw_nothing_of_each_other() {
    let [mut north, east] = two_ways(root(1, 1), root(1, 9), ["Come", "Come"]);
    north
        .items
        .push(by_way("North", root(1, 1), item(2, "1 is withdrawn", Some(1))));
    let mut sources = [north, east];
    let expected = vec![
        ("Come".to_owned(), vec!["North".to_owned()], Some(2)),
        ("Come".to_owned(), vec!["East".to_owned()], None),
        ("1 is withdrawn".to_owned(), vec!["North".to_owned()], None),
    ];
    assert_eq!(shown(&mut sources, &Acquaintance::default()), expected);
    assert_eq!(warned(&sources), [1, 1]);
}

#[test]
fn a_later_key_that_somebody_names_withdraws_nothing_that_another_signed() {
    let [north, mut east] = two_ways(root(1, 1), root(2, 9), ["Come", "Come"]);
    east.items
        .push(by_way("East", root(2, 9), item(2, "1 is withdrawn", Some(1))));
    let mut sources = [north, east];
    let expected = vec![
        ("Come".to_owned(), vec!["North".to_owned()], None),
        ("Come".to_owned(), vec!["East".to_owned()], Some(2)),
        ("1 is withdrawn".to_owned(), vec!["East".to_owned()], None),
    ];
    assert_eq!(shown(&mut sources, &Acquaintance::default()), expected);
}

#[test]
fn who_may_sign_no_more_withdraws_nothing_that_was_heard_of_the_origin() {
    let masthead = |number, key| Masthead {
        body: COUNCIL,
        number,
        editors: vec![Editor {
            key: PersonaPublic([key; 32]),
            announces: true,
            directs: false,
        }],
    };
    let withdrawn = |number, key| {
        let mut known = knows(root(1, 1), true);
        for it in known.0.values_mut() {
            it.masthead = Some(masthead(number, key));
        }
        let forged = by_way("North", root(1, 1), item(2, "1 is withdrawn", Some(1)));
        let north = source("North", BodyId([2; 32]), vec![forged]);
        let mut sources = [north, source("Council", COUNCIL, vec![item(1, "Come", None)])];
        let shown = shown(&mut sources, &known);
        assert_eq!(shown.len(), 2);
        shown[0].2
    };
    assert_eq!(withdrawn(2, 6), None);
    // An editor still, or nothing later is known.
    assert_eq!(withdrawn(2, 5), Some(2));
    assert_eq!(withdrawn(1, 6), Some(2));
}

#[test]
fn what_was_handed_over_accuses_nobody_and_withdraws_nothing_that_was_read() {
    let handed = |mut heard: Heard| {
        heard.view.handed_by = Some("ana".to_owned());
        heard
    };
    for key in [root(1, 1), root(1, 9), root(2, 9)] {
        for known in [Acquaintance::default(), knows(root(1, 1), true)] {
            let [mut north, _] = two_ways(root(1, 1), root(1, 1), ["Come", "Come"]);
            let made_up = [item(1, "Stay away", None), item(2, "1 is withdrawn", Some(1))];
            let made_up = made_up.map(|it| handed(by_way("North", key, it)));
            north.items.extend(made_up);
            let mut sources = [north];
            let all = shown(&mut sources, &known);
            let come = all.iter().find(|(title, ..)| title == "Come").unwrap();
            assert_eq!(come.2, None);
            assert_eq!(warned(&sources), [0]);
        }
    }
}

#[test]
fn who_forwards_a_known_body_cannot_call_it_something_else() {
    let [mut north, _] = two_ways(root(1, 1), root(1, 1), ["Come", "Come"]);
    north.items[0].view.from = "Police".to_owned();
    let mut sources = [north];
    let all = merge(&mut sources, &knows(root(1, 1), true));
    assert!(all.values().all(|shown| shown.view.from == "Council"));
}

#[test]
fn an_origin_that_signed_two_versions_is_shown_to_have() {
    let mut sources = two_ways(root(1, 1), root(1, 1), ["Come", "Stay away"]);
    assert_eq!(shown(&mut sources, &Acquaintance::default()).len(), 2);
    assert_eq!(warned(&sources), [1, 1]);
}

#[test]
fn another_body_of_a_known_name_is_told_of() {
    let mut known = Acquaintance::default();
    let council = knows(root(1, 1), true).0.into_values();
    known.0 = council.map(|it| (BodyId([7; 32]), it)).collect();
    let [north, _] = two_ways(root(1, 1), root(1, 1), ["Come", "Come"]);
    let mut sources = [north];
    assert_eq!(shown(&mut sources, &known).len(), 1);
    assert_eq!(warned(&sources), [1]);
}

#[test]
fn who_mutes_a_body_hears_it_from_nobody() {
    let [mut north, east] = two_ways(root(1, 1), root(1, 1), ["Come", "Come"]);
    let mut council = source("Council", COUNCIL, Vec::new());
    council.mark.muted = true;
    let mut sources = [north, council];
    let all = merge(&mut sources, &knows(root(1, 1), true));
    assert!(all.values().all(|shown| shown.muted));
    // Nobody hears it directly: it is shown for as long as one of the ways is.
    [north, _] = sources;
    north.mark.muted = true;
    let mut sources = [north, east];
    let all = merge(&mut sources, &Acquaintance::default());
    assert!(all.values().all(|shown| !shown.muted));
}
