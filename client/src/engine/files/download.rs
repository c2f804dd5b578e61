//! Fetches a file, and goes on with one that broke off. Each chunk is verified as it comes, what was kept is verified
//! again, and the whole at the end, before the file gets its name.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use caucus_proto::id::Position;
use caucus_proto::org::Attachment;
use caucus_proto::wire::{Entry, RefusedBecause, RelayAddress, Role, Served};
use serde::{Deserialize, Serialize};
use tokio::task::JoinHandle;

use super::chunk::{self, Digest, Sheet};
use super::part::Part;
use super::upload::blocking;
use super::{AT_ONCE, FileError, NOTED_EVERY_MS, Told};
use crate::engine::engine::Engine;
use crate::engine::errand::Errand;
use crate::engine::error::EngineError;
use crate::engine::live::LiveRoom;
use crate::engine::relay::patiently;
use crate::relay::{Connection, LinkError};
use crate::vault::{Overlay, Place, Table};

/// Entries that may be read for each chunk: those that were sent twice, and no endless stream of them.
const READ_AGAIN: u64 = 4;

/// What is wanted.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// As the message names it.
    pub file: Attachment,
    /// The relays where it may lie, if those are not the room's.
    pub relays: Vec<RelayAddress>,
    /// The whole path that it gets.
    pub target: PathBuf,
    /// In place of what is there.
    pub replace: bool,
}

/// A download that is under way or broke off.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
struct DownloadRecord {
    /// The whole path that the file gets.
    target: String,
    /// Hashes of the chunks that are in the unfinished file.
    have: Vec<Option<Digest>>,
    /// Up to where the channel was read.
    read: Position,
}

type Kept = JoinHandle<Result<(u32, Digest), FileError>>;

impl Engine {
    /// Fetches a file.
    ///
    /// # Errors
    /// `EngineError::File`, and whatever the relay refuses. What was fetched until then is kept in an unfinished file;
    /// asked again, it goes on.
    pub async fn fetch_file(
        &self,
        live: &LiveRoom,
        wanted: &Wanted,
        told: Told<'_>,
    ) -> Result<(), EngineError> {
        live.room().trusts_history()?;
        let taken = wanted.target.symlink_metadata();
        if taken.is_ok_and(|there| !wanted.replace || there.is_dir()) {
            return Err(FileError::Taken(wanted.target.clone()).into());
        }
        let target = wanted.target.to_string_lossy().into_owned();
        let _turn = self.transfer(&target)?;
        let file = &wanted.file;
        let sheet = Sheet::new(file.channel, &file.secret, file.size);
        let (part, mut record) = self.begin_download(file, &wanted.target, &sheet).await?;
        let have = |record: &DownloadRecord| record.have.iter().all(Option::is_some);
        if !have(&record) {
            // What a linked body sent lies at its relay; of one's own, what was sent before the room moved lies where it
            // was sent.
            let relays = match &wanted.relays[..] {
                [] => live.room().record().relays(),
                relays => relays.to_vec(),
            };
            let mut fetched = Err(EngineError::NoRelay);
            for relay in &relays {
                fetched = match Errand::to(self, relay).await {
                    Ok((errand, connection)) => {
                        let chunks = (&part, &sheet);
                        let fetched = self
                            .fetch_chunks(&connection, file, &mut record, chunks, told)
                            .await;
                        drop(errand);
                        fetched
                    }
                    Err(error) => Err(error),
                };
                self.note_download(file, &record)?;
                if fetched.is_ok() {
                    break;
                }
            }
            fetched?;
        }
        let part = Arc::into_inner(part).ok_or(FileError::Busy)?;
        if sheet.hash(&record.have) != Some(file.hash) {
            part.discard();
            self.forget_download(file)?;
            return Err(FileError::Different.into());
        }
        let (size, replace) = (file.size, wanted.replace);
        blocking(move || part.finish(size, replace)).await??;
        self.forget_download(file)
    }

    /// What is there of a file: its chunks are looked at again.
    async fn begin_download(
        &self,
        file: &Attachment,
        target: &Path,
        sheet: &Sheet,
    ) -> Result<(Arc<Part>, DownloadRecord), EngineError> {
        let path = target.to_string_lossy().into_owned();
        let known = self.vault().overlay().get_value::<DownloadRecord>(&place(file))?;
        let known =
            known.filter(|record| record.target == path && record.have.len() == sheet.count() as usize);
        let fresh = DownloadRecord {
            target: path,
            have: vec![None; sheet.count() as usize],
            read: Position(0),
        };
        let (part, was_there) = Part::open(target, known.is_some())?;
        let part = Arc::new(part);
        let mut record = known.filter(|_| was_there).unwrap_or_else(|| fresh.clone());
        let (looked, its) = (Arc::clone(&part), sheet.clone());
        let have = std::mem::take(&mut record.have);
        let (before, after) = blocking(move || {
            let good = |(index, digest): (u32, &Option<Digest>)| {
                let data = looked.read(chunk::start(index), its.length(index));
                digest.filter(|digest| data.is_some_and(|data| chunk::digest(index, &data) == *digest))
            };
            let after: Vec<_> = (0..).zip(&have).map(good).collect();
            (have, after)
        })
        .await?;
        if before != after {
            record.read = Position(0);
        }
        record.have = after;
        // Before anything is in the file, so that it is known again.
        self.note_download(file, &record)?;
        Ok((part, record))
    }

    async fn fetch_chunks(
        &self,
        connection: &Connection,
        file: &Attachment,
        record: &mut DownloadRecord,
        (part, sheet): (&Arc<Part>, &Sheet),
        told: Told<'_>,
    ) -> Result<(), EngineError> {
        let key = chunk::read_key(&file.secret);
        let opened = match patiently(|| connection.open(file.channel, Role::Read, &key)).await {
            Err(LinkError::Refused(RefusedBecause::NotOpened)) => return Err(FileError::Gone.into()),
            other => other?,
        };
        let mut reading = connection.read(opened.handle, record.read, false).await?;
        let mut under_way: VecDeque<(Position, Kept)> = VecDeque::new();
        let mut entries = 0;
        let mut noted = self.now().ms;
        let mut done = sheet.bytes_of(&record.have);
        told(done);
        let mut over = false;
        let mut failed = None;
        loop {
            let missing = record.have.iter().filter(|one| one.is_none()).count();
            let wants = failed.is_none() && !over && missing > under_way.len();
            if wants && under_way.len() < AT_ONCE {
                match reading.next().await {
                    Ok(Served::Entry(entry)) if entries < READ_AGAIN * u64::from(sheet.count()) => {
                        entries += 1;
                        under_way.push_back((entry.position, keep(entry, part, sheet)));
                    }
                    Ok(_) => over = true,
                    Err(error) => failed = Some(EngineError::from(error)),
                }
                continue;
            }
            // In the order of the channel, so that up to there it need not be read again.
            let Some((position, kept)) = under_way.pop_front() else {
                break;
            };
            let kept = kept.await.unwrap_or(Err(FileError::Busy));
            match kept {
                Ok((index, digest)) => {
                    if let Some(have) = record.have.get_mut(index as usize)
                        && have.replace(digest).is_none()
                    {
                        done += sheet.length(index) as u64;
                        told(done);
                    }
                    if failed.is_none() {
                        record.read = position;
                    }
                }
                Err(error) => failed = failed.or(Some(error.into())),
            }
            let now = self.now().ms;
            if now.saturating_sub(noted) >= NOTED_EVERY_MS {
                noted = now;
                self.note_download(file, record)?;
            }
        }
        let have = record.have.iter().flatten().count();
        match failed {
            Some(error) => Err(error),
            None if have == record.have.len() => Ok(()),
            None => {
                // What is missing may come again, anywhere.
                record.read = Position(0);
                Err(FileError::Missing {
                    have: u32::try_from(have).unwrap_or(u32::MAX),
                    want: sheet.count(),
                }
                .into())
            }
        }
    }

    fn note_download(&self, file: &Attachment, record: &DownloadRecord) -> Result<(), EngineError> {
        let _turn = self.vault().turn();
        let overlay = self.vault().overlay();
        overlay.put_value(place(file), record)?;
        Ok(overlay.commit()?)
    }

    fn forget_download(&self, file: &Attachment) -> Result<(), EngineError> {
        let _turn = self.vault().turn();
        let overlay = self.vault().overlay();
        forget(&overlay, file);
        Ok(overlay.commit()?)
    }
}

/// Forgets how far a file was fetched.
pub(in crate::engine) fn forget(overlay: &Overlay, file: &Attachment) {
    overlay.delete(place(file));
}

/// Verifies a chunk and puts it into its place, beside the runtime.
fn keep(entry: Entry, part: &Arc<Part>, sheet: &Sheet) -> Kept {
    let (part, sheet) = (Arc::clone(part), sheet.clone());
    tokio::task::spawn_blocking(move || {
        let damaged = FileError::Damaged { at: entry.position.0 };
        let (index, data) = sheet.open(entry.counter, entry.bytes).ok_or(damaged)?;
        part.write(chunk::start(index), &data)?;
        Ok((index, chunk::digest(index, &data)))
    })
}

fn place(file: &Attachment) -> Place {
    Place::new(Table::Blobs, file.channel.0, 0)
}
