//! Case P-12: the time that a comparison takes tells nothing of where it failed. After dudect (Reparaz, Balasch,
//! Verbauwhede 2017): two classes in random order, the slowest tenth left out, Welch's t.
//!
//! Only with `CAUCUS_LONG=1`: a loaded machine makes any wall clock lie.

use std::hint::black_box;
use std::time::Instant;

use x25519_dalek::{PublicKey, StaticSecret};

use crate::envelope::{AccessSecret, open_bytes, seal_bytes};
use crate::id::{ChannelId, Counter};
use crate::wire::Role;
use crate::wire::proof::{Binding, Pass, Proof, Purpose};

/// Of samples as large as this a leak of a nanosecond would show.
const BOUND: f64 = 4.5;

fn welch(samples: [Vec<f64>; 2]) -> f64 {
    let mut all: Vec<_> = samples.iter().flatten().copied().collect();
    all.sort_by(f64::total_cmp);
    let most = all[all.len() * 9 / 10];
    let [one, other] = samples.map(|sample| {
        let kept: Vec<_> = sample.into_iter().filter(|time| *time <= most).collect();
        let count = kept.len() as f64;
        let mean = kept.iter().sum::<f64>() / count;
        let variance = kept.iter().map(|time| (time - mean).powi(2)).sum::<f64>() / (count - 1.0);
        (mean, variance / count)
    });
    (one.0 - other.0) / (one.1 + other.1).sqrt()
}

/// Times both classes in turns that chance decides.
fn timed(count: usize, mut work: impl FnMut(usize)) -> f64 {
    let mut samples = [Vec::with_capacity(count), Vec::with_capacity(count)];
    let mut chance = 0x9e37_79b9_7f4a_7c15_u64;
    for _ in 0..2 * count {
        chance ^= chance << 13;
        chance ^= chance >> 7;
        chance ^= chance << 17;
        let class = (chance >> 40) as usize & 1;
        let begun = Instant::now();
        work(class);
        samples[class].push(begun.elapsed().as_nanos() as f64);
    }
    welch(samples)
}

#[test]
fn the_statistic_finds_a_difference_that_there_is() {
    // One class does twice the work; in the ordinary run, too, for the rest relies on it.
    let t = timed(2_000, |class| {
        for round in 0..(200 + 200 * class) {
            black_box(round);
        }
    });
    assert!(t.abs() > BOUND, "{t}");
}

#[test]
fn the_time_of_a_comparison_tells_nothing_of_where_it_failed() {
    if std::env::var_os("CAUCUS_LONG").is_none_or(|long| long != "1") {
        return;
    }
    let secret = StaticSecret::from([3; 32]);
    let relay = StaticSecret::from([4; 32]);
    let channel = ChannelId([5; 32]);
    let binding = Binding {
        relay_key: PublicKey::from(&relay).to_bytes(),
        exporter: [6; 32],
    };
    let purpose = Purpose::Open(Role::Append);
    let right = Proof::make(&secret, &channel, purpose, &binding).unwrap();
    let key = PublicKey::from(&secret).to_bytes();
    let wrong = [0, 31].map(|place| {
        let mut wrong = right;
        wrong.0[place] ^= 1;
        wrong
    });
    let t = timed(100_000, |class| {
        black_box(wrong[class].holds(&relay, &key, &channel, purpose, &binding));
    });
    assert!(t.abs() < BOUND, "proofs: {t}");

    let pass = Pass::mint(&[7; 32], 20_000, [8; 16]);
    let passes = [0, 15].map(|place| {
        let mut wrong = pass;
        wrong.mac[place] ^= 1;
        wrong
    });
    let t = timed(1_000_000, |class| {
        black_box(passes[class].is_of(&[7; 32]));
    });
    assert!(t.abs() < BOUND, "passes: {t}");

    let key = AccessSecret::from_bytes([9; 32]).envelope_key();
    let sealed = seal_bytes(&key, &channel, Counter(1), [1; 24], b"words").unwrap();
    let forged = [sealed.len() - 16, sealed.len() - 1].map(|place| {
        let mut forged = sealed.clone();
        forged[place] ^= 1;
        forged
    });
    let t = timed(500_000, |class| {
        black_box(open_bytes(&key, &channel, Counter(1), &forged[class]).is_ok());
    });
    assert!(t.abs() < BOUND, "entries, by the byte of the tag: {t}");
    // A body that was changed is refused by its tag before anything of it is looked at.
    let changed = [24, sealed.len() - 17].map(|place| {
        let mut changed = sealed.clone();
        changed[place] ^= 1;
        changed
    });
    let t = timed(500_000, |class| {
        black_box(open_bytes(&key, &channel, Counter(1), &changed[class]).is_ok());
    });
    assert!(t.abs() < BOUND, "entries, by the byte of the body: {t}");
}
