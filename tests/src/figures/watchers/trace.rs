//! What a trace of datagrams is reduced to: counts, coarse sizes, times.

use std::time::{Duration, Instant};

use crate::process::Passed;

/// Upper bounds of the classes of sizes: signs of life, requests, parts of an entry, a packet that holds an entry, more.
const SIZES: [usize; 6] = [64, 128, 256, 640, 1_240, usize::MAX];

/// From this size on a datagram carries something: acknowledgements and signs of life are smaller.
pub(super) const CARRIES: usize = 200;

/// What whoever sees these datagrams knows of them: for each direction how many, their bytes, how many of each size, the
/// first and the last that carry something; and from the first of all to the last.
pub(super) fn features(passed: &[Passed], began: Instant) -> Vec<f64> {
    let mut features = Vec::new();
    for up in [true, false] {
        let way: Vec<_> = passed.iter().filter(|one| one.up == up).collect();
        features.push(way.len() as f64);
        features.push(way.iter().map(|one| one.size).sum::<usize>() as f64);
        let mut least = 0;
        for most in SIZES {
            let class = way.iter().filter(|one| one.size > least && one.size <= most);
            features.push(class.count() as f64);
            least = most;
        }
        let mut carrying = way.iter().filter(|one| one.size >= CARRIES).map(|one| one.at);
        let first = carrying.next();
        let last = carrying.next_back().or(first);
        features.push(seconds(first.map(|at| at.saturating_duration_since(began))));
        features.push(seconds(
            last.zip(first)
                .map(|(last, first)| last.saturating_duration_since(first)),
        ));
    }
    let ends = passed
        .iter()
        .map(|one| one.at)
        .min()
        .zip(passed.iter().map(|one| one.at).max());
    features.push(seconds(
        ends.map(|(first, last)| last.saturating_duration_since(first)),
    ));
    features
}

/// Minus one for what there is none of.
fn seconds(time: Option<Duration>) -> f64 {
    time.map_or(-1.0, |time| time.as_secs_f64())
}

/// Bytes in each of so many windows, of datagrams that carry something in this direction.
pub(super) fn bursts(
    passed: &[Passed],
    up: bool,
    began: Instant,
    window: Duration,
    windows: usize,
) -> Vec<f64> {
    let mut bursts = vec![0.0; windows];
    for one in passed.iter().filter(|one| one.up == up && one.size >= CARRIES) {
        let at = one.at.saturating_duration_since(began).as_nanos() / window.as_nanos().max(1);
        if let Some(bytes) = usize::try_from(at).ok().and_then(|at| bursts.get_mut(at)) {
            *bytes += one.size as f64;
        }
    }
    bursts
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use super::*;

    fn passed(began: Instant, millis: u64, up: bool, size: usize) -> Passed {
        Passed {
            client: 0,
            from: IpAddr::V4(Ipv4Addr::LOCALHOST),
            at: began + Duration::from_millis(millis),
            up,
            size,
        }
    }

    #[test]
    fn a_trace_is_counts_bytes_sizes_and_times_by_direction() {
        let began = Instant::now();
        let trace = [
            passed(began, 0, true, 40),
            passed(began, 500, true, 1_200),
            passed(began, 1_500, true, 300),
            passed(began, 2_000, false, 1_300),
        ];
        let features = features(&trace, began);
        let up = [3.0, 1_540.0, 1.0, 0.0, 0.0, 1.0, 1.0, 0.0, 0.5, 1.0];
        let down = [1.0, 1_300.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 2.0, 0.0];
        assert_eq!(features, [up.as_slice(), &down, &[2.0]].concat());
    }

    #[test]
    fn of_nothing_there_is_nothing_and_as_many_features() {
        let began = Instant::now();
        let nothing = features(&[], began);
        assert_eq!(nothing.len(), features(&[passed(began, 0, true, 1)], began).len());
        assert_eq!(nothing.iter().filter(|feature| **feature < 0.0).count(), 5);
    }

    #[test]
    fn bursts_leave_out_what_carries_nothing_and_what_is_later() {
        let began = Instant::now();
        let trace = [
            passed(began, 10, true, 1_200),
            passed(began, 20, true, 1_000),
            passed(began, 110, true, 40),
            passed(began, 120, false, 1_200),
            passed(began, 250, true, 400),
            passed(began, 900, true, 400),
        ];
        let window = Duration::from_millis(100);
        assert_eq!(bursts(&trace, true, began, window, 3), [2_200.0, 0.0, 400.0]);
    }
}
