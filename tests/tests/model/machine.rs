//! The organization machine against its interpreter.

use caucus_tests::machine::{Plan, play, play_rooms};

#[test]
fn after_every_entry_of_anybody_the_machine_is_what_the_interpreter_says_on_every_replica() {
    let acts = if std::env::var_os("CAUCUS_LONG").is_some() {
        5_000_000
    } else {
        200_000
    };
    let account = play(Plan {
        acts,
        seed: 1,
        replicas: 4,
    });
    assert_eq!(account.differences, Vec::<String>::new());
    assert!(account.acts == acts && account.histories > 500, "{account:?}");
    // The walk must have been where things happen.
    for (what, least) in [
        ("acts", 20_000),
        ("commits", 3_000),
        ("notices", 800),
        ("refused", 50_000),
        ("joined", 500),
        ("gone", 500),
        ("upgrades", 100),
        ("asked to be renewed", 500),
        ("allowed to be renewed", 5),
        ("renewed", 15),
        ("vouched", 1_000),
        ("promoted", 20),
        ("demoted", 10),
        ("suspended", 80),
        ("lifted", 5),
        ("texts", 300),
        ("accepted", 500),
        ("handed over", 300),
        ("proposed", 5_000),
        ("amended", 300),
        ("withdrawn", 150),
        ("polls opened", 2_500),
        ("ballots", 2_000),
        ("polls closed", 1_200),
        ("polls void", 80),
        ("polls that go on", 15),
        ("decided and carried out", 300),
        ("decided and not carried out", 600),
        ("charters changed", 50),
        ("elected", 30),
        ("recalled", 8),
        ("stood aside", 1_000),
        ("meetings called", 1_000),
        ("meetings cancelled", 80),
        ("meetings opened", 800),
        ("came", 500),
        ("left a meeting", 250),
        ("asked to speak", 300),
        ("had the word", 100),
        ("points reached", 100),
        ("hands counted", 80),
        ("counts witnessed", 10),
        ("meetings closed", 250),
        ("minutes", 150),
        ("minutes contested", 25),
        ("minutes adopted", 50),
        ("replies", 50),
        ("reactions", 50),
        ("edits", 50),
        ("deletions", 50),
        ("pins", 200),
        ("vanishings", 50),
    ] {
        let seen = account.seen.get(what).copied().unwrap_or_default();
        assert!(seen >= least, "{what}: {seen} of {least}; {account:?}");
    }
}

#[test]
fn two_rooms_of_a_body_are_after_every_entry_what_the_interpreter_says_whatever_is_carried_between_them() {
    let acts = if std::env::var_os("CAUCUS_LONG").is_some() {
        1_000_000
    } else {
        50_000
    };
    let account = play_rooms(Plan {
        acts,
        seed: 1,
        replicas: 2,
    });
    assert_eq!(account.differences, Vec::<String>::new());
    assert!(account.acts == acts, "{account:?}");
    for (what, least) in [
        ("admitted", 1_000),
        ("moved", 300),
        ("removed", 100),
        ("left", 100),
        ("claimed", 2_000),
        ("carried", 1_000),
        ("disputed", 100),
        ("asked to come in", 200),
        ("committed", 1_000),
        ("refused between rooms", 10_000),
    ] {
        let seen = account.seen.get(what).copied().unwrap_or_default();
        assert!(seen >= least, "{what}: {seen} of {least}; {account:?}");
    }
}
