//! Giving back what is over: days whose entries nobody may read any more, and channels nobody uses.
//!
//! A head that could be rebuilt only from a day that goes is written again first, so that sled is never the
//! only place where something lies. The work is paced: appends go on between its steps.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;

use crate::store::StoreError;
use crate::store::embedded::disk;
use crate::store::embedded::segment::Segment;

/// Heads written again in one step.
pub(super) const STEP: usize = 64;

/// Takes the files of days away. The folder is renamed first: what is half removed when the power goes is
/// then not taken for a damaged log.
pub(super) fn remove(log: &Path, segments: &[Arc<Segment>]) -> Result<(), StoreError> {
    let days: BTreeSet<_> = segments.iter().map(|segment| segment.day).collect();
    for day in &days {
        let path = log.join(day.to_string());
        let gone = log.join(format!("{day}.gone"));
        match fs::rename(&path, &gone) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(disk::failed("remove", &path, &error));
            }
            _ => {}
        }
    }
    disk::sync_folder(log)?;
    for segment in segments {
        segment.shrink()?;
    }
    for day in &days {
        let gone = log.join(format!("{day}.gone"));
        match fs::remove_dir_all(&gone) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(disk::failed("remove", &gone, &error));
            }
            _ => {}
        }
    }
    disk::sync_folder(log)
}
