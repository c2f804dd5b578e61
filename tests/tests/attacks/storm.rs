//! Case R-08: an established client that turns keys, moves about, floods with ids, paths and pings, and acknowledges
//! what was never sent.

use std::time::{Duration, Instant};

use caucus_tests::attack::raw::{Heard, Raw, integer, parameters, stream};
use caucus_tests::attack::{Siege, long};

use super::place;

const PATIENCE: Duration = Duration::from_secs(10);

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Storm {
    KeyUpdates,
    PathChallenges,
    NewIds,
    RetiredIds,
    OptimisticAcks,
    UnsentAcks,
    Moves,
    Pings,
    StreamResets,
}

impl Storm {
    const ALL: [Self; 9] = [
        Self::KeyUpdates,
        Self::PathChallenges,
        Self::NewIds,
        Self::RetiredIds,
        Self::OptimisticAcks,
        Self::UnsentAcks,
        Self::Moves,
        Self::Pings,
        Self::StreamResets,
    ];

    /// One step of it.
    fn rage(self, raw: &mut Raw, step: u64) {
        let frames = match self {
            Self::KeyUpdates => {
                raw.turn_keys();
                vec![1]
            }
            Self::PathChallenges => (0..100)
                .flat_map(|_| [vec![0x1a], step.to_be_bytes().to_vec()].concat())
                .collect(),
            Self::NewIds => {
                let mut id = [7; 8];
                id.copy_from_slice(&step.to_be_bytes());
                [
                    vec![0x18],
                    integer(step + 1),
                    integer(step),
                    vec![8],
                    id.to_vec(),
                    vec![9; 16],
                ]
                .concat()
            }
            Self::RetiredIds => [vec![0x19], integer(step)].concat(),
            Self::OptimisticAcks => [vec![2], integer(step + 3), vec![0, 0], integer(step + 3)].concat(),
            Self::UnsentAcks => [vec![2], integer((1 << 30) + step), vec![0, 0, 0]].concat(),
            Self::Moves => {
                raw.move_to(place(step as usize)).expect("a socket");
                vec![1]
            }
            Self::Pings => vec![1; 1_100],
            Self::StreamResets => {
                let id = (step % 70 + 1) * 4;
                [
                    stream(id, 0, &[0]),
                    vec![4],
                    integer(id),
                    vec![0],
                    integer(1),
                    vec![5],
                    integer(id),
                    vec![0],
                ]
                .concat()
            }
        };
        raw.send(&frames).expect("it is sent");
    }
}

#[test]
fn key_turns_moves_and_floods_of_ids_paths_and_acknowledgements_are_ignored_or_end_the_connection() {
    let lasts = if long() {
        Duration::from_secs(600)
    } else {
        Duration::from_millis(1_500)
    };
    for storm in Storm::ALL {
        let siege = Siege::with("");
        let ((steps, connections, codes), toll) = siege.endure(|| {
            let begun = Instant::now();
            let (mut steps, mut connections) = (0_u64, 0);
            let mut codes = std::collections::BTreeSet::new();
            while begun.elapsed() < lasts {
                let raw = Raw::connect(
                    &siege.address(),
                    place(connections),
                    parameters(90_000, 9_000),
                    PATIENCE,
                );
                let Ok(mut raw) = raw else { continue };
                if raw.greet(PATIENCE).is_err() {
                    continue;
                }
                connections += 1;
                let mut step = 0;
                while begun.elapsed() < lasts && !raw.is_closed() && step < 5_000 {
                    storm.rage(&mut raw, step);
                    step += 1;
                    steps += 1;
                    if step % 8 == 0 {
                        raw.hear(Duration::from_millis(1)).expect("a socket");
                    }
                    raw.heard
                        .retain(|heard| matches!(heard, Heard::Closed { .. } | Heard::Token));
                    assert!(!raw.heard.contains(&Heard::Token));
                }
                codes.extend(raw.heard.iter().filter_map(|heard| match heard {
                    Heard::Closed { code, .. } => Some(*code),
                    _ => None,
                }));
            }
            (steps, connections, codes)
        });
        let share = toll.cpu.0.as_secs_f64() / toll.cpu.1.as_secs_f64();
        println!(
            "R-08 {storm:?}: {steps} steps on {connections} connections, closed with {codes:x?}, CPU {share:.2} of a core; {toll}"
        );
        assert!(share < 1.0, "{storm:?}");
        assert!(toll.memory.1 - toll.memory.0 < 64.0, "{storm:?}: {toll}");
        toll.is_bearable(256.0);
    }
}
