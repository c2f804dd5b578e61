//! Which connections are one person's, for a relay that sees no addresses: many people behind one VPN, each isolated and in
//! some rooms. Times at which connections come and go are drawn as the client draws them. The relay knows the program: how
//! likely every distance in time is between two connections of one person, and between those of two. It takes for each
//! connection the other one that is most likely of the same person.

use caucus_client::engine::{APART_MS, PARTING_MS};
use caucus_client::relay::Backoff;
use caucus_server::relay::drain::back_in_ms;

use super::percent;
use crate::figures::Figure;
use crate::net::Draw;

const PEOPLE: usize = 1_000;
const ROOMS: usize = 3;

const SECOND: u64 = 1_000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;

/// Crowds from which the relay learns what is likely.
const LESSONS: u64 = 10;

/// How an isolated person's connections come and go.
#[derive(Clone, Copy)]
struct Manner {
    /// Milliseconds before each, at least and at most.
    apart: (u64, u64),
    /// One after the other; else all wait beside each other.
    row: bool,
    /// Milliseconds within which they part.
    parting: u64,
}

/// What the client does.
const CLIENT: Manner = Manner {
    apart: APART_MS,
    row: true,
    parting: PARTING_MS,
};

/// When people come.
#[derive(Clone, Copy)]
enum Coming {
    /// Each at some moment of so many milliseconds.
    Within(u64),
    /// All at once, as the relay tells them that it is started again.
    Restart,
}

/// An evening.
const EVENING: Coming = Coming::Within(4 * HOUR);

/// Somebody has called them.
const CALLED: Coming = Coming::Within(10 * MINUTE);

/// What the relay has seen of a connection.
#[derive(Clone, Copy)]
enum Seen {
    /// It came, and stands.
    Came,
    /// It came and went.
    CameAndWent,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Seat {
    person: usize,
    came: u64,
    went: u64,
}

/// Figures of what the client does, and of what it could do instead.
pub(super) fn measure() -> Vec<Figure> {
    let pairs = PEOPLE * ROOMS - 1;
    let chance = (ROOMS - 1) as f64 / pairs as f64;
    let how = format!(
        "a simulation of {PEOPLE} people in {ROOMS} rooms each, isolated, with the client's times, without addresses: to how \
         many connections the relay finds one of the same person; by chance {:.2} %",
        chance * 100.0
    );
    let cases = [
        ("come within 4 hours", EVENING, Seen::Came),
        ("come and gone within 4 hours", EVENING, Seen::CameAndWent),
        ("come within 10 minutes", CALLED, Seen::Came),
        (
            "come within 10 minutes, gone in 4 hours",
            CALLED,
            Seen::CameAndWent,
        ),
        ("come within a minute", Coming::Within(MINUTE), Seen::Came),
        ("come after a restart", Coming::Restart, Seen::Came),
        (
            "come after a restart, gone in 4 hours",
            Coming::Restart,
            Seen::CameAndWent,
        ),
    ];
    let mut figures: Vec<_> = cases
        .iter()
        .map(|(what, coming, seen)| {
            percent(
                &format!("one person's, {what}"),
                linked(CLIENT, *coming, *seen),
                &how,
            )
        })
        .collect();
    let late = Manner {
        parting: 10 * MINUTE,
        ..CLIENT
    };
    let beside = Manner {
        apart: (0, 12 * SECOND),
        row: false,
        ..CLIENT
    };
    let both = Manner {
        apart: (0, MINUTE),
        row: false,
        parting: 10 * MINUTE,
    };
    for (name, manner) in [
        ("parting within 10 minutes", late),
        ("each within 12 s, no row", beside),
        ("each within a minute, no row, parting within 10", both),
    ] {
        let how = format!("the same, if the client did what it does not: {name}");
        figures.extend(cases.iter().map(|(what, coming, seen)| {
            percent(&format!("{name}: {what}"), linked(manner, *coming, *seen), &how)
        }));
    }
    figures.push(percent(
        "strangers' back within half a second",
        strangers_within(APART_MS.0),
        "two connections of two people that the relay ends at once, and that are back less than half a second apart; one \
         person's never are, which a relay that does so a few times can tell",
    ));
    figures
}

/// The share of connections to which the relay finds one of the same person.
fn linked(manner: Manner, coming: Coming, seen: Seen) -> f64 {
    let lessons: Vec<_> = (1..=LESSONS)
        .map(|lesson| crowd(&mut Draw::part(13, lesson), manner, coming))
        .collect();
    let likely = Likely::learnt(&lessons, manner, seen);
    found(&crowd(&mut Draw::part(13, 0), manner, coming), |a, b| {
        likely.score(a, b)
    })
}

/// The share of connections whose best other one is of the same person; where several are the best, one is drawn.
fn found(seats: &[Seat], score: impl Fn(&Seat, &Seat) -> f64) -> f64 {
    let mut sum = 0.0;
    for (number, one) in seats.iter().enumerate() {
        let (mut best, mut right, mut all) = (f64::NEG_INFINITY, 0.0, 0.0);
        for (_, other) in seats.iter().enumerate().filter(|(other, _)| *other != number) {
            let score = score(one, other);
            if score > best {
                (best, right, all) = (score, 0.0, 0.0);
            }
            if score >= best {
                all += 1.0;
                right += f64::from(u8::from(one.person == other.person));
            }
        }
        sum += if all > 0.0 { right / all } else { 0.0 };
    }
    sum / seats.len().max(1) as f64
}

/// All connections of all people, as they come and go.
fn crowd(draw: &mut Draw, manner: Manner, coming: Coming) -> Vec<Seat> {
    let mut seats = Vec::new();
    for person in 0..PEOPLE {
        let round_trip = draw.between(20, 200);
        let start = match coming {
            Coming::Within(span) => draw.below(span),
            Coming::Restart => 0,
        };
        let mut wanted = [start; ROOMS];
        if matches!(coming, Coming::Restart) {
            wanted = wanted.map(|_| back(draw));
            wanted.sort_unstable();
        }
        let left = start + draw.between(5 * MINUTE, 4 * HOUR);
        // Until then whoever is before in the row is at it.
        let mut free = 0;
        for wanted in wanted {
            let begins = if manner.row { wanted.max(free) } else { wanted };
            let dialled = begins + manner.apart.0 + draw.below(manner.apart.1 - manner.apart.0);
            // The handshake, and the greeting.
            free = dialled + 2 * round_trip;
            seats.push(Seat {
                person,
                came: dialled + round_trip / 2,
                went: left + draw.below(manner.parting).max(1),
            });
        }
    }
    seats
}

/// Milliseconds after which a room looks for its connection again, when a relay full of this crowd is started anew.
fn back(draw: &mut Draw) -> u64 {
    let told = back_in_ms(PEOPLE * ROOMS, draw.number());
    let pause = Backoff::default().failed(draw.number(), Some(told));
    u64::try_from(pause.as_millis()).unwrap_or(u64::MAX)
}

/// How often two people's connections that end at once are back within so many milliseconds of each other.
fn strangers_within(span: u64) -> f64 {
    const PAIRS: usize = 100_000;
    let mut draw = Draw::part(13, 99);
    let mut back = || {
        let pause = Backoff::default().failed(draw.number(), None);
        let pause = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX);
        pause + APART_MS.0 + draw.below(APART_MS.1 - APART_MS.0)
    };
    let near = (0..PAIRS).filter(|_| back().abs_diff(back()) < span).count();
    near as f64 / PAIRS as f64
}

/// How much likelier a distance in time is between two of one person than between two of two, as a logarithm.
struct Likely {
    came: Ratios,
    went: Ratios,
    seen: Seen,
}

/// The same for one of the two times, by classes of distances.
struct Ratios {
    /// Milliseconds of a class.
    step: u64,
    of: Vec<f64>,
}

const STEPS: usize = 400;

impl Likely {
    fn learnt(crowds: &[Vec<Seat>], manner: Manner, seen: Seen) -> Self {
        let (mut own, mut others) = (Vec::new(), Vec::new());
        for seats in crowds {
            for (number, one) in seats.iter().enumerate() {
                let person = &seats[one.person * ROOMS..(one.person + 1) * ROOMS];
                own.extend(
                    person
                        .iter()
                        .filter(|other| *other != one)
                        .map(|other| (*one, *other)),
                );
                // Some strangers stand for all.
                others.extend((1..40).filter_map(|turn| {
                    let other = seats[(number + turn * 71) % seats.len()];
                    (other.person != one.person).then_some((*one, other))
                }));
            }
        }
        let (coming, going) = (manner.apart.1 * ROOMS as u64, manner.parting);
        Self {
            came: Ratios::learnt(&own, &others, coming, |seat| seat.came),
            went: Ratios::learnt(&own, &others, going, |seat| seat.went),
            seen,
        }
    }

    fn score(&self, a: &Seat, b: &Seat) -> f64 {
        let came = self.came.at(a.came, b.came);
        match self.seen {
            Seen::Came => came,
            Seen::CameAndWent => came + self.went.at(a.went, b.went),
        }
    }
}

impl Ratios {
    /// From pairs of one person's and of two people's, whose own distances are hardly longer than `longest`.
    fn learnt(
        own: &[(Seat, Seat)],
        others: &[(Seat, Seat)],
        longest: u64,
        time: impl Fn(&Seat) -> u64,
    ) -> Self {
        let mut ratios = Self {
            step: (longest / (STEPS as u64 / 2)).max(20),
            of: Vec::new(),
        };
        // What was never seen of one person is as good as impossible; of strangers it is only rare.
        let shares = |pairs: &[(Seat, Seat)], unseen: f64| {
            let mut shares = vec![unseen; STEPS + 1];
            for (a, b) in pairs {
                shares[ratios.class(time(a), time(b))] += 1.0;
            }
            let all: f64 = shares.iter().sum();
            shares.iter().map(|share| share / all).collect::<Vec<f64>>()
        };
        let (own, others) = (shares(own, 1e-3), shares(others, 0.5));
        ratios.of = own
            .iter()
            .zip(others)
            .map(|(own, other)| (own / other).ln())
            .collect();
        ratios
    }

    fn class(&self, a: u64, b: u64) -> usize {
        usize::try_from(a.abs_diff(b) / self.step).map_or(STEPS, |class| class.min(STEPS))
    }

    fn at(&self, a: u64, b: u64) -> f64 {
        self.of[self.class(a, b)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seat(person: usize, came: u64) -> Seat {
        Seat {
            person,
            came,
            went: 0,
        }
    }

    fn near(a: &Seat, b: &Seat) -> f64 {
        -(a.came.abs_diff(b.came) as f64)
    }

    #[test]
    fn people_who_come_far_apart_are_all_found_and_those_who_come_as_one_by_chance() {
        let apart: Vec<_> = (0..30)
            .map(|n| seat(n / 3, (n as u64 / 3) * HOUR + n as u64))
            .collect();
        assert!((found(&apart, near) - 1.0).abs() < 1e-9);
        let as_one: Vec<_> = (0..30).map(|n| seat(n / 3, 7)).collect();
        assert!((found(&as_one, near) - 2.0 / 29.0).abs() < 1e-9);
        let crossed = [seat(0, 0), seat(1, 1), seat(0, 100), seat(1, 101)];
        assert!(found(&crossed, near).abs() < 1e-9);
    }

    #[test]
    fn connections_of_a_crowd_keep_the_clients_distances() {
        let seats = crowd(&mut Draw::of(1), CLIENT, Coming::Within(HOUR));
        assert_eq!(seats.len(), PEOPLE * ROOMS);
        for person in seats.chunks(ROOMS) {
            for two in person.windows(2) {
                let apart = two[1].came - two[0].came;
                assert!(apart >= APART_MS.0 && apart < APART_MS.1 + 400, "{apart}");
                assert!(two[0].went.abs_diff(two[1].went) < PARTING_MS);
            }
        }
    }

    #[test]
    fn what_is_learnt_favours_distances_that_one_person_has() {
        let lessons = [crowd(&mut Draw::of(2), CLIENT, Coming::Within(HOUR))];
        let likely = Likely::learnt(&lessons, CLIENT, Seen::Came);
        let score = |came| likely.score(&seat(0, 0), &seat(1, came));
        assert!(score(2_000) > 0.0, "as one person's");
        assert!(score(100) < 0.0, "one person's are never so near");
        assert!(score(5 * MINUTE) < 0.0, "nor so far");
    }
}
