//! Sends a file, and goes on with one that broke off. Only when every chunk is at the relay does the message that names
//! them go into the outbox, in the transaction that forgets the upload: nothing half sent is ever announced.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use bytes::Bytes;
use caucus_proto::id::{ChannelId, Counter, IntentId, Minutes, Position, RoomId};
use caucus_proto::org::{Attachment, Deed, FileName, FileSecret};
use caucus_proto::wire::{Access, ChannelSpec, RefusedBecause, Retention, Role, bucket};
use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;
use x25519_dalek::{PublicKey, StaticSecret};

use super::chunk::{self, Digest, Sheet};
use super::{AT_ONCE, FileError, LARGEST_SENT, NOTED_EVERY_MS, Told};
use crate::engine::blob::random_controls;
use crate::engine::engine::Engine;
use crate::engine::errand::Errand;
use crate::engine::error::EngineError;
use crate::engine::jobs;
use crate::engine::live::{Fate, LiveRoom};
use crate::engine::random;
use crate::engine::record::SecretKey;
use crate::engine::relay::patiently;
use crate::relay::{Appended, Connection, Handle, LinkError};
use crate::vault::{Place, Table};

/// Append handles of one upload: each may write at the pace that a relay allows to one.
const HANDLES: usize = 4;

/// The scope of uploads in the vault.
const SCOPE: &[u8] = b"uploads";

/// Longest life of a file at a relay; shorter where the relay keeps less.
const LONGEST_LIFE: Retention = Retention::Quarter;

/// What is to be sent.
#[derive(Clone, Debug)]
pub struct Offer {
    /// The file's whole path.
    pub path: PathBuf,
    /// What is said with it; may be empty.
    pub text: String,
}

/// An upload that is under way or broke off.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
struct UploadRecord {
    /// Into which room.
    room: RoomId,
    /// The file's whole path.
    path: String,
    /// Its bytes, and when it was written to last, in nanoseconds since 1970, as they were when it began.
    stamp: (u64, u64),
    /// Its channel.
    spec: ChannelSpec,
    /// Secret of `spec.creation_key`.
    creation: SecretKey,
    /// Secret append key.
    append: SecretKey,
    /// Secret control key: what is given up is deleted.
    control: SecretKey,
    /// What the message will name.
    secret: FileSecret,
    /// When the first chunk expires.
    expires: Minutes,
    /// The relay made the channel.
    made: bool,
    /// Hashes of the chunks that the relay has.
    sent: Vec<Option<Digest>>,
}

/// A file that is read.
struct Source {
    file: File,
    sheet: Sheet,
}

impl Engine {
    /// Sends a file into a room, and then the message that names it.
    ///
    /// # Errors
    /// `EngineError::File` and whatever the relay or the room refuses. What was sent until then is kept; asked again, it
    /// goes on.
    pub async fn send_file(
        &self,
        live: &LiveRoom,
        offer: &Offer,
        told: Told<'_>,
        patience: Duration,
    ) -> Result<(Attachment, Fate), EngineError> {
        live.room().may_act()?;
        let (file, stamp) = opened(&offer.path)?;
        if stamp.0 > LARGEST_SENT {
            return Err(FileError::TooLarge {
                size: stamp.0,
                limit: LARGEST_SENT,
            }
            .into());
        }
        let path = offer.path.to_string_lossy().into_owned();
        let _turn = self.transfer(&path)?;
        let relay = live.room().record().relay.clone();
        let (errand, connection) = Errand::to(self, &relay).await?;
        let info = connection.info().await?;
        let room_for = info
            .channel_bytes
            .min(info.channel_entries.saturating_mul(chunk::CHUNK))
            / 2;
        if stamp.0 > room_for {
            return Err(FileError::NoRoom {
                size: stamp.0,
                limit: room_for,
            }
            .into());
        }
        let life = LONGEST_LIFE.min(info.plain);
        let (number, record, hash) = self
            .send_over(&connection, live, (&path, stamp, file), life, told)
            .await?;
        drop(errand);
        self.announce(live, offer, (number, record, hash), patience).await
    }

    /// Puts every chunk at the relay. Gives the upload, and the hash of the whole.
    async fn send_over(
        &self,
        connection: &Connection,
        live: &LiveRoom,
        (path, stamp, file): (&str, (u64, u64), File),
        life: Retention,
        told: Told<'_>,
    ) -> Result<(u64, UploadRecord, Digest), EngineError> {
        let room = live.room().id();
        let relay = live.room().record().relay.clone();
        let mut source = Some(file);
        let (number, mut record, source, handles) = loop {
            let (number, mut record) = match self.upload_of(connection, room, path, stamp).await? {
                Some(found) => found,
                None => self.begin_upload(room, path, stamp, life)?,
            };
            let file = match source.take() {
                Some(file) => file,
                None => opened(Path::new(path))?.0,
            };
            let source = Arc::new(Source {
                file,
                sheet: Sheet::new(record.spec.id(), &record.secret, stamp.0),
            });
            let pass = || if record.made { None } else { self.take_pass(&relay) };
            let handles = channel(connection, &record, pass).await?;
            let still = Arc::clone(&source);
            let before = record.sent.clone();
            let same = blocking(move || still.is_as_sent(&before)).await?;
            match (handles, same) {
                (Some((handles, newest)), true) => {
                    record.made = true;
                    let has = record.sent.iter().flatten().count() as u64;
                    // A relay that was set back has fewer than it said it had.
                    if newest.0 < has {
                        record.sent.fill(None);
                    }
                    self.note_upload(number, &record)?;
                    break (number, record, source, handles);
                }
                // Its channel is gone, or the file is another in what was sent: it begins anew.
                _ => self.give_up_upload(connection, number, &record).await?,
            }
        };
        let sent = self
            .send_chunks(connection, number, &mut record, (&source, &handles), told)
            .await;
        for handle in handles {
            let _ = connection.close(handle).await;
        }
        sent?;
        let (_, after) = opened(Path::new(path))?;
        let hash = source.sheet.hash(&record.sent).filter(|_| after == stamp);
        match hash {
            Some(hash) => Ok((number, record, hash)),
            None => {
                self.give_up_upload(connection, number, &record).await?;
                Err(FileError::Changed(PathBuf::from(path)).into())
            }
        }
    }

    async fn send_chunks(
        &self,
        connection: &Connection,
        number: u64,
        record: &mut UploadRecord,
        (source, handles): (&Arc<Source>, &[Handle]),
        told: Told<'_>,
    ) -> Result<(), EngineError> {
        let missing = (0..).zip(&record.sent).filter(|(_, sent)| sent.is_none());
        let missing: Vec<u32> = missing.map(|(index, _)| index).collect();
        let mut left = missing.into_iter().zip(handles.iter().copied().cycle());
        let mut under_way = JoinSet::new();
        let mut noted = self.now().ms;
        let mut done = source.sheet.bytes_of(&record.sent);
        told(done);
        let ended = loop {
            while under_way.len() < AT_ONCE
                && let Some((index, handle)) = left.next()
            {
                under_way.spawn(send_chunk(connection.clone(), handle, Arc::clone(source), index));
            }
            match under_way.join_next().await {
                None => break Ok(()),
                Some(Ok(Ok((index, digest)))) => {
                    if let Some(sent) = record.sent.get_mut(index as usize) {
                        *sent = Some(digest);
                    }
                    done += source.sheet.length(index) as u64;
                    told(done);
                }
                Some(Ok(Err(error))) => break Err(error),
                Some(Err(_)) => break Err(EngineError::RoomState("sending was interrupted".to_owned())),
            }
            let now = self.now().ms;
            if now.saturating_sub(noted) >= NOTED_EVERY_MS {
                noted = now;
                self.note_upload(number, record)?;
            }
        };
        self.note_upload(number, record)?;
        ended
    }

    /// Says in the room what is at the relay, and forgets the upload in the same transaction.
    async fn announce(
        &self,
        live: &LiveRoom,
        offer: &Offer,
        (number, record, hash): (u64, UploadRecord, Digest),
        patience: Duration,
    ) -> Result<(Attachment, Fate), EngineError> {
        let named = offer.path.file_name().unwrap_or_default();
        let file = Attachment {
            name: FileName::clean(&named.to_string_lossy()),
            size: record.stamp.0,
            channel: record.spec.id(),
            secret: record.secret.clone(),
            hash,
            expires: record.expires,
        };
        let deed = Deed::Attach {
            text: offer.text.clone(),
            file: Box::new(file.clone()),
        };
        let id = IntentId(random::bytes()?);
        let landing = live.expect(id);
        let submitted = live.room().submit_with(id, &deed, |_, overlay| {
            overlay.delete(place(number));
            Ok(())
        });
        let fate = live.settle(id, submitted, landing, patience).await?;
        Ok((file, fate))
    }

    /// The upload of this file that broke off. One of the same path whose file is another now is given up, and so is
    /// every one that has expired.
    async fn upload_of(
        &self,
        connection: &Connection,
        room: RoomId,
        path: &str,
        stamp: (u64, u64),
    ) -> Result<Option<(u64, UploadRecord)>, EngineError> {
        let overlay = self.vault().overlay();
        let mut found = None;
        for (number, record) in overlay.values::<UploadRecord>(Table::Blobs, SCOPE, 0)? {
            let ours = record.room == room && record.path == path;
            if record.expires <= self.now().minutes || (ours && record.stamp != stamp) {
                self.give_up_upload(connection, number, &record).await?;
            } else if ours {
                found = Some((number, record));
            }
        }
        Ok(found)
    }

    fn begin_upload(
        &self,
        room: RoomId,
        path: &str,
        stamp: (u64, u64),
        life: Retention,
    ) -> Result<(u64, UploadRecord), EngineError> {
        let creation = SecretKey(random::bytes()?);
        let append = SecretKey(random::bytes()?);
        let control = SecretKey(random::bytes()?);
        let secret = FileSecret(random::bytes()?);
        let public = |secret: &SecretKey| PublicKey::from(&StaticSecret::from(secret.0)).to_bytes();
        let mut controls = random_controls()?;
        if let Some(first) = controls.first_mut() {
            *first = public(&control);
        }
        let spec = ChannelSpec {
            creation_key: public(&creation),
            salt: random::bytes()?,
            access: Access {
                append: public(&append),
                read: PublicKey::from(&chunk::read_key(&secret)).to_bytes(),
            },
            controls,
            solo: true,
            plain: life,
            flagged: life,
            counter: Counter(0),
            after: Position(0),
        };
        let sheet = Sheet::new(ChannelId([0; 32]), &secret, stamp.0);
        let record = UploadRecord {
            room,
            path: path.to_owned(),
            stamp,
            spec,
            creation,
            append,
            control,
            secret,
            expires: Minutes(self.now().minutes.0.saturating_add(life.hours() * 60)),
            made: false,
            sent: vec![None; sheet.count() as usize],
        };
        let _turn = self.vault().turn();
        let overlay = self.vault().overlay();
        let last = overlay.range_back(Table::Blobs, SCOPE, u64::MAX, 1)?;
        let number = last.first().map_or(1, |(last, _)| last.saturating_add(1));
        overlay.put_value(place(number), &record)?;
        overlay.commit()?;
        Ok((number, record))
    }

    fn note_upload(&self, number: u64, record: &UploadRecord) -> Result<(), EngineError> {
        let _turn = self.vault().turn();
        let overlay = self.vault().overlay();
        overlay.put_value(place(number), record)?;
        Ok(overlay.commit()?)
    }

    /// Forgets an upload, and deletes what the relay has of it.
    async fn give_up_upload(
        &self,
        connection: &Connection,
        number: u64,
        record: &UploadRecord,
    ) -> Result<(), EngineError> {
        if record.made {
            jobs::delete(connection, record.spec.id(), &record.control).await?;
        }
        let _turn = self.vault().turn();
        let overlay = self.vault().overlay();
        overlay.delete(place(number));
        Ok(overlay.commit()?)
    }
}

impl Source {
    fn chunk(&self, index: u32) -> Result<Vec<u8>, std::io::Error> {
        let mut data = vec![0; self.sheet.length(index)];
        self.file.read_exact_at(&mut data, chunk::start(index))?;
        Ok(data)
    }

    /// Whether what was sent of it is what it has now.
    fn is_as_sent(&self, sent: &[Option<Digest>]) -> bool {
        let sent = (0..)
            .zip(sent)
            .filter_map(|(index, digest)| Some((index, (*digest)?)));
        sent.into_iter().all(|(index, digest)| {
            self.chunk(index)
                .is_ok_and(|data| chunk::digest(index, &data) == digest)
        })
    }
}

/// The file, its bytes, and when it was written to last.
fn opened(path: &Path) -> Result<(File, (u64, u64)), EngineError> {
    let unreadable = |why: String| FileError::Unreadable {
        path: path.to_owned(),
        why,
    };
    // A pipe would be waited for when it is opened.
    let looked = std::fs::metadata(path).map_err(|error| unreadable(error.to_string()))?;
    if !looked.is_file() {
        return Err(unreadable("it is no file".to_owned()).into());
    }
    let file = File::open(path).map_err(|error| unreadable(error.to_string()))?;
    let known = file.metadata().map_err(|error| unreadable(error.to_string()))?;
    let written = known
        .modified()
        .ok()
        .and_then(|at| at.duration_since(UNIX_EPOCH).ok());
    let written = written.and_then(|since| u64::try_from(since.as_nanos()).ok());
    Ok((file, (known.len(), written.unwrap_or_default())))
}

/// Handles on the channel of an upload, and its newest entry; none if it was made and is gone.
async fn channel(
    connection: &Connection,
    record: &UploadRecord,
    pass: impl FnOnce() -> Option<caucus_proto::wire::Pass>,
) -> Result<Option<(Vec<Handle>, Position)>, EngineError> {
    let id = record.spec.id();
    let append = StaticSecret::from(record.append.0);
    let open = || connection.open(id, Role::Append, &append);
    let first = match patiently(open).await {
        Err(LinkError::Refused(RefusedBecause::NotOpened)) if record.made => return Ok(None),
        // Or it was made, and the answer was lost.
        Err(LinkError::Refused(RefusedBecause::NotOpened)) => {
            let creation = StaticSecret::from(record.creation.0);
            let pass = pass();
            patiently(|| connection.create(&record.spec, &creation, pass)).await?;
            patiently(open).await?
        }
        other => other?,
    };
    let mut handles = vec![first.handle];
    let most = HANDLES.min(record.sent.len());
    while handles.len() < most {
        handles.push(patiently(open).await?.handle);
    }
    Ok(Some((handles, first.newest)))
}

async fn send_chunk(
    connection: Connection,
    handle: Handle,
    source: Arc<Source>,
    index: u32,
) -> Result<(u32, Digest), EngineError> {
    let (digest, sealed) = blocking(move || -> Result<(Digest, Bytes), EngineError> {
        // Shorter than it was: what is sent instead is found out at the end, when the file is looked at again.
        let data = source.chunk(index).unwrap_or_default();
        Ok((chunk::digest(index, &data), source.sheet.seal(index, &data)?))
    })
    .await??;
    debug_assert!(bucket::is_bucket(sealed.len()));
    match patiently(|| connection.append(handle, Counter(0), sealed.clone())).await? {
        Appended::Stored(_) => Ok((index, digest)),
        // Nobody else can move it.
        Appended::Moved { .. } => Err(FileError::Gone.into()),
    }
}

pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, EngineError> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|_| EngineError::RoomState("work on a file was interrupted".to_owned()))
}

fn place(number: u64) -> Place {
    Place::new(Table::Blobs, SCOPE, number)
}
