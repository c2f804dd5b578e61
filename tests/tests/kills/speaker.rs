//! Somebody who says numbered texts in bursts, whatever happens to their agent, and keeps what they were answered.

use std::collections::HashMap;
use std::io::ErrorKind;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use caucus_tests::process::Line;
use serde_json::{Value, json};

use super::chance::Chance;
use super::verdict::{Fate, Said};

/// An agent that lives and says nothing for so long is stuck. `say` itself is answered after five seconds.
const SILENCE: Duration = Duration::from_secs(25);

/// What speakers and the one who kills share.
#[derive(Default)]
pub struct Floor {
    /// No more is to be said.
    pub calm: AtomicBool,
    /// Texts that were answered "stored".
    pub stored: AtomicU64,
}

/// Speaks until calm.
pub fn speak(name: &str, home: &Path, mut chance: Chance, floor: &Floor) -> Vec<Said> {
    let mut said = Vec::new();
    let mut line = None;
    let mut burst = 0;
    while !floor.calm.load(Ordering::SeqCst) {
        let Some(open) = line.as_mut() else {
            line = Line::to(home).ok();
            if line.is_none() {
                std::thread::sleep(Duration::from_millis(15));
            }
            continue;
        };
        burst += 1;
        if !one_burst(name, burst, 1 + chance.below(6), open, &mut said, floor) {
            line = None;
        }
        let refused = said
            .last()
            .is_some_and(|last| matches!(last.fate, Fate::Refused(_)));
        let pause = if refused { 40 } else { 10 + chance.below(150) };
        std::thread::sleep(Duration::from_millis(pause));
    }
    said
}

/// Says some texts at once and hears the answers; false if the agent is gone.
fn one_burst(
    name: &str,
    burst: u64,
    texts: u64,
    line: &mut Line,
    said: &mut Vec<Said>,
    floor: &Floor,
) -> bool {
    let mut open = HashMap::new();
    let mut whole = true;
    for _ in 0..texts {
        let number = said.len();
        let text = format!("{name} says {number}");
        let sent = line.send(&json!({"do": "say", "room": "North", "text": text}));
        said.push(Said {
            author: name.to_owned(),
            text,
            burst,
            fate: Fate::Unanswered,
        });
        match sent {
            Ok(id) => open.insert(id, number),
            Err(_) => {
                whole = false;
                break;
            }
        };
    }
    while !open.is_empty() {
        let heard = match line.hear(SILENCE) {
            Ok(heard) => heard,
            Err(error) => {
                if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) {
                    for number in open.values() {
                        said[*number].fate = Fate::Silence;
                    }
                }
                return false;
            }
        };
        let Some(number) = heard["id"].as_u64().and_then(|id| open.remove(&id)) else {
            continue;
        };
        said[number].fate = fate(&heard);
        if matches!(said[number].fate, Fate::Stored(_)) {
            floor.stored.fetch_add(1, Ordering::SeqCst);
        }
    }
    whole
}

/// What an answer to `say` means.
pub fn fate(heard: &Value) -> Fate {
    let answer = &heard["ok"];
    match (answer["is"].as_str(), answer["position"].as_u64()) {
        (Some("stored"), Some(position)) => Fate::Stored(position),
        (Some("queued"), _) => Fate::Queued,
        _ => Fate::Refused(heard["error"]["code"].as_str().unwrap_or("?").to_owned()),
    }
}
