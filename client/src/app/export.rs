//! Exports: what a body decided, and who is in it, as Markdown and CSV with a signature that anybody checks without this
//! program (`docs/exports.md`). They are signed by a key of their own, which follows from the persona key and signs
//! nothing else.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use caucus_proto::id::{Minutes, PersonaId};
use caucus_proto::org::{Meeting, MeetingStage, Person, Proposal, Standing, State};
use data_encoding::BASE64;
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use serde::{Deserialize, Serialize};

use super::answer::Answer;
use super::intent::ExportWord;
use super::problem::{Code, Problem};
use super::{find, meetings, view};
use crate::calendar;
use crate::engine::{Engine, Room, aim, counted};

/// First bytes of an Ed25519 public key in its standard form (RFC 8410, section 4).
const SPKI: [u8; 12] = [
    0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00,
];

/// Name of the file that the key of a signature is in.
const KEY_FILE: &str = "signer.pem";

/// Largest file that is verified.
const LARGEST: u64 = 64 * 1024 * 1024;

/// A file to be written.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct FileView {
    /// Its name.
    pub name: String,
    /// What is in it, in Base64.
    pub content: String,
}

/// Makes the files of an export.
pub(super) fn export(
    engine: &Engine,
    body: &str,
    what: ExportWord,
    at: Option<Minutes>,
) -> Result<Answer, Problem> {
    let live = find::room(engine, body)?;
    let room = live.room();
    let at = at.filter(|at| *at < room.state().now());
    let (name, markdown, csv) = match what {
        ExportWord::Decisions => ("decisions", decisions(&room), decisions_csv(&room)),
        ExportWord::Roster => ("roster", roster(&room, at), roster_csv(&room, at)),
        ExportWord::Minutes => ("minutes", minutes(&room)?, minutes_csv(&room)),
    };
    let key = signing_key(&room);
    let public = key.verifying_key();
    let mut files = Vec::new();
    for (ending, mut text) in [("md", markdown), ("csv", csv)] {
        if ending == "md" {
            text.push_str(&colophon(&room, name, &public));
        }
        files.push(file(
            format!("{name}.{ending}.sig"),
            &key.sign(text.as_bytes()).to_bytes(),
        ));
        files.push(file(format!("{name}.{ending}"), text.as_bytes()));
    }
    files.push(file(KEY_FILE.to_owned(), pem(&public).as_bytes()));
    files.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(Answer::Exported {
        body: view::room_name(&room),
        files,
    })
}

fn file(name: String, content: &[u8]) -> FileView {
    FileView {
        name,
        content: BASE64.encode(content),
    }
}

fn signing_key(room: &Room) -> SigningKey {
    SigningKey::from_bytes(&room.export_seed())
}

fn pem(key: &VerifyingKey) -> String {
    let bytes = [SPKI.as_slice(), key.as_bytes()].concat();
    format!(
        "-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n",
        BASE64.encode(&bytes)
    )
}

fn from_pem(text: &str) -> Option<VerifyingKey> {
    let body: String = text.lines().filter(|line| !line.starts_with("-----")).collect();
    let bytes = BASE64.decode(body.as_bytes()).ok()?;
    let key = bytes.strip_prefix(SPKI.as_slice())?;
    VerifyingKey::from_bytes(key.try_into().ok()?).ok()
}

/// Checks the signature of a file, which lies beside it with its key. Gives the key as exports name it.
///
/// # Errors
/// `Problem`, with what is missing or wrong.
pub fn verify(path: &Path, key: Option<&Path>) -> Result<String, Problem> {
    let beside = |name: &str| {
        path.parent()
            .map_or_else(|| PathBuf::from(name), |folder| folder.join(name))
    };
    let mut signature = path.as_os_str().to_owned();
    signature.push(".sig");
    let key_file = key.map_or_else(|| beside(KEY_FILE), Path::to_path_buf);
    let content = read(path)?;
    let signature = read(Path::new(&signature))?;
    let key = String::from_utf8(read(&key_file)?)
        .ok()
        .and_then(|text| from_pem(&text));
    let wrong = |what: &str| {
        Problem::new(
            Code::BadInput,
            what,
            "ask whoever gave you the file for another copy of it, and of its .sig and signer.pem",
        )
    };
    let key = key.ok_or_else(|| wrong("signer.pem holds no Ed25519 key"))?;
    let signature = Signature::from_slice(&signature).map_err(|_| wrong("the .sig file is no signature"))?;
    key.verify_strict(&content, &signature)
        .map_err(|_| wrong("the signature does not fit: the file was changed, or another key signed it"))?;
    Ok(fingerprint(&key))
}

fn read(path: &Path) -> Result<Vec<u8>, Problem> {
    let refused = |why: String| {
        Problem::new(
            Code::BadInput,
            format!("{} cannot be read: {why}", path.display()),
            "an export is a file, its .sig and signer.pem in one folder",
        )
    };
    let size = std::fs::metadata(path)
        .map_err(|error| refused(error.to_string()))?
        .len();
    if size > LARGEST {
        return Err(refused(format!("it has more than {LARGEST} bytes")));
    }
    std::fs::read(path).map_err(|error| refused(error.to_string()))
}

/// By which people tell one key from another: the key itself, in Base32, in groups.
fn fingerprint(key: &VerifyingKey) -> String {
    let text = data_encoding::BASE32_NOPAD.encode(key.as_bytes()).to_lowercase();
    let groups: Vec<_> = text.as_bytes().chunks(4).map(String::from_utf8_lossy).collect();
    groups.join(" ")
}

/// What stands at the end of an export for people.
fn colophon(room: &Room, name: &str, key: &VerifyingKey) -> String {
    let state = room.state();
    format!(
        "\n---\n\nWritten by {}, of {}, as of {}. Key: `{}`.\n\nThe signature in `{name}.md.sig` is checked by\n\n    \
         openssl pkeyutl -verify -pubin -inkey {KEY_FILE} -rawin -in {name}.md -sigfile {name}.md.sig\n\nor by `caucus \
         verify-export {name}.md`. It shows who wrote this, and that nobody has changed it since.\n",
        markdown(&room.name_of(&room.me())),
        markdown(state.genesis.label.as_str()),
        day(state.now()),
        fingerprint(key)
    )
}

fn decided(state: &State) -> Vec<&Proposal> {
    let mut decided: Vec<_> = state
        .proposals
        .values()
        .filter(|proposal| proposal.decided().is_some())
        .collect();
    decided.sort_by_key(|proposal| proposal.number);
    decided
}

fn decisions(room: &Room) -> String {
    let state = room.state();
    let mut text = format!("# Decisions of {}\n", markdown(state.genesis.label.as_str()));
    if decided(state).is_empty() {
        text.push_str("\nNothing was decided, or it is not final yet.\n");
    }
    for proposal in decided(state) {
        let Some(decided) = proposal.decided() else {
            continue;
        };
        let closed = &decided.closed;
        let what = if closed.count.passed {
            "Decided"
        } else {
            "Not decided"
        };
        let _ = write!(
            text,
            "\n## {}. {}\n\n{}: {}.\n\n- Counts: {}\n- {what} on {}, final on {}, by {}\n",
            proposal.number,
            markdown(&proposal.title),
            capital(proposal.subject.word()),
            markdown(&aim(state, &proposal.subject)),
            counted(&closed.count),
            day(closed.at),
            day(decided.at),
            closed.poll.method.word(),
        );
        if closed.count.passed && !decided.carried {
            text.push_str("- It could not be carried out any more\n");
        }
        for chosen in chosen(room, proposal) {
            let _ = writeln!(text, "- Chosen: {}", markdown(&chosen));
        }
        if !proposal.text.is_empty() {
            let _ = write!(text, "\n{}\n", quoted(&proposal.text));
        }
        if let Some(outcome) = &decided.outcome {
            let review = outcome.review.map_or_else(String::new, |review| {
                format!(" To be looked at again on {}.", day(review))
            });
            let _ = write!(
                text,
                "\nOutcome, by {}:{review}\n\n{}\n",
                markdown(&room.name_of(&outcome.by)),
                quoted(&outcome.text)
            );
        }
    }
    text
}

fn chosen(room: &Room, proposal: &Proposal) -> Vec<String> {
    let Some(closed) = proposal.closed() else {
        return Vec::new();
    };
    let poll = &closed.poll;
    let option = |place: &u8| {
        let place = usize::from(*place);
        let person = poll.candidates.get(place).map(|id| room.name_of(id));
        person.or_else(|| poll.options.get(place).cloned())
    };
    closed.count.chosen.iter().filter_map(option).collect()
}

fn decisions_csv(room: &Room) -> String {
    let state = room.state();
    let head = [
        "number",
        "title",
        "kind",
        "proposed",
        "closed",
        "final",
        "method",
        "counts",
        "voters",
        "voted",
        "abstained",
        "passed",
        "carried",
        "chosen",
        "outcome",
        "review",
    ];
    let mut text = row(&head.map(str::to_owned));
    for proposal in decided(state) {
        let Some(decided) = proposal.decided() else {
            continue;
        };
        let (closed, count) = (&decided.closed, &decided.closed.count);
        let outcome = decided.outcome.as_ref();
        text.push_str(&row(&[
            proposal.number.to_string(),
            proposal.title.clone(),
            proposal.subject.word().to_owned(),
            day(proposal.at),
            day(closed.at),
            day(decided.at),
            closed.poll.method.word().to_owned(),
            counted(count),
            count.voters.to_string(),
            count.cast.to_string(),
            count.abstained.to_string(),
            count.passed.to_string(),
            decided.carried.to_string(),
            chosen(room, proposal).join("; "),
            outcome.map_or_else(String::new, |outcome| outcome.text.clone()),
            outcome
                .and_then(|outcome| outcome.review)
                .map_or_else(String::new, day),
        ]));
    }
    text
}

/// Meetings whose minutes are adopted, in order.
fn adopted(state: &State) -> Vec<&Meeting> {
    let is_adopted = |meeting: &&Meeting| meeting.stage == MeetingStage::Adopted;
    let mut meetings: Vec<_> = state.meetings.values().filter(is_adopted).collect();
    meetings.sort_by_key(|meeting| meeting.number);
    meetings
}

fn minutes(room: &Room) -> Result<String, Problem> {
    let state = room.state();
    let mut text = format!("# Minutes of {}\n", markdown(state.genesis.label.as_str()));
    for meeting in adopted(state) {
        let _ = write!(
            text,
            "\n## {}. {}\n\n{}\n",
            meeting.number,
            markdown(&meeting.title),
            held(room, meeting)
        );
        let words = meetings::text(room, meeting)?;
        let missing = "This device does not have the text any more.".to_owned();
        let _ = write!(text, "\n{}\n", quoted(&words.unwrap_or(missing)));
    }
    Ok(text)
}

/// When it was held, and by whom its minutes are adopted.
fn held(room: &Room, meeting: &Meeting) -> String {
    let names = |ids: &[PersonaId]| {
        ids.iter()
            .map(|id| markdown(&room.name_of(id)))
            .collect::<Vec<_>>()
            .join(", ")
    };
    let opened = meeting
        .opened
        .map_or_else(String::new, |opened| format!("Held on {}. ", day(opened.at)));
    let minutes = meeting.minutes.as_ref().map_or_else(String::new, |minutes| {
        format!(
            "Minutes by {}, adopted by {}.",
            names(&[minutes.by]),
            names(&minutes.adopted)
        )
    });
    format!("{opened}{minutes}")
}

fn minutes_csv(room: &Room) -> String {
    let state = room.state();
    let head = ["number", "title", "held", "by", "adopted by", "contested by"].map(str::to_owned);
    let mut text = row(&head);
    for meeting in adopted(state) {
        let Some(minutes) = &meeting.minutes else { continue };
        let names = |ids: &[PersonaId]| {
            ids.iter()
                .map(|id| room.name_of(id))
                .collect::<Vec<_>>()
                .join("; ")
        };
        text.push_str(&row(&[
            meeting.number.to_string(),
            meeting.title.clone(),
            meeting.opened.map_or_else(String::new, |opened| day(opened.at)),
            names(&[minutes.by]),
            names(&minutes.adopted),
            names(&minutes.contested),
        ]));
    }
    text
}

/// Lines of a roster: name, stage, since when, offices. Stage and offices are those of now, and nothing is said of them as of
/// another time.
fn lines(room: &Room, at: Option<Minutes>) -> Vec<[String; 4]> {
    let state = room.state();
    let is_of_body = |person: &Person| person.is_present() || person.is_outer() || person.is_awaited();
    let was = |person: &Person, at: Minutes| {
        let came = !matches!(
            person.standing,
            Standing::Applied { .. } | Standing::Admitted { .. }
        );
        came && person.joined <= at && person.left.is_none_or(|left| left > at)
    };
    let mut people: Vec<_> = (state.people.iter())
        .filter(|(_, person)| at.map_or_else(|| is_of_body(person), |at| was(person, at)))
        .collect();
    people.sort_by_key(|(_, person)| person.number);
    let line = |(persona, person): (&PersonaId, &Person)| {
        let held = |office| state.mandates(office).any(|mandate| mandate.holder == *persona);
        let offices: Vec<_> = (state.charter().offices())
            .filter(|(office, _)| at.is_none() && held(*office))
            .map(|(office, _)| state.charter().office_word(office))
            .collect();
        let stage = state.charter().sphere_word(person.sphere).as_str();
        [
            person.name.to_string(),
            if at.is_none() {
                stage.to_owned()
            } else {
                String::new()
            },
            day(person.joined),
            offices.join(", "),
        ]
    };
    people.into_iter().map(line).collect()
}

fn roster(room: &Room, at: Option<Minutes>) -> String {
    let state = room.state();
    let mut text = format!(
        "# Roster of {} on {}\n\n| Name | Stage | Since | Offices |\n| --- | --- | --- | --- |\n",
        markdown(state.genesis.label.as_str()),
        day(at.unwrap_or_else(|| state.now()))
    );
    for line in lines(room, at) {
        let _ = writeln!(text, "| {} |", line.map(|cell| markdown(&cell)).join(" | "));
    }
    text
}

fn roster_csv(room: &Room, at: Option<Minutes>) -> String {
    let head = ["name", "stage", "since", "offices"].map(str::to_owned);
    let rows = lines(room, at);
    [head].iter().chain(&rows).map(|cells| row(cells)).collect()
}

/// A line of CSV (RFC 4180). A cell that a spreadsheet would take for a formula gets an apostrophe before it.
#[must_use]
pub fn row(cells: &[String]) -> String {
    let cell = |text: &String| {
        let text: String = text
            .chars()
            .map(|c| if c.is_control() { ' ' } else { c })
            .collect();
        let is_number = text.parse::<i64>().is_ok();
        let guard = if text.starts_with(['=', '+', '-', '@']) && !is_number {
            "'"
        } else {
            ""
        };
        format!("\"{guard}{}\"", text.replace('"', "\"\""))
    };
    format!("{}\r\n", cells.iter().map(cell).collect::<Vec<_>>().join(","))
}

/// Somebody's words as words, whatever they look like.
fn markdown(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        if c.is_control() {
            out.push(' ');
            continue;
        }
        if c.is_ascii_punctuation() && !matches!(c, '.' | ',' | ':' | ';' | '?' | '\'' | '/' | '%') {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

fn quoted(text: &str) -> String {
    let lines: Vec<_> = text.lines().map(|line| format!("> {}", markdown(line))).collect();
    lines.join("\n")
}

fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters
        .next()
        .map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

fn day(minutes: Minutes) -> String {
    calendar::day(minutes.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_wrote_is_no_markup_and_no_formula() {
        assert_eq!(
            markdown("<b>*x*</b> [a](http://b)"),
            "\\<b\\>\\*x\\*\\</b\\> \\[a\\]\\(http://b\\)"
        );
        assert_eq!(markdown("a\u{1b}[31mb\nc"), "a \\[31mb c");
        assert_eq!(quoted("a\n# b"), "> a\n> \\# b");
        assert_eq!(
            row(&[
                "=1+1".to_owned(),
                "say \"hi\", you".to_owned(),
                "a\r\nb".to_owned()
            ]),
            "\"'=1+1\",\"say \"\"hi\"\", you\",\"a  b\"\r\n"
        );
    }

    #[test]
    fn a_key_in_its_standard_form_is_read_back() {
        let key = SigningKey::from_bytes(&[7; 32]).verifying_key();
        assert_eq!(from_pem(&pem(&key)), Some(key));
        assert_eq!(
            from_pem("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----"),
            None
        );
    }

    #[test]
    fn a_file_that_was_changed_does_not_verify() {
        let folder = tempfile::tempdir().unwrap();
        let (file, key) = (
            folder.path().join("decisions.md"),
            SigningKey::from_bytes(&[7; 32]),
        );
        std::fs::write(&file, "# Decisions").unwrap();
        assert!(
            verify(&file, None)
                .unwrap_err()
                .message
                .contains("cannot be read")
        );
        std::fs::write(
            folder.path().join("decisions.md.sig"),
            key.sign(b"# Decisions").to_bytes(),
        )
        .unwrap();
        std::fs::write(folder.path().join(KEY_FILE), pem(&key.verifying_key())).unwrap();
        assert_eq!(verify(&file, None).unwrap(), fingerprint(&key.verifying_key()));
        std::fs::write(&file, "# Decision").unwrap();
        assert!(verify(&file, None).unwrap_err().message.contains("does not fit"));
    }
}
