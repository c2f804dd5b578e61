//! Files beside messages: sent, listed, fetched. A file's number is the position of its message, the same for everybody.

use std::path::{Path, PathBuf};

use caucus_proto::id::Position;
use caucus_proto::org::Attachment;
use caucus_proto::wire::RelayAddress;
use serde::{Deserialize, Serialize};

use super::answer::Answer;
use super::app::{PATIENCE, Telling};
use super::find;
use super::forward::Files;
use super::membership::waiting_because;
use super::problem::{Code, Problem};
use super::view::room_name;
use crate::engine::{Engine, EngineError, Fate, FileError, Item, LiveRoom, Offer, Room, Wanted};
use crate::vault::Progress;

/// Most files in one answer, the newest.
const MOST: usize = 1_000;

/// Log records that are looked at in one go.
const PAGE: usize = 256;

/// What a name's ending says of what is in a file. Nobody else's word for it is taken, and nothing is opened by it.
const MEDIA: &[(&str, &str)] = &[
    ("csv", "text/csv"),
    ("doc", "application/msword"),
    (
        "docx",
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    ),
    ("flac", "audio/flac"),
    ("gif", "image/gif"),
    ("jpeg", "image/jpeg"),
    ("jpg", "image/jpeg"),
    ("json", "application/json"),
    ("md", "text/markdown"),
    ("mp3", "audio/mpeg"),
    ("mp4", "video/mp4"),
    ("odp", "application/vnd.oasis.opendocument.presentation"),
    ("ods", "application/vnd.oasis.opendocument.spreadsheet"),
    ("odt", "application/vnd.oasis.opendocument.text"),
    ("ogg", "audio/ogg"),
    ("pdf", "application/pdf"),
    ("png", "image/png"),
    (
        "pptx",
        "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    ),
    ("svg", "image/svg+xml"),
    ("tar", "application/x-tar"),
    ("txt", "text/plain"),
    ("webm", "video/webm"),
    ("webp", "image/webp"),
    (
        "xlsx",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ),
    ("zip", "application/zip"),
];

/// A file that a message names.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct AttachmentView {
    /// Its number: the position of its message.
    pub number: u64,
    /// Its name.
    pub name: String,
    /// Bytes.
    pub size: u64,
    /// What its name's ending says of it.
    pub media: String,
    /// Who sent it.
    pub by: Option<String>,
    /// When, by their clock, in minutes since 1970-01-01T00:00Z.
    pub time: Option<u64>,
    /// Until when the relay has it, by their clock, in minutes since 1970-01-01T00:00Z.
    pub expires: u64,
}

/// Sends a file.
pub(super) async fn send(
    engine: &Engine,
    room: &str,
    file: &str,
    text: String,
    telling: &Telling,
) -> Result<Answer, Problem> {
    let path = whole(file)?;
    let live = find::room(engine, room)?;
    let total = path.metadata().map_or(0, |known| known.len());
    let told = tell(telling, "sending", total);
    let offer = Offer { path, text };
    let (file, fate) = engine.send_file(&live, &offer, &told, PATIENCE).await?;
    Ok(match fate {
        Fate::Landed(position) => Answer::FileSent {
            room: room_name(&live.room()),
            number: position.0,
            name: file.name.to_string(),
            size: file.size,
            expires: file.expires.0,
        },
        Fate::Waits => Answer::Queued {
            waiting: live.room().unsent(),
            why: waiting_because(&live),
        },
    })
}

/// The files of a room, the oldest first.
pub(super) fn list(engine: &Engine, room: &str) -> Result<Answer, Problem> {
    let live = find::room(engine, room)?;
    let room = live.room();
    let mut files = Vec::new();
    let mut before = room.cursor().position.next();
    while files.len() < MOST {
        let page = room.shown_before(before, PAGE)?;
        let Some((first, _)) = page.first() else { break };
        before = *first;
        let found = page.iter().rev().filter_map(|(position, shown)| {
            let (file, _) = attached(shown.item())?;
            Some(view(*position, shown.name(), shown.time(), file))
        });
        files.extend(found);
        if before == Position(0) {
            break;
        }
    }
    files.truncate(MOST);
    files.reverse();
    Ok(Answer::Files {
        room: room_name(&room),
        files,
    })
}

/// Fetches a file: into a folder under its own name, or to a path.
pub(super) async fn get(
    engine: &Engine,
    room: &str,
    number: u64,
    to: &str,
    replace: bool,
    telling: &Telling,
) -> Result<Answer, Problem> {
    let live = find::room(engine, room)?;
    let file = wanted(&live.room(), number)?;
    fetch(engine, &live, (file, Vec::new()), (to, replace), telling).await
}

/// Fetches a file that goes with an announcement or a report: of those the one of this place, from 1.
pub(super) async fn get_of(
    engine: &Engine,
    live: &LiveRoom,
    ((files, relays), place): (Files, usize),
    (to, replace): (&str, bool),
    telling: &Telling,
) -> Result<Answer, Problem> {
    let wanted = place
        .checked_sub(1)
        .and_then(|place| files.into_iter().nth(place));
    let file = wanted.ok_or_else(|| EngineError::NotFound {
        what: "file that goes with it",
        name: place.to_string(),
    })?;
    fetch(engine, live, (file, relays), (to, replace), telling).await
}

async fn fetch(
    engine: &Engine,
    live: &LiveRoom,
    (file, relays): (Attachment, Vec<RelayAddress>),
    (to, replace): (&str, bool),
    telling: &Telling,
) -> Result<Answer, Problem> {
    let to = whole(to)?;
    let target = if to.is_dir() {
        // A name of this type is no path.
        to.join(file.name.as_str())
    } else {
        to
    };
    let told = tell(telling, "fetching", file.size);
    let (name, size) = (file.name.to_string(), file.size);
    let wanted = Wanted {
        file,
        relays,
        target,
        replace,
    };
    engine.fetch_file(live, &wanted, &told).await?;
    Ok(Answer::FileSaved {
        name,
        size,
        path: wanted.target.display().to_string(),
    })
}

/// What a message holds besides its text.
pub(super) fn attached(item: &Item) -> Option<(&Attachment, &str)> {
    match item {
        Item::Attached { text, file } => Some((file, text)),
        _ => None,
    }
}

/// A file's name and what was said with it, for whoever looks for either.
pub(super) fn named(file: &Attachment, text: &str) -> String {
    if text.is_empty() {
        return file.name.to_string();
    }
    format!("{} {text}", file.name)
}

/// A message with a file, in words.
pub(super) fn words(position: Position, file: &Attachment, text: &str) -> String {
    let named = format!("[file {}: {}, {}]", position.0, file.name, size(file.size));
    if text.is_empty() {
        return named;
    }
    format!("{named} {text}")
}

/// What a file looks like.
pub(super) fn view(
    position: Position,
    by: Option<&str>,
    time: Option<u64>,
    file: &Attachment,
) -> AttachmentView {
    AttachmentView {
        number: position.0,
        name: file.name.to_string(),
        size: file.size,
        media: media(file.name.as_str()).to_owned(),
        by: by.map(str::to_owned),
        time,
        expires: file.expires.0,
    }
}

/// `512 bytes`, `1.2 MiB`.
pub fn size(bytes: u64) -> String {
    const UNITS: [&str; 3] = ["KiB", "MiB", "GiB"];
    if bytes < 1024 {
        return format!("{bytes} byte{}", if bytes == 1 { "" } else { "s" });
    }
    let mut tenths = bytes.saturating_mul(10) / 1024;
    let mut unit = 0;
    // 1023.9 of one are shown as such, and never as 1024.0.
    while tenths >= 10_240 && unit + 1 < UNITS.len() {
        tenths /= 1024;
        unit += 1;
    }
    let name = UNITS.get(unit).copied().unwrap_or_default();
    format!("{}.{} {name}", tenths / 10, tenths % 10)
}

pub(super) fn wanted(room: &Room, number: u64) -> Result<Attachment, EngineError> {
    let found = room.shown_at(Position(number))?;
    let file = found.as_ref().and_then(|shown| attached(shown.item()));
    let file = file.map(|(file, _)| file.clone());
    file.ok_or_else(|| EngineError::NotFound {
        what: "file",
        name: number.to_string(),
    })
}

fn media(name: &str) -> &'static str {
    let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending);
    let known = MEDIA.iter().find(|(known, _)| known.eq_ignore_ascii_case(ending));
    known.map_or("application/octet-stream", |(_, media)| *media)
}

fn tell(telling: &Telling, what: &'static str, total: u64) -> impl Fn(u64) + Sync {
    let telling = telling.clone();
    move |done| {
        telling.send_replace(Some(Progress {
            what,
            done,
            total,
            bytes: true,
        }));
    }
}

/// The agent's current folder is not its asker's.
fn whole(path: &str) -> Result<PathBuf, Problem> {
    let path = Path::new(path);
    if path.is_absolute() {
        return Ok(path.to_owned());
    }
    Err(Problem::new(
        Code::BadInput,
        format!("{} is not a whole path", path.display()),
        "give the path from / on",
    ))
}

impl From<FileError> for Problem {
    fn from(error: FileError) -> Self {
        let message = match &error {
            FileError::TooLarge { size: bytes, limit } => {
                format!(
                    "the file has {}, and at most {} are sent",
                    size(*bytes),
                    size(*limit)
                )
            }
            FileError::NoRoom { size: bytes, limit } => {
                format!(
                    "the file has {}, and this relay takes at most {}",
                    size(*bytes),
                    size(*limit)
                )
            }
            error => error.to_string(),
        };
        let (code, next) = match &error {
            FileError::TooLarge { .. } => (
                Code::BadInput,
                "nothing was sent. Make it smaller, or send it in parts (`split -b 90M FILE`)",
            ),
            FileError::NoRoom { .. } => (
                Code::RelayRefused,
                "nothing was sent. Make it smaller, or ask whoever runs the relay to raise `channel_bytes`",
            ),
            FileError::Unreadable { .. } => (Code::BadInput, "give the path of a file that you may read"),
            FileError::Changed(_) => (Code::BadInput, "send it again when nobody writes to it"),
            FileError::Busy => (Code::BadInput, "wait until that is done"),
            FileError::Taken(_) => (
                Code::BadInput,
                "give another name with --to, or replace it with --force",
            ),
            FileError::PartTaken(_) => (
                Code::BadInput,
                "look at it, and remove it if nothing is lost by that; or give another name with --to",
            ),
            FileError::Unwritable { .. } => (
                Code::BadInput,
                "give another place with --to; what was fetched is kept and goes on",
            ),
            FileError::Gone => (
                Code::NotFound,
                "its time is over, or it was deleted: ask who sent it to send it again",
            ),
            FileError::Damaged { .. } | FileError::Different => (
                Code::RelayRefused,
                "ask who sent it to send it again, and tell whoever runs the relay",
            ),
            FileError::Missing { .. } => (
                Code::RelayRefused,
                "ask who sent it to send it again; what was fetched is kept",
            ),
            FileError::Unattested { .. } => (
                Code::RoomState,
                "wait until they have been online, then try again: a file from a history that only one person \
                 vouches for may be a trap",
            ),
        };
        Self::new(code, message, next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_told_in_their_unit() {
        let table = [
            (0, "0 bytes"),
            (1, "1 byte"),
            (1023, "1023 bytes"),
            (1024, "1.0 KiB"),
            (1_258_291, "1.1 MiB"),
            (1_258_292, "1.2 MiB"),
            (1024 * 1024 - 1, "1023.9 KiB"),
            (100 << 20, "100.0 MiB"),
            (5 << 30, "5.0 GiB"),
        ];
        for (bytes, words) in table {
            assert_eq!(size(bytes), words);
        }
    }

    #[test]
    fn a_media_type_is_guessed_from_the_ending_alone() {
        assert_eq!(media("minutes.PDF"), "application/pdf");
        assert_eq!(media("pdf"), "application/octet-stream");
        assert_eq!(media("a.pdf.exe"), "application/octet-stream");
    }

    #[test]
    fn the_endings_are_in_order() {
        assert!(MEDIA.is_sorted());
    }
}
