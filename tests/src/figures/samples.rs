//! Many measurements of the same thing.

use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;

/// Where the measurements lie.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub struct Spread {
    /// How many.
    pub n: u64,
    /// The least.
    pub least: f64,
    /// The median.
    pub p50: f64,
    /// Nine tenths are not above it.
    pub p90: f64,
    /// Ninety-nine hundredths are not above it.
    pub p99: f64,
    /// The most.
    pub most: f64,
}

/// Times, to a thousandth of themselves and at least a microsecond.
pub(crate) struct Times(Histogram<u64>);

impl Times {
    pub(crate) fn new() -> Self {
        Self(Histogram::new(3).expect("three digits"))
    }

    pub(crate) fn add(&mut self, time: Duration) {
        let micros = u64::try_from(time.as_micros()).expect("less than an age");
        self.0.record(micros.max(1)).expect("it grows");
    }

    pub(crate) fn join(&mut self, other: &Self) {
        self.0.add(&other.0).expect("it grows");
    }

    pub(crate) fn milliseconds(&self) -> Spread {
        self.spread(1e3)
    }

    pub(crate) fn seconds(&self) -> Spread {
        self.spread(1e6)
    }

    fn spread(&self, micros: f64) -> Spread {
        let at = |quantile: f64| self.0.value_at_quantile(quantile) as f64 / micros;
        Spread {
            n: self.0.len(),
            least: self.0.min() as f64 / micros,
            p50: at(0.5),
            p90: at(0.9),
            p99: at(0.99),
            most: self.0.max() as f64 / micros,
        }
    }
}

/// The middle of some values, the upper one of two; no number of none.
pub(crate) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_median_is_the_one_in_the_middle() {
        let mut times = Times::new();
        for millis in [9, 1, 2, 3, 500] {
            times.add(Duration::from_millis(millis));
        }
        let spread = times.milliseconds();
        assert_eq!(spread.n, 5);
        assert!((spread.p50 - 3.0).abs() < 0.01, "{spread:?}");
        assert!((spread.most - 500.0).abs() < 1.0, "{spread:?}");
    }
}
