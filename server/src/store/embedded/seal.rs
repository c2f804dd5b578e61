//! The thread that seals: writes the index file of a complete segment and makes the checkpoint in sled.
//! Neither holds up appends, and nothing acknowledged rests on either.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::{self, JoinHandle};

use crate::store::StoreError;
use crate::store::embedded::Shared;
use crate::store::embedded::heads::{Checkpoint, Layer};
use crate::store::embedded::segment::Segment;

/// How many may wait.
const WAITING: usize = 3;

/// What to seal.
#[derive(Debug)]
pub(super) struct Seal {
    pub(super) segments: Vec<Arc<Segment>>,
    pub(super) layer: Arc<Layer>,
    pub(super) checkpoint: Checkpoint,
}

/// Starts the thread.
pub(super) fn start(shared: Arc<Shared>) -> io::Result<(SyncSender<Seal>, JoinHandle<()>)> {
    let (sender, receiver) = sync_channel::<Seal>(WAITING);
    let thread = thread::Builder::new()
        .name("store-sealer".to_owned())
        .spawn(move || {
            for seal in receiver {
                one(&shared, &seal);
            }
        })?;
    Ok((sender, thread))
}

fn one(shared: &Shared, seal: &Seal) {
    for segment in &seal.segments {
        match segment.seal(seal.checkpoint.sequence) {
            Ok(index_bytes) => {
                shared.bytes.fetch_add(index_bytes, Ordering::AcqRel);
            }
            // Its index stays in memory, and the file is written at the next opening.
            Err(error) => tracing::warn!("a segment was not sealed: {error}"),
        }
    }
    match shared.heads.checkpoint(&seal.layer, seal.checkpoint) {
        Ok(()) => {}
        Err(StoreError::Full) => tracing::warn!("no room for a checkpoint: it is tried again with the next"),
        Err(error) => {
            shared.fail(error.to_string());
        }
    }
}
