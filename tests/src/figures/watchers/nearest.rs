//! A yardstick: the k nearest neighbours of a sample say what it is, each sample judged by all others.

/// How many neighbours are asked.
const NEIGHBOURS: usize = 5;

/// Something that was observed, and what it was.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Sample {
    /// What it was, as a number.
    pub(super) class: usize,
    /// What was observed of it: as many numbers for each sample.
    pub(super) features: Vec<f64>,
}

/// What each sample is taken for by the others.
pub(super) fn guesses(samples: &[Sample]) -> Vec<usize> {
    let scaled = scaled(samples);
    let all = 0..samples.len();
    all.clone()
        .map(|one| {
            let others = all.clone().filter(|other| *other != one);
            let mut near: Vec<_> = others
                .map(|other| (distance(&scaled[one], &scaled[other]), samples[other].class))
                .collect();
            near.sort_by(|a, b| a.0.total_cmp(&b.0));
            near.truncate(NEIGHBOURS);
            most(&near)
        })
        .collect()
}

/// The class that most of them have; of those with as many, the one of the nearest.
fn most(near: &[(f64, usize)]) -> usize {
    let of = |class: usize| near.iter().filter(|(_, other)| *other == class).count();
    let mut best = near.first().map_or(0, |(_, class)| *class);
    for (_, class) in near {
        if of(*class) > of(best) {
            best = *class;
        }
    }
    best
}

fn distance(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum()
}

/// Every feature with a mean of 0 and a variance of 1, so that none counts for more because of its unit.
fn scaled(samples: &[Sample]) -> Vec<Vec<f64>> {
    let mut scaled: Vec<_> = samples.iter().map(|sample| sample.features.clone()).collect();
    let count = samples.len().max(1) as f64;
    for feature in 0..samples.first().map_or(0, |sample| sample.features.len()) {
        let mean = scaled.iter().map(|row| row[feature]).sum::<f64>() / count;
        let variance = scaled
            .iter()
            .map(|row| (row[feature] - mean).powi(2))
            .sum::<f64>()
            / count;
        for row in &mut scaled {
            // What is the same for all tells nothing.
            row[feature] = if variance > 0.0 {
                (row[feature] - mean) / variance.sqrt()
            } else {
                0.0
            };
        }
    }
    scaled
}

/// How often what was what is taken for what.
pub(super) struct Confusion {
    names: Vec<&'static str>,
    /// By what it was, then by what it was taken for.
    counts: Vec<Vec<usize>>,
}

impl Confusion {
    pub(super) fn of(names: &[&'static str], samples: &[Sample], guesses: &[usize]) -> Self {
        let mut counts = vec![vec![0; names.len()]; names.len()];
        for (sample, guess) in samples.iter().zip(guesses) {
            counts[sample.class][*guess] += 1;
        }
        Self {
            names: names.to_vec(),
            counts,
        }
    }

    /// The share that is guessed right.
    pub(super) fn accuracy(&self) -> f64 {
        let all: usize = self.counts.iter().flatten().sum();
        let right: usize = (0..self.names.len()).map(|class| self.counts[class][class]).sum();
        right as f64 / all.max(1) as f64
    }

    /// The share that is guessed right where classes that count as one are not told apart.
    pub(super) fn accuracy_of(&self, groups: &[usize]) -> f64 {
        let (mut right, mut all) = (0, 0);
        for (was, row) in self.counts.iter().enumerate() {
            for (taken, count) in row.iter().enumerate() {
                all += count;
                right += if groups[was] == groups[taken] { *count } else { 0 };
            }
        }
        right as f64 / all.max(1) as f64
    }

    /// The share that is guessed right of what is of these classes and taken for one of them.
    pub(super) fn accuracy_within(&self, classes: &[usize]) -> f64 {
        let (mut right, mut all) = (0, 0);
        for was in classes {
            right += self.counts[*was][*was];
            all += classes
                .iter()
                .map(|taken| self.counts[*was][*taken])
                .sum::<usize>();
        }
        right as f64 / all.max(1) as f64
    }

    /// What is guessed right how often, and for what it is taken most otherwise.
    pub(super) fn words(&self) -> String {
        let mut words = Vec::new();
        for (was, row) in self.counts.iter().enumerate() {
            let all: usize = row.iter().sum();
            let mut text = format!("{} {} of {all}", self.names[was], row[was]);
            let others = row.iter().enumerate().filter(|(taken, _)| *taken != was);
            if let Some((taken, count)) = others
                .max_by_key(|(_, count)| **count)
                .filter(|(_, count)| **count > 0)
            {
                text.push_str(&format!(" (else {} {count})", self.names[taken]));
            }
            words.push(text);
        }
        words.join(", ")
    }

    /// All of it, a row for what it was and a column for what it was taken for.
    pub(super) fn table(&self) -> String {
        let width = self.names.iter().map(|name| name.len()).max().unwrap_or(0) + 1;
        let mut text = format!("{:width$}", "");
        for name in &self.names {
            text.push_str(&format!("{name:>width$}"));
        }
        for (name, row) in self.names.iter().zip(&self.counts) {
            text.push_str(&format!("\n{name:width$}"));
            for count in row {
                text.push_str(&format!("{count:>width$}"));
            }
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(class: usize, features: &[f64]) -> Sample {
        Sample {
            class,
            features: features.to_vec(),
        }
    }

    #[test]
    fn what_lies_apart_is_told_apart_whatever_its_unit() {
        // The second feature tells, the first is noise in a unit a million times as large.
        let samples: Vec<_> = (0..40)
            .map(|n| {
                let class = n % 2;
                let noise = f64::from(n as u32 * 7 % 11) * 1e6;
                sample(class, &[noise, class as f64 * 1e-3, 5.0])
            })
            .collect();
        let guesses = guesses(&samples);
        let confusion = Confusion::of(&["a", "b"], &samples, &guesses);
        assert!((confusion.accuracy() - 1.0).abs() < 1e-9, "{}", confusion.table());
        assert_eq!(confusion.words(), "a 20 of 20, b 20 of 20");
    }

    #[test]
    fn what_is_alike_is_not_told_apart() {
        let mut state = 1_u64;
        let samples: Vec<_> = (0..400)
            .map(|n| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                sample(n % 4, &[(state >> 40) as f64])
            })
            .collect();
        let confusion = Confusion::of(&["a", "b", "c", "d"], &samples, &guesses(&samples));
        let accuracy = confusion.accuracy();
        assert!((0.15..0.35).contains(&accuracy), "{accuracy}");
        assert!((confusion.accuracy_of(&[0, 0, 0, 0]) - 1.0).abs() < 1e-9);
    }

    #[test]
    fn a_table_is_counted_whole_in_groups_and_in_part() {
        let samples: Vec<_> = [0, 0, 1, 1, 2].map(|class| sample(class, &[])).to_vec();
        let confusion = Confusion::of(&["a", "b", "c"], &samples, &[0, 1, 1, 2, 2]);
        let near = |share: f64, is: f64| (share - is).abs() < 1e-9;
        assert!(near(confusion.accuracy(), 0.6));
        assert!(near(confusion.accuracy_of(&[0, 0, 1]), 0.8));
        assert!(near(confusion.accuracy_within(&[0, 1]), 2.0 / 3.0));
        assert_eq!(
            confusion.words(),
            "a 1 of 2 (else b 1), b 1 of 2 (else c 1), c 1 of 1"
        );
    }

    #[test]
    fn no_sample_is_its_own_neighbour() {
        let samples = [
            sample(0, &[0.0]),
            sample(1, &[0.1]),
            sample(1, &[0.2]),
            sample(1, &[0.3]),
        ];
        assert_eq!(guesses(&samples)[0], 1);
    }

    #[test]
    fn where_as_many_say_each_the_nearest_says() {
        assert_eq!(most(&[(0.1, 3), (0.2, 1), (0.3, 1), (0.4, 3)]), 3);
        assert_eq!(most(&[(0.1, 3), (0.2, 1), (0.3, 1)]), 1);
    }
}
