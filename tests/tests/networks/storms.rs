//! The campaign: storms by seed, and each seed that once failed.

use std::time::{Duration, Instant};

use caucus_tests::net::{Account, Storm, Weather, World, admitted, storm};
use tokio::time::sleep;

use super::{long, virtually};

const HALF_AN_HOUR: Duration = Duration::from_secs(30 * 60);

fn storms(seeds: impl IntoIterator<Item = u64>, length: Duration) {
    let mut sum = Account::default();
    let mut happened = Storm::default();
    let begun = Instant::now();
    for seed in seeds {
        let one = Instant::now();
        let (account, storm) = virtually(storm(seed, length));
        if !account.is_clean() || long() || std::env::var_os("CAUCUS_SHOW").is_some() {
            println!(
                "seed {seed}: {account}; {storm:?}; {:.1} s",
                one.elapsed().as_secs_f64()
            );
        }
        if !account.is_clean() {
            println!("{}", account.faults[..account.faults.len().min(5)].join("\n"));
        }
        sum.add(account);
        happened.add(&storm);
    }
    println!("{sum}");
    println!(
        "{happened:?}; {:.1} s of real time",
        begun.elapsed().as_secs_f64()
    );
    assert!(sum.is_clean(), "{sum}\n{}", sum.faults.join("\n"));
}

#[test]
fn in_every_storm_what_was_acknowledged_reaches_everybody_once_and_in_one_order() {
    storms(1..=2, HALF_AN_HOUR);
}

/// Seeds of storms that once failed, one a line, with what failed.
const CORPUS: &str = include_str!("seeds.txt");
/// Of them so many run every time, the latest first.
const EVERY_TIME: usize = 2;

#[test]
fn no_storm_that_once_failed_fails_again() {
    let seeds: Vec<u64> = CORPUS
        .lines()
        .filter_map(|line| line.split_whitespace().next()?.parse().ok())
        .collect();
    assert!(!seeds.is_empty(), "the corpus is not read");
    let count = if long() { seeds.len() } else { EVERY_TIME };
    storms(seeds.into_iter().rev().take(count), HALF_AN_HOUR);
}

/// What the corpus failed by, without chance: whoever admits waits five and a half seconds for each answer of the relay.
#[test]
fn whoever_is_admitted_over_a_slow_way_comes_in() {
    virtually(async {
        let world = World::new(1).await;
        let people = world.cell(&["ana", "ben"]).await;
        let link = people[0].invite("North", 1).await;
        let cem = world.stranger("cem").await;
        cem.join(&link).await;
        let slow = Duration::from_millis(2_700);
        for person in &people {
            world.fabric.weather(
                person.device,
                Weather {
                    near: slow,
                    far: slow,
                    ..Weather::CALM
                },
            );
        }
        admitted(&people[0], &cem, Duration::from_secs(1_800)).await;
    });
}

/// What later seeds of the corpus failed by: a look into the log takes longer than anybody thought, over a way that
/// loses almost half of what is sent and is never silent for long, and calm when it is too late.
#[test]
fn whoever_is_let_in_over_a_way_that_loses_half_comes_in() {
    for seed in 0..20 {
        virtually(async {
            let world = World::new(seed).await;
            // Nobody but ana greets: a second greeting would be a second look.
            let people = world.cell(&["ana"]).await;
            let link = people[0].invite("North", 1).await;
            let cem = world.stranger("cem").await;
            cem.join(&link).await;
            let weather = async {
                world.fabric.weather(cem.device, Weather::rough(45));
                sleep(Duration::from_secs(150)).await;
                world.fabric.weather(cem.device, Weather::CALM);
            };
            let comes_in = admitted(&people[0], &cem, Duration::from_secs(1_800));
            let ((), ()) = tokio::join!(weather, comes_in);
        });
    }
}

/// Seeds from the environment, to look at.
#[test]
fn the_storm_that_is_asked_for() {
    let asked = std::env::var("CAUCUS_SEED").unwrap_or_default();
    let seeds: Vec<u64> = asked
        .split_whitespace()
        .filter_map(|seed| seed.parse().ok())
        .collect();
    storms(seeds, HALF_AN_HOUR);
}

#[test]
fn two_hundred_storms_of_half_an_hour_lose_nothing() {
    if long() {
        storms(1_000..1_200, HALF_AN_HOUR);
    }
}
