//! One seed of the campaign: people talk, one more comes in, agents and the relay are killed; then it is calm.

use std::fmt;
use std::sync::atomic::Ordering;
use std::thread::Scope;
use std::time::{Duration, Instant, SystemTime};

use caucus_tests::process::{AgentProcess, PATIENCE, RelayProcess};
use serde_json::json;

use super::cell::{ask_in, await_settled, came_in, cell, log_of};
use super::chance::Chance;
use super::speaker::{Floor, fate, speak};
use super::verdict::{Fate, Said, Verdict, judge};

/// Within this time after everything runs again everybody has said one more text and read everything. A
/// connection to a dead relay counts as dead after ten seconds, and the machine is busy.
const SECONDS: Duration = Duration::from_secs(40);

/// How long is waited for a text to be stored before the next kill, so that it strikes under load.
const LOAD: Duration = Duration::from_secs(15);

/// How long is waited for a write to strike right after it.
const WRITE: Duration = Duration::from_millis(400);

/// What a seed came to.
#[derive(Default)]
pub struct Report {
    pub seed: u64,
    pub kills_of_relay: u64,
    pub kills_of_agents: u64,
    pub texts: u64,
    pub stored: u64,
    pub queued: u64,
    pub unanswered: u64,
    /// Said to an agent that was not unlocked yet, and refused.
    pub locked: u64,
    /// Entries that changed nothing, as the founder reads them: what landed twice was applied once.
    pub no_ops: u64,
    pub stuck: u64,
    /// The longest time from a restart until anybody's next text was stored.
    pub silence: Duration,
    /// The longest time from the end of the kills until everybody had said one more text.
    pub calm: Duration,
    pub took: Duration,
    pub verdict: Verdict,
}

impl Report {
    pub fn kills(&self) -> u64 {
        self.kills_of_relay + self.kills_of_agents
    }

    pub fn is_clean(&self) -> bool {
        self.stuck == 0 && self.verdict.wrong.is_empty()
    }

    /// Counts another seed in.
    pub fn add(&mut self, other: &Self) {
        self.kills_of_relay += other.kills_of_relay;
        self.kills_of_agents += other.kills_of_agents;
        self.texts += other.texts;
        self.stored += other.stored;
        self.queued += other.queued;
        self.unanswered += other.unanswered;
        self.locked += other.locked;
        self.no_ops += other.no_ops;
        self.stuck += other.stuck;
        self.silence = self.silence.max(other.silence);
        self.calm = self.calm.max(other.calm);
        self.verdict.lost += other.verdict.lost;
        self.verdict.doubled += other.verdict.doubled;
        self.verdict.out_of_order += other.verdict.out_of_order;
        self.verdict.answers_lost += other.verdict.answers_lost;
    }
}

impl fmt::Display for Report {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            to,
            "kills {} (relay {}, agents {}), texts {} (stored {}, queued {}, no answer {}; of these two stand {}; \
             locked {}), no-ops {}: lost {}, doubled {}, out of order {}, stuck {}; longest silence {:.1} s, calm after {:.1} s, {:.1} min",
            self.kills(),
            self.kills_of_relay,
            self.kills_of_agents,
            self.texts,
            self.stored,
            self.queued,
            self.unanswered,
            self.verdict.answers_lost,
            self.locked,
            self.no_ops,
            self.verdict.lost,
            self.verdict.doubled,
            self.verdict.out_of_order,
            self.stuck,
            self.silence.as_secs_f64(),
            self.calm.as_secs_f64(),
            self.took.as_secs_f64() / 60.0,
        )
    }
}

/// Plays a seed: so many people and one who comes later, so many kills.
pub fn play(seed: u64, names: &[&str], kills: u64) -> Report {
    let began = Instant::now();
    let folder = tempfile::tempdir().expect("a folder");
    let relay = RelayProcess::start(&folder.path().join("relay"));
    let (people, link) = cell(folder.path(), relay.address(), names);
    let late = AgentProcess::new("zoe", folder.path());
    let floor = Floor::default();
    let mut stage = Stage {
        chance: Chance::of(seed),
        relay,
        people,
        late_since: None,
        report: Report {
            seed,
            ..Report::default()
        },
    };
    let mut calm = Instant::now();
    let mut said = std::thread::scope(|scope| {
        let hush = Hush(&floor);
        let mut speakers = Vec::new();
        for person in &stage.people {
            speakers.push(begin(scope, person, seed, &floor));
        }
        stage.people.push(late);
        let comes = kills / 3;
        while stage.report.kills() < kills {
            if stage.report.kills() >= comes
                && let Some(speaker) = stage.let_in(&link, scope, &floor)
            {
                speakers.push(speaker);
            }
            stage.strike(&floor);
        }
        stage.all_run();
        calm = Instant::now();
        while stage.late_since.is_none() && calm.elapsed() < SECONDS {
            if let Some(speaker) = stage.let_in(&link, scope, &floor) {
                speakers.push(speaker);
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        drop(hush);
        speakers
            .into_iter()
            .flat_map(|speaker| speaker.join().expect("a speaker"))
            .collect::<Vec<Said>>()
    });
    stage.last_words(calm, &mut said);
    stage.account(&said);
    stage.report.took = began.elapsed();
    stage.report
}

/// Ends the talk, also where something panics: the scope waits for its speakers.
struct Hush<'a>(&'a Floor);

impl Drop for Hush<'_> {
    fn drop(&mut self) {
        self.0.calm.store(true, Ordering::SeqCst);
    }
}

type Speaker<'scope> = std::thread::ScopedJoinHandle<'scope, Vec<Said>>;

fn begin<'scope, 'env>(
    scope: &'scope Scope<'scope, 'env>,
    person: &AgentProcess,
    seed: u64,
    floor: &'scope Floor,
) -> Speaker<'scope> {
    let (name, home) = (person.name.clone(), person.home().to_owned());
    let own = name
        .bytes()
        .fold(seed, |mixed, byte| mixed.wrapping_mul(31) ^ u64::from(byte));
    scope.spawn(move || speak(&name, &home, Chance::of(own), floor))
}

struct Stage {
    chance: Chance,
    relay: RelayProcess,
    /// The last of them comes late.
    people: Vec<AgentProcess>,
    /// From where on the late one is in the room.
    late_since: Option<u64>,
    report: Report,
}

impl Stage {
    /// Brings the late one a step further in; gives a speaker once they are in.
    fn let_in<'scope, 'env>(
        &mut self,
        link: &str,
        scope: &'scope Scope<'scope, 'env>,
        floor: &'scope Floor,
    ) -> Option<Speaker<'scope>> {
        if self.late_since.is_some() {
            return None;
        }
        let (late, others) = self.people.split_last().expect("somebody");
        if let Some(since) = came_in(late) {
            self.late_since = Some(since);
            return Some(begin(scope, late, self.report.seed, floor));
        }
        let joins = late.try_ask(&json!({"do": "joins"})).ok()?;
        if joins["joins"].as_array().is_some_and(Vec::is_empty) {
            ask_in(late, link);
        }
        // Nobody waits yet, or the answer comes later: then it is asked again.
        let _ = others[0].try_ask(&json!({"do": "admit", "all": true}));
        None
    }

    /// Kills the relay, somebody's agent, or two at once; starts them again after a while.
    fn strike(&mut self, floor: &Floor) {
        if self.chance.one_in(3) {
            // Right on top of the one before.
            std::thread::sleep(Duration::from_millis(self.chance.below(60)));
        } else {
            let stored = floor.stored.load(Ordering::SeqCst);
            let start = Instant::now();
            while floor.stored.load(Ordering::SeqCst) == stored && start.elapsed() < LOAD {
                std::thread::sleep(Duration::from_millis(5));
            }
            self.report.silence = self.report.silence.max(start.elapsed());
            std::thread::sleep(Duration::from_millis(self.chance.below(500)));
        }
        let relay = self.chance.one_in(4);
        let agent = if relay && !self.chance.one_in(3) {
            None
        } else {
            Some(self.chance.below(self.people.len() as u64) as usize)
        };
        let aimed = self.chance.one_in(2);
        if relay {
            if aimed {
                let before = self.relay.entry_bytes();
                watch(|| self.relay.entry_bytes() > before);
            }
            self.relay.kill();
            self.report.kills_of_relay += 1;
        }
        if let Some(agent) = agent {
            if aimed && !relay {
                let vault = self.people[agent].home().join("vault.redb");
                let written = || std::fs::metadata(&vault).and_then(|found| found.modified()).ok();
                let before: Option<SystemTime> = written();
                watch(|| written() != before);
            }
            self.people[agent].kill();
            self.report.kills_of_agents += 1;
        }
        std::thread::sleep(Duration::from_millis(self.chance.below(400)));
        if let Some(agent) = agent {
            if self.chance.one_in(5) {
                let after = Duration::from_millis(self.chance.below(120));
                self.people[agent].start_and_kill(after);
                self.report.kills_of_agents += 1;
            }
            self.people[agent].start_again();
        }
        if relay {
            std::thread::sleep(Duration::from_millis(self.chance.below(600)));
            self.relay.start_again();
        }
    }

    fn all_run(&self) {
        assert!(self.relay.pid().is_some(), "the relay runs");
        assert!(self.people.iter().all(|person| person.pid().is_some()), "all run");
    }

    /// Everybody says one more text, at once.
    fn last_words(&mut self, calm: Instant, said: &mut Vec<Said>) {
        let start = Instant::now();
        let words: Vec<Said> = std::thread::scope(|scope| {
            let threads: Vec<_> = self
                .people
                .iter()
                .map(|person| scope.spawn(move || last_word(person, start)))
                .collect();
            threads
                .into_iter()
                .map(|thread| thread.join().expect("a thread"))
                .collect()
        });
        self.report.calm = calm.elapsed();
        for word in words {
            if !matches!(word.fate, Fate::Stored(_)) {
                self.report.stuck += 1;
                let why = format!("{} could not say one more text: {:?}", word.author, word.fate);
                self.report.verdict.wrong.push(why);
            }
            said.push(word);
        }
        if let Err(how) = await_settled(&self.people.iter().collect::<Vec<_>>(), SECONDS) {
            self.report.stuck += 1;
            self.report
                .verdict
                .wrong
                .push(format!("not everybody came so far:\n{how}"));
        }
    }

    fn account(&mut self, said: &[Said]) {
        let late = self.people.len() - 1;
        let mut logs = Vec::new();
        for (number, person) in self.people.iter().enumerate() {
            let since = if number == late {
                self.late_since.unwrap_or(u64::MAX - 1)
            } else {
                0
            };
            let (log, no_ops) = log_of(person, since);
            if number == 0 {
                self.report.no_ops = no_ops;
            }
            logs.push(log);
        }
        let count = |is: fn(&Fate) -> bool| said.iter().filter(|text| is(&text.fate)).count() as u64;
        self.report.texts = said.len() as u64;
        self.report.stored = count(|fate| matches!(fate, Fate::Stored(_)));
        self.report.queued = count(|fate| matches!(fate, Fate::Queued));
        self.report.unanswered = count(|fate| matches!(fate, Fate::Unanswered | Fate::Silence));
        self.report.locked = count(|fate| matches!(fate, Fate::Refused(code) if is_shut(code)));
        let silent = count(|fate| matches!(fate, Fate::Silence));
        let found = judge(said, &logs);
        let mut wrong = std::mem::take(&mut self.report.verdict.wrong);
        if silent > 0 {
            self.report.stuck += silent;
            wrong.push(format!("{silent} texts were not answered by an agent that lived"));
        }
        // Where the door was closed, the texts were never in anybody's hands.
        let refused: Vec<&Said> = said
            .iter()
            .filter(
                |text| matches!(&text.fate, Fate::Refused(code) if code != "locked" && code != "no_vault"),
            )
            .collect();
        if !refused.is_empty() {
            self.report.stuck += refused.len() as u64;
            wrong.push(format!("refused: {refused:?}"));
        }
        wrong.extend(found.wrong.iter().cloned());
        self.report.verdict = Verdict { wrong, ..found };
    }
}

fn is_shut(code: &str) -> bool {
    code == "locked"
}

fn watch(seen: impl Fn() -> bool) {
    let start = Instant::now();
    while !seen() && start.elapsed() < WRITE {
        std::thread::sleep(Duration::from_micros(100));
    }
}

/// Says it, and waits until it is read in the log where it was only queued.
fn last_word(person: &AgentProcess, start: Instant) -> Said {
    let mut word = Said {
        author: person.name.clone(),
        text: format!("the last word of {}", person.name),
        burst: u64::MAX,
        fate: Fate::Unanswered,
    };
    let heard = person.line().map_err(Into::into).and_then(|mut line| {
        line.ask(
            &json!({"do": "say", "room": "North", "text": word.text}),
            PATIENCE,
        )
    });
    word.fate = match heard {
        Ok(answer) => fate(&json!({"ok": answer})),
        Err(caucus_tests::process::Unanswered::Refused(error)) => fate(&json!({"error": error})),
        Err(caucus_tests::process::Unanswered::Silent(_)) => Fate::Silence,
    };
    if word.fate == Fate::Queued {
        let came = person.until(SECONDS.saturating_sub(start.elapsed()), |person| {
            let (log, _) = log_of(person, 0);
            log.said
                .iter()
                .find(|(_, (_, text))| *text == word.text)
                .map(|(position, _)| *position)
        });
        if let Some(position) = came {
            word.fate = Fate::Stored(position);
        }
    }
    word
}
