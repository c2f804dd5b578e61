//! The whole store as a tar archive, and back.
//!
//! ```text
//! format                as in the folder
//! log/<day>/<id>.log    the segments, up to the last acknowledged batch
//! end                   their number, and a hash of all their names and bytes
//! ```
//!
//! Indexes and heads are made from the log again. Times, owners and modes are not in it.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::FileExt;
use std::path::{Component, Path};
use std::sync::Arc;

use blake3::Hasher;
use serde::{Deserialize, Serialize};
use tar::{Archive, Builder, EntryType, Header};
use tokio::sync::OwnedRwLockReadGuard;

use crate::store::embedded::segment::Segment;
use crate::store::embedded::{Embedded, FORMAT, Options, disk};
use crate::store::{Export, StoreError, Usage};

/// Ends every archive.
const END: &str = "end";
/// Largest file of an archive that is no segment.
const SMALL: u64 = 4096;

/// The segments of a moment.
pub(super) struct Segments {
    pub(super) segments: Vec<(Arc<Segment>, u64)>,
    /// As long as it is held no day goes.
    pub(super) _stay: OwnedRwLockReadGuard<()>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct End {
    segments: u64,
    hash: String,
}

/// Why an archive does not become a store.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// There is a store already.
    #[error("there is a store in {0}")]
    Exists(String),
    /// It cannot be read.
    #[error("cannot read the archive: {0}")]
    Read(io::Error),
    /// It is none, or not whole.
    #[error("this is no whole export of a relay: {0}")]
    Broken(String),
    /// The store says no.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Export for Segments {
    fn write(self: Box<Self>, to: &mut dyn Write) -> io::Result<u64> {
        let mut counted = Counted { to, bytes: 0 };
        let mut archive = Builder::new(&mut counted);
        add(&mut archive, "format", format!("{FORMAT}\n").as_bytes())?;
        let mut hasher = Hasher::new();
        for (segment, end) in &self.segments {
            let name = format!("log/{}/{}.log", segment.day, segment.id);
            name_in(&mut hasher, &name, *end);
            let part = Part {
                segment,
                at: 0,
                end: *end,
                hasher: &mut hasher,
            };
            archive.append_data(&mut header(*end), &name, part)?;
        }
        let end = End {
            segments: self.segments.len() as u64,
            hash: hasher.finalize().to_string(),
        };
        add(&mut archive, END, serde_json::to_string(&end)?.as_bytes())?;
        archive.into_inner()?.flush()?;
        Ok(counted.bytes)
    }
}

fn name_in(hasher: &mut Hasher, name: &str, bytes: u64) {
    hasher.update(format!("{name}\n{bytes}\n").as_bytes());
}

fn header(bytes: u64) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(EntryType::Regular);
    header.set_size(bytes);
    header.set_mode(0o600);
    header
}

fn add<W: Write>(archive: &mut Builder<W>, name: &str, bytes: &[u8]) -> io::Result<()> {
    archive.append_data(&mut header(bytes.len() as u64), name, bytes)
}

struct Counted<'a> {
    to: &'a mut dyn Write,
    bytes: u64,
}

impl Write for Counted<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.to.write(bytes)?;
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

/// The beginning of a segment's file.
struct Part<'a> {
    segment: &'a Segment,
    at: u64,
    end: u64,
    hasher: &'a mut Hasher,
}

impl Read for Part<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.end - self.at).unwrap_or(usize::MAX);
        let most = most.min(into.len());
        let into = into.get_mut(..most).unwrap_or_default();
        let read = self.segment.file.read_at(into, self.at)?;
        if read == 0 && most > 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.hasher.update(into.get(..read).unwrap_or_default());
        self.at += read as u64;
        Ok(read)
    }
}

impl Embedded {
    /// Makes a store in a folder from an archive, and tells what is in it. The folder above must be there; nothing is
    /// there under this name unless the archive is whole and the store opens.
    ///
    /// # Errors
    /// `ImportError`; a store that is there stays as it is.
    pub async fn import(folder: &Path, from: impl Read, options: Options) -> Result<Usage, ImportError> {
        if folder.try_exists().unwrap_or(true) {
            return Err(ImportError::Exists(folder.display().to_string()));
        }
        let draft = folder.with_extension("import");
        // Of an import that was broken off.
        let _ = fs::remove_dir_all(&draft);
        let made = match unpack(&draft, from) {
            Ok(()) => Self::checked(&draft, options).await,
            Err(error) => Err(error),
        };
        let moved = made.and_then(|usage| {
            let moved = fs::rename(&draft, folder).map_err(|error| disk::failed("make", folder, &error));
            moved.and_then(|()| folder.parent().map_or(Ok(()), disk::sync_folder))?;
            Ok(usage)
        });
        if moved.is_err() {
            // What is left of it is of no use, and is taken away by the next one too.
            let _ = fs::remove_dir_all(&draft);
        }
        moved
    }

    async fn checked(draft: &Path, options: Options) -> Result<Usage, ImportError> {
        let store = Self::open(draft, options)?;
        let usage = crate::store::Store::usage(&store);
        crate::store::Store::close(&store).await?;
        Ok(usage)
    }
}

fn unpack(draft: &Path, from: impl Read) -> Result<(), ImportError> {
    disk::make_folder(draft)?;
    disk::make_folder(&draft.join("log"))?;
    let mut archive = Archive::new(from);
    let mut hasher = Hasher::new();
    let (mut segments, mut ended) = (0_u64, false);
    for entry in archive.entries().map_err(ImportError::Read)? {
        let mut entry = entry.map_err(ImportError::Read)?;
        let name = entry.path().map_err(ImportError::Read)?.into_owned();
        let name = name.to_str().unwrap_or_default().to_owned();
        let size = entry.size();
        let broken = || ImportError::Broken(format!("it holds {name:?}"));
        if entry.header().entry_type() != EntryType::Regular || ended {
            return Err(broken());
        }
        match name.as_str() {
            END if size <= SMALL => {
                let mut text = String::new();
                entry.read_to_string(&mut text).map_err(ImportError::Read)?;
                let end: End = serde_json::from_str(&text).map_err(|_| broken())?;
                if end.segments != segments || end.hash != hasher.finalize().to_string() {
                    return Err(ImportError::Broken("its hash is another".to_owned()));
                }
                ended = true;
            }
            "format" if size <= SMALL => {
                let mut text = Vec::new();
                entry.read_to_end(&mut text).map_err(ImportError::Read)?;
                write(&draft.join("format"), &mut text.as_slice(), &mut Hasher::new())?;
            }
            _ => {
                let day = day_of(&name).ok_or_else(broken)?;
                disk::make_folder(&draft.join("log").join(day.to_string()))?;
                name_in(&mut hasher, &name, size);
                write(&draft.join(&name), &mut entry, &mut hasher)?;
                segments += 1;
            }
        }
    }
    if ended {
        Ok(())
    } else {
        Err(ImportError::Broken("its end is missing".to_owned()))
    }
}

/// The day of a segment's name, if it is one.
fn day_of(name: &str) -> Option<u64> {
    let mut parts = Path::new(name).components();
    let mut part = || match parts.next() {
        Some(Component::Normal(part)) => part.to_str(),
        _ => None,
    };
    let (log, day, file) = (part()?, part()?, part()?);
    let id: u64 = file.strip_suffix(".log")?.parse().ok()?;
    let day: u64 = day.parse().ok()?;
    // Only the one form of each name: no sign, no zero before a number, nothing behind.
    (log == "log" && name == format!("log/{day}/{id}.log")).then_some(day)
}

fn write(path: &Path, from: &mut impl Read, hasher: &mut Hasher) -> Result<(), ImportError> {
    let broken = |error: &io::Error| disk::failed("write", path, error);
    let mut file: File = disk::open(path)?;
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let read = from.read(&mut buffer).map_err(ImportError::Read)?;
        let bytes = buffer.get(..read).unwrap_or_default();
        if bytes.is_empty() {
            break;
        }
        hasher.update(bytes);
        file.write_all(bytes).map_err(|error| broken(&error))?;
    }
    disk::blur(&file);
    file.sync_all().map_err(|error| broken(&error))?;
    path.parent().map_or(Ok(()), disk::sync_folder)?;
    Ok(())
}
