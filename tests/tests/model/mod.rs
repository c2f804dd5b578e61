//! A small exhaustive model of the relay's rules.

mod agent;
mod check;
mod hold;
mod insider;
mod people;
mod relay;

use agent::{Forget, Setup};
use check::explore;
use insider::Insider;
use people::{Law, Set};
use relay::RelayRules;

const A: Set = Set(0b001);
const AB: Set = Set(0b011);
const ABC: Set = Set(0b111);
const NOBODY: Set = Set(0);

const DESIGN: Setup = Setup {
    honest: AB,
    keyholders: A,
    messages: AB,
    acts: NOBODY,
    removal: false,
    turns: 0,
    insider: Insider {
        steps: 0,
        noise: false,
        splits: false,
        cuts: false,
    },
    crashes: 0,
    forget: Forget::Never,
    relay: RelayRules {
        plain_named: true,
        flagged_named: true,
        keys_turn: true,
    },
    law: Law {
        once: true,
        verdicts: true,
    },
    refuge: true,
    answers: true,
};

#[test]
fn sizes() {
    let noise = |steps| Insider {
        steps,
        noise: true,
        splits: false,
        cuts: false,
    };
    let splits = |steps| Insider {
        steps,
        noise: false,
        splits: true,
        cuts: false,
    };
    let cuts = |steps| Insider {
        steps,
        noise: false,
        splits: false,
        cuts: true,
    };
    let race = Setup {
        acts: AB,
        messages: A,
        crashes: 1,
        ..DESIGN
    };
    let removal = Setup {
        insider: noise(2),
        messages: A,
        removal: true,
        turns: 1,
        ..DESIGN
    };
    let attack = Setup {
        insider: splits(2),
        messages: A,
        ..DESIGN
    };
    let split_cut = Setup {
        insider: splits(1),
        turns: 1,
        messages: A,
        ..DESIGN
    };
    let wrong = Setup {
        insider: cuts(2),
        messages: AB,
        ..DESIGN
    };
    for (n, s) in [
        (
            "race",
            Setup {
                crashes: 2,
                messages: AB,
                turns: 1,
                keyholders: AB,
                ..race
            },
        ),
        (
            "three",
            Setup {
                honest: ABC,
                acts: AB,
                messages: Set(4),
                turns: 1,
                crashes: 1,
                ..race
            },
        ),
        (
            "noise",
            Setup {
                acts: A,
                insider: noise(2),
                ..DESIGN
            },
        ),
        ("split_cut", split_cut),
        ("wrong", wrong),
        (
            "wrong+crash",
            Setup {
                crashes: 1,
                turns: 1,
                ..wrong
            },
        ),
        ("removal", removal),
        ("attack", attack),
        (
            "attack attested",
            Setup {
                forget: Forget::Attested,
                ..attack
            },
        ),
        ("attack cut", Setup { turns: 1, ..attack }),
        (
            "keyholder 1",
            Setup {
                insider: Insider {
                    steps: 1,
                    noise: true,
                    splits: true,
                    cuts: true,
                },
                ..DESIGN
            },
        ),
        (
            "M plain",
            Setup {
                relay: RelayRules {
                    plain_named: false,
                    ..DESIGN.relay
                },
                ..race
            },
        ),
        (
            "M flagged",
            Setup {
                relay: RelayRules {
                    flagged_named: false,
                    ..DESIGN.relay
                },
                ..race
            },
        ),
        (
            "M keys",
            Setup {
                relay: RelayRules {
                    keys_turn: false,
                    ..DESIGN.relay
                },
                ..removal
            },
        ),
        (
            "M once",
            Setup {
                law: Law {
                    once: false,
                    ..DESIGN.law
                },
                ..race
            },
        ),
        (
            "M verdicts",
            Setup {
                law: Law {
                    verdicts: false,
                    ..DESIGN.law
                },
                ..attack
            },
        ),
        (
            "M forget",
            Setup {
                forget: Forget::Acknowledged,
                ..attack
            },
        ),
        (
            "M refuge",
            Setup {
                refuge: false,
                ..split_cut
            },
        ),
        (
            "M answers",
            Setup {
                answers: false,
                ..wrong
            },
        ),
    ] {
        let f = explore(n, s);
        println!(
            "{:?}\n{:?}\n{:#?}\n{:#?}",
            f.violated, f.seen, f.locked_out.shortest, f.lost.shortest
        );
    }
}
