//! Times on a disk.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Files and folders below this one, itself included, whose time of the last change is no whole hour.
#[must_use]
pub fn exact_times(folder: &Path) -> Vec<PathBuf> {
    let mut exact = Vec::new();
    let mut left = vec![folder.to_path_buf()];
    while let Some(path) = left.pop() {
        let Ok(meta) = path.symlink_metadata() else {
            continue;
        };
        if meta.mtime() % 3_600 != 0 || meta.mtime_nsec() != 0 {
            exact.push(path.clone());
        }
        if meta.is_dir() {
            left.extend(
                std::fs::read_dir(&path)
                    .into_iter()
                    .flatten()
                    .flatten()
                    .map(|entry| entry.path()),
            );
        }
    }
    exact.sort();
    exact
}
