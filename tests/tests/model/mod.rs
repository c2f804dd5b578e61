//! A small exhaustive model of the relay's rules: relay, honest people, keyholders, an insider, crashes.
//!
//! It was written from the design and not from the code, with which it shares nothing but words: what the design promises
//! is explored here to the end, within bounds, before and beside the code that is to keep it. Each rule that a property
//! rests on is also left out once, by a test named `mutant_...`, and there the property must fail.
//! What is modelled, the bounds and what they do not reach: `docs/model.md`. `CAUCUS_LONG=1` runs the large configurations.

mod agent;
mod check;
mod finality;
mod fork;
mod graph;
mod hold;
mod insider;
mod machine;
mod people;
mod relay;
mod renewal;
mod verdict;

use agent::{Forget, Setup};
use check::{
    ANSWERED, AT_MOST_ONCE, CUT_OFF, Found, IN_ITS_EPOCH, LOST_A_RACE, ONE_ADVANCES, REFUSED, RENEWED,
    STORED_TWICE, VOIDED, WON, explore,
};
use insider::Insider;
use people::{Law, Set};
use relay::RelayRules;

const NOBODY: Set = Set(0);
const A: Set = Set(0b001);
const AB: Set = Set(0b011);
const C: Set = Set(0b100);
const ABC: Set = Set(0b111);

const QUIET: Insider = Insider {
    steps: 0,
    noise: false,
    splits: false,
    cuts: false,
};
const NOISE: Insider = Insider {
    steps: 2,
    noise: true,
    ..QUIET
};
const SPLITS: Insider = Insider {
    steps: 2,
    splits: true,
    ..QUIET
};
/// What a keyholder can do to the keys.
const CUTS: Insider = Insider {
    steps: 2,
    cuts: true,
    ..QUIET
};
const ANYTHING: Insider = Insider {
    steps: 1,
    noise: true,
    splits: true,
    cuts: true,
};

const RELAY: RelayRules = RelayRules {
    plain_named: true,
    flagged_named: true,
    keys_turn: true,
};
const LAW: Law = Law {
    once: true,
    verdicts: true,
    consumed: true,
    shadow: true,
    undecided: true,
    common: true,
    stops: true,
};

/// A (who holds a control) and B, each with a message to send, and all rules as designed.
const DESIGN: Setup = Setup {
    honest: AB,
    keyholders: A,
    messages: AB,
    acts: NOBODY,
    removal: false,
    turns: 0,
    insider: QUIET,
    crashes: 0,
    forget: Forget::Never,
    relay: RELAY,
    law: LAW,
    refuge: true,
    answers: true,
};

/// Two acts that need a commit, a cut and a message, with a crash anywhere.
const RACE: Setup = Setup {
    acts: AB,
    messages: A,
    turns: 1,
    crashes: 1,
    ..DESIGN
};
const REMOVAL: Setup = Setup {
    insider: NOISE,
    messages: A,
    removal: true,
    turns: 1,
    ..DESIGN
};
const SPLIT: Setup = Setup {
    insider: SPLITS,
    messages: A,
    ..DESIGN
};
const SPLIT_THEN_CUT: Setup = Setup {
    insider: Insider { steps: 1, ..SPLITS },
    turns: 1,
    ..SPLIT
};
const WRONG_KEYS: Setup = Setup {
    insider: CUTS,
    ..DESIGN
};

const ANYTHING_TWICE: Setup = Setup {
    insider: Insider { steps: 2, ..ANYTHING },
    messages: NOBODY,
    ..DESIGN
};

/// Everything holds, and what the configuration is there for did happen.
fn holds(name: &str, setup: Setup, happenings: &[&str]) {
    let found = explore(name, setup);
    assert!(found.violated.is_empty(), "{name}: {:?}", found.violated);
    assert!(
        found.locked_out.states == 0,
        "{name}: locked out: {:#?}",
        found.locked_out
    );
    assert!(found.lost.states == 0, "{name}: lost: {:#?}", found.lost);
    for happening in happenings {
        assert!(found.seen.contains(happening), "{name}: never seen: {happening}");
    }
}

fn mutant(name: &str, setup: Setup) -> Found {
    explore(&format!("mutant, {name}"), setup)
}

#[test]
fn of_two_racing_commits_one_advances_and_both_acts_end_up_done() {
    holds("race, crash", RACE, &[LOST_A_RACE, STORED_TWICE]);
}

#[test]
fn three_honest_people_stay_in_one_epoch_through_a_race_a_cut_and_a_crash() {
    holds(
        "three, crash",
        Setup {
            honest: ABC,
            messages: C,
            ..RACE
        },
        &[LOST_A_RACE, STORED_TWICE],
    );
}

#[test]
fn garbage_and_forbidden_commits_cost_a_no_op_and_nobody_their_epoch() {
    holds(
        "noise",
        Setup {
            acts: A,
            insider: NOISE,
            ..DESIGN
        },
        &[LOST_A_RACE],
    );
}

#[test]
fn the_removed_append_nothing_after_the_cut() {
    holds("removal", REMOVAL, &[CUT_OFF]);
}

#[test]
fn a_commit_that_only_some_can_process_neither_locks_out_nor_loses_a_message() {
    holds("split", SPLIT, &[RENEWED, VOIDED, WON]);
}

#[test]
fn an_intent_may_be_forgotten_once_heads_of_more_than_half_attest_it() {
    let once = Insider { steps: 1, ..SPLITS };
    holds(
        "split, intents forgotten",
        Setup {
            insider: once,
            forget: Forget::Attested,
            ..SPLIT
        },
        &[VOIDED, WON],
    );
}

#[test]
fn who_cannot_follow_a_cut_comes_back_by_the_refuge() {
    holds("split, then a cut", SPLIT_THEN_CUT, &[RENEWED, VOIDED, WON]);
}

#[test]
fn wrong_keys_are_answered_by_another_keyholder() {
    holds("wrong keys", WRONG_KEYS, &[ANSWERED]);
    holds(
        "anything once",
        Setup {
            insider: ANYTHING,
            ..DESIGN
        },
        &[ANSWERED, RENEWED],
    );
}

#[test]
fn two_steps_of_a_rogue_keyholder_of_any_kind_lock_nobody_out() {
    holds(
        "anything twice",
        ANYTHING_TWICE,
        &[ANSWERED, RENEWED, VOIDED, WON],
    );
}

#[test]
fn two_honest_keyholders_stand_one_step_of_a_rogue_one() {
    let two = Setup {
        keyholders: AB,
        insider: ANYTHING,
        ..DESIGN
    };
    holds("two keyholders, anything once", two, &[ANSWERED, RENEWED]);
}

#[test]
fn two_honest_keyholders_stand_two_steps_of_a_rogue_one() {
    let two = Setup {
        keyholders: AB,
        ..ANYTHING_TWICE
    };
    holds(
        "two keyholders, anything twice",
        two,
        &[ANSWERED, RENEWED, VOIDED, WON],
    );
}

#[test]
fn mutant_who_counts_as_out_behind_a_held_cut_locks_the_room() {
    let law = Law {
        undecided: false,
        ..LAW
    };
    let setup = Setup {
        law,
        insider: ANYTHING,
        ..DESIGN
    };
    assert!(mutant("out behind a held cut", setup).locked_out.states > 0);
}

#[test]
fn mutant_heads_that_only_one_side_can_read_decide_nothing() {
    let law = Law { common: false, ..LAW };
    let setup = Setup {
        law,
        insider: ANYTHING,
        ..DESIGN
    };
    assert!(mutant("heads of one side", setup).locked_out.states > 0);
}

#[test]
fn mutant_keys_from_what_was_skipped_lock_the_room() {
    let law = Law { stops: false, ..LAW };
    let setup = Setup {
        law,
        ..ANYTHING_TWICE
    };
    assert!(mutant("keys from what was skipped", setup).locked_out.states > 0);
}

#[test]
fn where_what_is_skipped_gives_no_keys_the_shadow_of_a_void_commit_is_not_needed() {
    let law = Law { shadow: false, ..LAW };
    let found = explore(
        "no shadow",
        Setup {
            law,
            ..ANYTHING_TWICE
        },
    );
    assert_eq!(found.locked_out.states, 0);
    assert_eq!(found.lost.states, 0);
}

#[test]
fn mutant_plain_entries_that_name_no_counter_miss_their_epoch() {
    let relay = RelayRules {
        plain_named: false,
        ..RELAY
    };
    assert_eq!(
        mutant("plain entries name no counter", Setup { relay, ..RACE }).violated,
        [IN_ITS_EPOCH]
    );
}

#[test]
fn mutant_commits_that_name_no_counter_both_advance() {
    let relay = RelayRules {
        flagged_named: false,
        ..RELAY
    };
    assert_eq!(
        mutant("commits name no counter", Setup { relay, ..RACE }).violated,
        [ONE_ADVANCES]
    );
}

#[test]
fn mutant_a_cut_that_turns_no_keys_lets_the_removed_go_on() {
    let relay = RelayRules {
        keys_turn: false,
        ..RELAY
    };
    assert_eq!(
        mutant("a cut turns no keys", Setup { relay, ..REMOVAL }).violated,
        [REFUSED]
    );
}

#[test]
fn mutant_intents_without_ids_are_applied_twice_after_a_crash() {
    let law = Law { once: false, ..LAW };
    assert_eq!(
        mutant("intents without ids", Setup { law, ..RACE }).violated,
        [AT_MOST_ONCE]
    );
}

#[test]
fn mutant_intents_forgotten_at_the_acknowledgement_are_lost() {
    let found = mutant(
        "intents forgotten at the ack",
        Setup {
            forget: Forget::Acknowledged,
            ..SPLIT
        },
    );
    assert_eq!(found.locked_out.states, 0);
    assert!(
        found.lost.states > 0,
        "a message in a branch that heads void is gone"
    );
}

#[test]
fn mutant_without_verdicts_a_split_is_for_ever() {
    let law = Law {
        verdicts: false,
        ..LAW
    };
    let found = mutant("no verdicts", Setup { law, ..SPLIT });
    assert_eq!(
        found.locked_out.shortest.len(),
        1,
        "one step of an ordinary insider: {:#?}",
        found.locked_out
    );
}

#[test]
fn mutant_without_the_refuge_a_cut_silences_who_is_out() {
    let found = mutant(
        "no refuge",
        Setup {
            refuge: false,
            ..SPLIT_THEN_CUT
        },
    );
    assert!(found.locked_out.states > 0);
}

#[test]
fn mutant_without_answers_a_cut_with_wrong_keys_locks_the_room() {
    let found = mutant(
        "no answers",
        Setup {
            answers: false,
            ..WRONG_KEYS
        },
    );
    assert_eq!(
        found.locked_out.shortest.len(),
        1,
        "one step of a rogue keyholder: {:#?}",
        found.locked_out
    );
}

#[test]
fn the_larger_configurations_hold_too() {
    if std::env::var_os("CAUCUS_LONG").is_none_or(|v| v != "1") {
        println!("skipped: set CAUCUS_LONG=1 to explore the larger configurations of the model");
        return;
    }
    let everything = Setup {
        keyholders: AB,
        messages: AB,
        crashes: 2,
        ..RACE
    };
    let crash_and_cut = Setup {
        crashes: 1,
        turns: 1,
        ..WRONG_KEYS
    };
    let renewal_and_cut = Setup { turns: 1, ..SPLIT };
    holds(
        "long: race, two keyholders, two crashes",
        everything,
        &[LOST_A_RACE, STORED_TWICE],
    );
    holds(
        "long: wrong keys, a cut, a crash",
        crash_and_cut,
        &[ANSWERED, STORED_TWICE],
    );
    holds(
        "long: split, intents forgotten",
        Setup {
            forget: Forget::Attested,
            ..SPLIT
        },
        &[VOIDED, WON],
    );
    holds(
        "long: split and a cut",
        renewal_and_cut,
        &[RENEWED, VOIDED, WON, ANSWERED],
    );
    holds(
        "long: noise, a crash",
        Setup {
            crashes: 1,
            messages: A,
            acts: A,
            insider: NOISE,
            ..DESIGN
        },
        &[STORED_TWICE],
    );
    let anything_twice = Setup {
        messages: A,
        ..ANYTHING_TWICE
    };
    holds(
        "long: anything twice, a message",
        anything_twice,
        &[ANSWERED, RENEWED, VOIDED, WON],
    );
    let law = Law {
        consumed: false,
        ..LAW
    };
    let found = mutant(
        "long: a renewal consumes no request",
        Setup {
            law,
            ..renewal_and_cut
        },
    );
    assert!(
        found.locked_out.states > 0,
        "a request carried in late uncounts one who is back"
    );
}
