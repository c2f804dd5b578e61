//! A charter as the interpreter knows it: numbers and words, and what makes them rules that a body can live by.

use caucus_proto::org::Office;

use crate::net::Draw;

/// A part of a whole; `more` asks for more than that.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Part {
    pub(super) part: u16,
    pub(super) of: u16,
    pub(super) more: bool,
}

/// Of what a part is: of votes for and against, of all ballots, of all who may vote.
#[derive(Clone, Copy, PartialEq, PartialOrd, Debug)]
pub(super) enum Whole {
    Votes,
    Ballots,
    Everybody,
}

/// How one kind of matter is decided.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Rule {
    pub(super) stage: u8,
    pub(super) accepted: bool,
    pub(super) threshold: Part,
    pub(super) whole: Whole,
    pub(super) quorum: Part,
    pub(super) days: u64,
}

/// An office.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Post {
    pub(super) office: Office,
    pub(super) seats: usize,
    pub(super) days: u64,
    pub(super) stage: u8,
    pub(super) powers: Vec<&'static str>,
    pub(super) elected: bool,
    pub(super) terms: u16,
}

#[derive(Clone, PartialEq, Debug)]
pub(super) struct Rules {
    pub(super) absent: usize,
    /// Members and cadre; otherwise members alone.
    pub(super) two_stages: bool,
    pub(super) admission_words: usize,
    pub(super) word_days: u64,
    pub(super) words_a_month: usize,
    pub(super) cadre_words: usize,
    pub(super) cadre_days: u64,
    pub(super) accept_days: u64,
    pub(super) review_days: u64,
    pub(super) replace_words: usize,
    pub(super) replace_days: u64,
    pub(super) support: usize,
    pub(super) grace: u64,
    pub(super) leavers: bool,
    pub(super) suspended: bool,
    pub(super) silent: u64,
    pub(super) light: bool,
    /// Relays that it names.
    pub(super) relays: usize,
    pub(super) words: Rule,
    pub(super) people: Rule,
    pub(super) rules: Rule,
    /// In the order of the offices; the caretaker's and the keyholders' come first.
    pub(super) posts: Vec<Post>,
}

/// What no body lives without.
pub(super) const VITAL: [&str; 6] = ["admit", "remove", "keys", "floor", "promote", "principles"];

impl Part {
    const fn of(part: u16, of: u16, more: bool) -> Self {
        Self { part, of, more }
    }

    /// Whether `have` of `all` is that much.
    pub(super) fn is_met(self, have: usize, all: usize) -> bool {
        let (have, want) = (have * usize::from(self.of), all * usize::from(self.part));
        have > want || (have == want && !self.more)
    }

    /// The same of all who may vote: nobody waits for those who may be away, but always for more than half.
    pub(super) fn is_met_by_all(self, have: usize, all: usize, absent: usize) -> bool {
        self.is_met(have, all) || (have + absent >= all && have * 2 > all)
    }

    /// As a number that grows with what is asked.
    fn weight(self) -> u32 {
        u32::from(self.part) * 1_000_000 / u32::from(self.of) * 2 + u32::from(self.more)
    }

    fn most(self, other: Self) -> Self {
        if self.weight() < other.weight() {
            other
        } else {
            self
        }
    }
}

impl Rule {
    fn is_sound(&self) -> bool {
        let (half, most) = (Part::of(1, 2, false), Part::of(9, 10, false));
        (half.weight()..=most.weight()).contains(&self.threshold.weight())
            && self.quorum.weight() <= most.weight()
            && self.days <= 365
    }

    /// At least what both ask.
    pub(super) fn at_least(&self, other: &Self) -> Self {
        Self {
            threshold: self.threshold.most(other.threshold),
            quorum: self.quorum.most(other.quorum),
            whole: if other.whole > self.whole {
                other.whole
            } else {
                self.whole
            },
            ..*self
        }
    }
}

impl Rules {
    /// What bodies begin with: by a secretary who goes round, who is elected, without any, and with offices of more seats.
    pub(super) fn founding(which: u64) -> Self {
        let rule = |threshold, quorum, days| Rule {
            stage: 1,
            accepted: false,
            threshold,
            whole: Whole::Votes,
            quorum,
            days,
        };
        let (half, third) = (Part::of(1, 2, true), Part::of(1, 3, false));
        let mut rules = Self {
            absent: 1,
            two_stages: true,
            admission_words: 2,
            word_days: 2,
            words_a_month: 3,
            cadre_words: 1,
            cadre_days: 3,
            accept_days: 14,
            review_days: 30,
            replace_words: 2,
            replace_days: 1,
            support: 2,
            grace: 2,
            leavers: true,
            suspended: false,
            silent: 7,
            light: true,
            relays: 2,
            words: rule(half, Part::of(1, 5, false), 0),
            people: rule(half, third, 1),
            rules: rule(Part::of(2, 3, false), third, 1),
            posts: vec![caretaker(), keyholder()],
        };
        match which % 4 {
            0 => {}
            1 => {
                rules.posts.push(secretary(30, false));
                rules.posts.push(post(Office::Treasurer, 1, 5, &[], true, 2));
                rules.posts.push(post(Office::Teller, 1, 10, &["tell"], false, 0));
            }
            2 => {
                rules.posts.push(secretary(5, true));
                rules
                    .posts
                    .push(post(Office::Facilitator, 1, 3, &["facilitate"], false, 0));
                rules.posts.push(post(Office::Delegate, 2, 4, &[], true, 1));
            }
            _ => {
                (rules.leavers, rules.suspended, rules.light) = (false, true, false);
                rules.relays = 0;
                rules.words.whole = Whole::Ballots;
                rules.people.accepted = true;
                rules.rules.whole = Whole::Everybody;
                rules.rules.stage = 2;
                // At first only the founder is cadre.
                (rules.posts[1].days, rules.posts[1].stage) = (20, 2);
                let mut two = secretary(10, false);
                (two.seats, two.stage) = (2, 2);
                rules.posts.push(two);
                rules
                    .posts
                    .push(post(Office::Facilitator, 2, 4, &["facilitate", "poll"], false, 0));
            }
        }
        rules
    }

    pub(super) fn post(&self, office: Office) -> Option<&Post> {
        self.posts.iter().find(|post| post.office == office)
    }

    /// Other rules, most of which a body could live by.
    pub(super) fn changed(&self, draw: &mut Draw) -> Self {
        let mut other = self.clone();
        for _ in 0..=draw.below(2) {
            other.change(draw);
        }
        other
    }

    fn change(&mut self, draw: &mut Draw) {
        let part = |draw: &mut Draw| {
            let (part, of) = *draw.one(&[(1, 2), (3, 5), (2, 3), (3, 4), (9, 10), (2, 5)]);
            Part::of(part, of, draw.percent(30))
        };
        match draw.below(25) {
            0 => self.absent = draw.below(5) as usize,
            1 => self.admission_words = draw.below(4) as usize,
            2 => self.word_days = draw.below(4),
            3 => self.words_a_month = draw.below(6) as usize,
            4 => (self.cadre_words, self.cadre_days) = (draw.below(3) as usize, draw.below(4)),
            5 => self.accept_days = draw.below(20),
            6 => self.review_days = draw.below(20),
            7 => (self.replace_words, self.replace_days) = (draw.below(3) as usize, draw.below(3)),
            8 => self.support = draw.below(5) as usize,
            9 => self.grace = draw.below(6),
            10 => self.leavers = !self.leavers,
            11 => self.suspended = !self.suspended,
            12 => self.silent = draw.between(6, 12),
            13 => self.light = !self.light,
            14..=17 => {
                let threshold = part(draw);
                let quorum = if draw.percent(5) {
                    Part::of(1, 1, false)
                } else {
                    Part::of(draw.below(4) as u16, 4, false)
                };
                let rule = Rule {
                    stage: draw.between(1, 2) as u8,
                    accepted: draw.percent(30),
                    threshold,
                    whole: *draw.one(&[Whole::Votes, Whole::Ballots, Whole::Everybody]),
                    quorum,
                    days: draw.below(3),
                };
                *match draw.below(3) {
                    0 => &mut self.words,
                    1 => &mut self.people,
                    _ => &mut self.rules,
                } = rule;
            }
            18 => self.two_stages = draw.percent(50),
            24 => self.relays = draw.below(6) as usize,
            19 | 20 => {
                let which = draw.below(self.posts.len() as u64) as usize;
                let post = &mut self.posts[which];
                match draw.below(6) {
                    0 => post.seats = draw.below(4) as usize,
                    1 => post.days = draw.below(8),
                    2 => post.stage = draw.between(1, 2) as u8,
                    3 => (post.elected, post.terms) = (!post.elected, draw.below(3) as u16),
                    4 => drop(post.powers.pop()),
                    _ => post.powers.push(*draw.one(&["poll", "tell", "keys", "remove"])),
                }
            }
            21 => {
                let office = *draw.one(&[Office::Secretary, Office::Treasurer, Office::Facilitator]);
                self.posts.retain(|post| post.office != office);
            }
            _ => {
                let elected = draw.percent(50);
                let new = match draw.below(4) {
                    0 | 1 => secretary(draw.between(2, 10), elected),
                    2 => post(Office::Treasurer, 1, 3, &["poll"], elected, u16::from(elected)),
                    _ => post(Office::Facilitator, 2, 3, &["facilitate"], elected, 0),
                };
                self.posts.retain(|post| post.office != new.office);
                self.posts.push(new);
                self.posts.sort_by_key(|post| post.office);
            }
        }
    }

    /// Whether a body could live by them, in the words of charters.
    pub(super) fn are_livable(&self) -> bool {
        let numbers = self.words_a_month >= 1
            && self.accept_days >= 1
            && self.review_days >= 1
            && self.replace_words >= 1
            && self.silent >= 7
            && self.relays <= 4
            && [self.words, self.people, self.rules].iter().all(Rule::is_sound);
        // A stage that is named is one that there is.
        let stages = self.two_stages
            || (self.posts.iter().all(|post| post.stage == 1)
                && [self.words, self.people, self.rules]
                    .iter()
                    .all(|rule| rule.stage == 1));
        let post = |post: &Post| {
            let fixed = matches!(post.office, Office::Caretaker | Office::Keyholder);
            let holds = |power| post.powers.contains(&power);
            let keys = post.office == Office::Keyholder;
            post.seats >= if keys { 2 } else { 1 }
                && (keys || post.days >= 1)
                && (post.elected || post.terms == 0)
                && !(fixed && post.elected)
                && (keys || !holds("keys"))
                && !(keys && holds("remove"))
        };
        numbers && stages && self.posts.iter().all(post) && self.powers_lie_in_enough_hands()
    }

    fn powers_lie_in_enough_hands(&self) -> bool {
        let secretary = self.post(Office::Secretary);
        let caretaker = self.post(Office::Caretaker).unwrap();
        // Whoever stands in for the secretary may what the secretary may.
        let stands_in =
            secretary.is_none_or(|post| post.powers.iter().all(|power| caretaker.powers.contains(power)));
        let hands = |power: &'static str, counts: &dyn Fn(&Post) -> bool| -> usize {
            let able = |post: &&Post| counts(post) && post.powers.contains(&power);
            // Whoever is in two offices counts once.
            let seats = self.posts.iter().filter(able).map(|post| post.seats);
            seats.max().unwrap_or(0)
        };
        let at_first = |post: &Post| matches!(post.office, Office::Caretaker | Office::Keyholder);
        let later = |post: &Post| match post.office {
            Office::Caretaker => secretary.is_none(),
            Office::Keyholder | Office::Secretary => true,
            _ => !post.elected,
        };
        let enough = |power: &'static str| {
            let least = match power {
                "admit" | "keys" => self.absent + 1,
                _ => 1,
            };
            hands(power, &at_first) >= least && hands(power, &later) >= least
        };
        stands_in && VITAL.iter().all(|power| enough(power))
    }
}

fn post(office: Office, seats: usize, days: u64, powers: &[&'static str], elected: bool, terms: u16) -> Post {
    Post {
        office,
        seats,
        days,
        stage: 1,
        powers: powers.to_vec(),
        elected,
        terms,
    }
}

fn caretaker() -> Post {
    let powers = [
        "admit",
        "remove",
        "floor",
        "promote",
        "principles",
        "poll",
        "facilitate",
        "tell",
    ];
    post(Office::Caretaker, 1, 90, &powers, false, 0)
}

fn keyholder() -> Post {
    post(Office::Keyholder, 2, 0, &["keys", "admit"], false, 0)
}

fn secretary(days: u64, elected: bool) -> Post {
    let powers = ["admit", "remove", "floor", "promote", "principles", "poll"];
    post(Office::Secretary, 1, days, &powers, elected, u16::from(elected))
}
