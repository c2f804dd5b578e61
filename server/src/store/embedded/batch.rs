//! A batch: the records that reach the disk with one write and one flush per day folder, and what follows
//! from them once they have.

use std::collections::hash_map::Entry as MapEntry;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use bytes::BytesMut;
use caucus_proto::id::{ChannelId, Counter, Hours, Position};
use caucus_proto::wire::Flag;
use tokio::sync::oneshot;

use crate::store::embedded::head::Head;
use crate::store::embedded::heads::Heads;
use crate::store::embedded::record::{self, Header, Kind};
use crate::store::embedded::segment::Segment;
use crate::store::{Appended, StoreError};

/// Most records of a batch.
const RECORDS: u64 = 256;

/// Bytes after which a batch takes no more.
const BYTES: u64 = 1024 * 1024;

/// The one who waits for an answer.
pub(super) type Asker<T> = oneshot::Sender<Result<T, StoreError>>;

/// Records on their way to the disk.
#[derive(Debug)]
pub(super) struct Batch {
    first: u64,
    records: u64,
    bytes: u64,
    pub(super) buckets: BTreeMap<u64, Bucket>,
    /// Heads after it; none for a channel that goes.
    heads: HashMap<ChannelId, Option<Head>>,
    pub(super) answers: Vec<Answer>,
    /// Channels more, and channels fewer.
    pub(super) created: u64,
    pub(super) deleted: Vec<ChannelId>,
}

/// The part of a batch that goes into one segment.
#[derive(Debug)]
pub(super) struct Bucket {
    pub(super) segment: Arc<Segment>,
    pub(super) start: u64,
    pub(super) buffer: BytesMut,
    pub(super) placed: Vec<Placed>,
}

/// An entry in a bucket's buffer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Placed {
    pub(super) channel: ChannelId,
    pub(super) position: Position,
    pub(super) counter: Counter,
    pub(super) flag: Flag,
    pub(super) expires: Hours,
    /// Where in the buffer the record begins, the entry begins, and both end.
    pub(super) record: usize,
    pub(super) entry: usize,
    pub(super) end: usize,
}

/// An answer that waits until the batch is durable.
#[derive(Debug)]
pub(super) enum Answer {
    Append(Asker<Appended>, Appended),
    Put(Asker<bool>, bool),
    Done(Asker<()>),
}

/// A record before it has its place in the log.
#[derive(Clone, Copy, Debug)]
pub(super) struct Draft<'a> {
    pub(super) kind: Kind,
    pub(super) channel: ChannelId,
    pub(super) position: Position,
    pub(super) counter: Counter,
    pub(super) expires: Hours,
    pub(super) head: &'a [u8],
    pub(super) entry: &'a [u8],
}

impl Batch {
    /// An empty batch whose first record will have this sequence.
    pub(super) fn new(first: u64) -> Self {
        Self {
            first,
            records: 0,
            bytes: 0,
            buckets: BTreeMap::new(),
            heads: HashMap::new(),
            answers: Vec::new(),
            created: 0,
            deleted: Vec::new(),
        }
    }

    /// Whether it takes no more.
    pub(super) fn is_full(&self) -> bool {
        self.records >= RECORDS || self.bytes >= BYTES
    }

    /// Records so far.
    pub(super) fn records(&self) -> u64 {
        self.records
    }

    /// Whether there is nothing to write.
    pub(super) fn is_empty(&self) -> bool {
        self.records == 0
    }

    /// Bytes to write.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Sequence of the next record.
    pub(super) fn next_sequence(&self) -> u64 {
        self.first + self.records
    }

    /// The head of a channel as it is after the records so far.
    pub(super) fn head(
        &mut self,
        heads: &Heads,
        channel: ChannelId,
    ) -> Result<Option<&mut Head>, StoreError> {
        let head = match self.heads.entry(channel) {
            MapEntry::Occupied(known) => known.into_mut(),
            MapEntry::Vacant(place) => place.insert(heads.head(channel)?.map(|head| Head::clone(&head))),
        };
        Ok(head.as_mut())
    }

    /// Sets the head of a channel.
    pub(super) fn set_head(&mut self, channel: ChannelId, head: Option<Head>) {
        self.heads.insert(channel, head);
    }

    /// Adds a record to the bucket of a day, which must be there.
    pub(super) fn push(&mut self, day: u64, draft: &Draft<'_>) {
        let sequence = self.next_sequence();
        let Some(bucket) = self.buckets.get_mut(&day) else {
            return;
        };
        let begin = bucket.buffer.len();
        let header = Header {
            kind: draft.kind,
            sequence,
            first: self.first,
            start: u32::try_from(bucket.start).unwrap_or(u32::MAX),
            channel: draft.channel,
            position: draft.position,
            counter: draft.counter,
            expires: draft.expires,
        };
        let entry = record::write(
            &mut bucket.buffer,
            bucket.segment.id,
            &header,
            draft.head,
            draft.entry,
        );
        if let Kind::Entry(flag) = draft.kind {
            bucket.placed.push(Placed {
                channel: draft.channel,
                position: draft.position,
                counter: draft.counter,
                flag,
                expires: draft.expires,
                record: begin,
                entry: entry.start,
                end: entry.end,
            });
        }
        self.records += 1;
        self.bytes += (bucket.buffer.len() - begin) as u64;
    }

    /// The heads after it.
    pub(super) fn take_heads(&mut self) -> impl Iterator<Item = (ChannelId, Option<Arc<Head>>)> + use<> {
        let first = self.first;
        let gone = std::mem::take(&mut self.deleted);
        let heads = std::mem::take(&mut self.heads);
        heads.into_iter().filter_map(move |(channel, head)| match head {
            // Heads that were only looked at stay where they are.
            Some(head) => (head.marks.sequence >= first).then(|| (channel, Some(Arc::new(head)))),
            None => gone.contains(&channel).then_some((channel, None)),
        })
    }
}

impl Draft<'_> {
    /// One without a head or an entry.
    pub(super) fn bare(kind: Kind, channel: ChannelId) -> Self {
        Self {
            kind,
            channel,
            position: Position(0),
            counter: Counter(0),
            expires: Hours(0),
            head: &[],
            entry: &[],
        }
    }
}

impl Bucket {
    /// At the end of a segment.
    pub(super) fn new(segment: Arc<Segment>, start: u64) -> Self {
        Self {
            segment,
            start,
            buffer: BytesMut::new(),
            placed: Vec::new(),
        }
    }
}

impl Answer {
    /// Tells that it is so.
    pub(super) fn tell(self) {
        // Who no longer waits needs no answer.
        match self {
            Self::Append(asker, appended) => drop(asker.send(Ok(appended))),
            Self::Put(asker, did) => drop(asker.send(Ok(did))),
            Self::Done(asker) => drop(asker.send(Ok(()))),
        }
    }

    /// Tells that it is not.
    pub(super) fn fail(self, error: StoreError) {
        match self {
            Self::Append(asker, _) => drop(asker.send(Err(error))),
            Self::Put(asker, _) => drop(asker.send(Err(error))),
            Self::Done(asker) => drop(asker.send(Err(error))),
        }
    }
}
