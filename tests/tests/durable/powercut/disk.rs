//! A disk that keeps what was made durable, and of everything else whatever it likes (fsync(2), and what file systems
//! are known to do: Pillai et al., "All File Systems Are Not Created Equal", OSDI 2014).
//!
//! Of writes to a file that were not synced it keeps none, all, the first ones, or any, whole or by the sector. Names
//! in a folder that was not synced are kept up to any one, however often the file itself was.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::{Path, PathBuf};

use caucus_tests::net::Draw;

use super::trace::{Call, Event};

const SECTOR: usize = 512;

type Inode = usize;

#[derive(Clone)]
enum Change {
    Write(u64, Vec<u8>),
    Truncate(u64),
}

#[derive(Default)]
struct File {
    durable: Vec<u8>,
    /// The number of the call, whether it has returned, and what it changes.
    pending: Vec<(usize, bool, Change)>,
}

#[derive(Clone)]
enum Naming {
    File(PathBuf, Inode),
    Folder(PathBuf),
    Moved(PathBuf, PathBuf),
    Gone(PathBuf),
}

/// What names there are: a file's inode, or none for a folder.
type Names = BTreeMap<PathBuf, Option<Inode>>;

enum Opened {
    File(Inode, u64),
    Folder(PathBuf),
}

/// The disk.
#[derive(Default)]
pub struct Disk {
    files: Vec<File>,
    durable: Names,
    /// As the process sees them.
    now: Names,
    /// In the order in which they were made, with the folder that holds them.
    pending: Vec<(PathBuf, Naming)>,
    opened: HashMap<u32, Opened>,
    /// Syncs that have begun: what they will make durable.
    syncing: HashMap<usize, (Opened, Vec<usize>)>,
    /// Writes that became durable since they were last taken.
    flushed: Vec<(PathBuf, Vec<u8>)>,
}

impl Disk {
    /// Goes on by a moment; gives what became durable with it: the files' names at the end, and bytes of writes.
    pub fn step(&mut self, event: &Event) -> Vec<(PathBuf, Vec<u8>)> {
        match event {
            Event::Begin(number, call) => self.begin(*number, call),
            Event::End(number) => self.end(*number),
        }
        std::mem::take(&mut self.flushed)
    }

    fn begin(&mut self, number: usize, call: &Call) {
        match call {
            Call::Open {
                fd,
                path,
                makes,
                empties,
            } => self.open(number, *fd, path, *makes, *empties),
            Call::Write { fd, offset, bytes } => {
                if let Some(Opened::File(inode, end)) = self.opened.get_mut(fd) {
                    let place = offset.unwrap_or(*end);
                    if offset.is_none() {
                        *end += bytes.len() as u64;
                    }
                    let change = Change::Write(place, bytes.clone());
                    self.files[*inode].pending.push((number, false, change));
                }
            }
            Call::Truncate { fd, to } => {
                if let Some(Opened::File(inode, _)) = self.opened.get(fd) {
                    self.files[*inode]
                        .pending
                        .push((number, false, Change::Truncate(*to)));
                }
            }
            Call::Sync { fd } => self.sync(number, *fd),
            Call::Rename { from, to } => self.name(Naming::Moved(from.clone(), to.clone())),
            Call::MakeFolder { path } => self.name(Naming::Folder(path.clone())),
            Call::Remove { path } => self.name(Naming::Gone(path.clone())),
        }
    }

    fn open(&mut self, number: usize, fd: u32, path: &Path, makes: bool, empties: bool) {
        let opened = match self.now.get(path) {
            Some(Some(inode)) => Opened::File(*inode, 0),
            None if makes => {
                let inode = self.files.len();
                self.files.push(File::default());
                self.name(Naming::File(path.to_owned(), inode));
                Opened::File(inode, 0)
            }
            // The folder itself, or one in it.
            _ => Opened::Folder(path.to_owned()),
        };
        if let (Opened::File(inode, _), true) = (&opened, empties) {
            self.files[*inode]
                .pending
                .push((number, false, Change::Truncate(0)));
        }
        self.opened.insert(fd, opened);
    }

    fn sync(&mut self, number: usize, fd: u32) {
        match self.opened.get(&fd) {
            Some(Opened::File(inode, _)) => {
                // What another thread is still writing may miss it.
                let pending = &self.files[*inode].pending;
                let written = pending
                    .iter()
                    .filter(|(_, done, _)| *done)
                    .map(|(call, ..)| *call);
                self.syncing
                    .insert(number, (Opened::File(*inode, 0), written.collect()));
            }
            Some(Opened::Folder(path)) => {
                let named = self.pending.iter().filter(|(folder, _)| folder == path).count();
                self.syncing
                    .insert(number, (Opened::Folder(path.clone()), vec![named]));
            }
            None => {}
        }
    }

    fn end(&mut self, number: usize) {
        for file in &mut self.files {
            for (call, done, _) in &mut file.pending {
                *done |= *call == number;
            }
        }
        match self.syncing.remove(&number) {
            Some((Opened::File(inode, _), written)) => {
                let name = self.now.iter().find(|(_, found)| **found == Some(inode));
                let name = name.map(|(path, _)| path.clone()).unwrap_or_default();
                let file = &mut self.files[inode];
                let (durable, pending) = std::mem::take(&mut file.pending)
                    .into_iter()
                    .partition(|(call, ..)| written.contains(call));
                file.pending = pending;
                for (_, _, change) in durable as Vec<(usize, bool, Change)> {
                    apply(&mut file.durable, &change);
                    if let Change::Write(_, bytes) = change {
                        self.flushed.push((name.clone(), bytes));
                    }
                }
            }
            Some((Opened::Folder(path), named)) => {
                let mut left = named[0];
                let mut durable = Vec::new();
                self.pending.retain(|(folder, naming)| {
                    let takes = *folder == path && left > 0;
                    if takes {
                        left -= 1;
                        durable.push(naming.clone());
                    }
                    !takes
                });
                durable
                    .iter()
                    .for_each(|naming| rename(&mut self.durable, naming));
            }
            None => {}
        }
    }

    fn name(&mut self, naming: Naming) {
        let path = match &naming {
            Naming::File(path, _) | Naming::Folder(path) | Naming::Moved(_, path) | Naming::Gone(path) => {
                path
            }
        };
        let folder = path.parent().unwrap_or(Path::new("")).to_owned();
        rename(&mut self.now, &naming);
        self.pending.push((folder, naming));
    }

    /// Whether all that was written to files of this ending is durable.
    pub fn is_settled(&self, ending: &str) -> bool {
        let is_one = |path: &Path| path.extension().is_some_and(|found| found == ending);
        self.now
            .iter()
            .filter(|(path, _)| is_one(path))
            .filter_map(|(_, inode)| inode.and_then(|inode| self.files.get(inode)))
            .all(|file| file.pending.is_empty())
    }

    /// Puts into an empty folder what a power cut at this moment could leave.
    pub fn image(&self, draw: &mut Draw, folder: &Path) {
        let mut names = self.durable.clone();
        let mut kept: HashMap<&Path, u64> = HashMap::new();
        for (of, _) in &self.pending {
            *kept.entry(of).or_default() += 1;
        }
        let mut folders: Vec<_> = kept.iter_mut().collect();
        folders.sort_by_key(|(path, _)| **path);
        for (_, kept) in folders {
            *kept = draw.between(0, *kept);
        }
        for (of, naming) in &self.pending {
            if let Some(left) = kept.get_mut(of.as_path()).filter(|left| **left > 0) {
                *left -= 1;
                rename(&mut names, naming);
            }
        }
        for (path, inode) in names {
            let place = folder.join(&path);
            // Of a folder that is not there nothing is.
            if !place.parent().is_some_and(Path::is_dir) {
                continue;
            }
            match inode {
                None => fs::create_dir(&place).unwrap(),
                Some(inode) => fs::write(&place, self.files[inode].left(draw)).unwrap(),
            }
        }
    }
}

impl File {
    fn left(&self, draw: &mut Draw) -> Vec<u8> {
        let mut bytes = self.durable.clone();
        let how = draw.below(4);
        let first = draw.between(0, self.pending.len() as u64) as usize;
        for (number, (_, _, change)) in self.pending.iter().enumerate() {
            match how {
                0 => {}
                1 => apply(&mut bytes, change),
                2 if number < first => apply(&mut bytes, change),
                2 if number == first => torn(&mut bytes, change, draw),
                2 => {}
                _ if draw.percent(50) => torn(&mut bytes, change, draw),
                _ => {}
            }
        }
        bytes
    }
}

/// A part of a write, by sectors of the disk.
fn torn(bytes: &mut Vec<u8>, change: &Change, draw: &mut Draw) {
    let Change::Write(offset, written) = change else {
        apply(bytes, change);
        return;
    };
    let mut from = 0;
    let only_the_first = draw.percent(50);
    let many = draw.between(0, (written.len() / SECTOR) as u64 + 1);
    let mut sector = 0;
    while from < written.len() {
        let to_edge = SECTOR - (*offset as usize + from) % SECTOR;
        let to = written.len().min(from + to_edge);
        let kept = if only_the_first {
            sector < many
        } else {
            draw.percent(60)
        };
        if kept {
            apply(
                bytes,
                &Change::Write(offset + from as u64, written[from..to].to_vec()),
            );
        }
        (from, sector) = (to, sector + 1);
    }
}

fn apply(bytes: &mut Vec<u8>, change: &Change) {
    match change {
        Change::Write(offset, written) => {
            let from = *offset as usize;
            let to = from + written.len();
            bytes.resize(bytes.len().max(to), 0);
            bytes[from..to].copy_from_slice(written);
        }
        Change::Truncate(to) => bytes.resize(*to as usize, 0),
    }
}

fn rename(names: &mut Names, naming: &Naming) {
    match naming {
        Naming::File(path, inode) => drop(names.insert(path.clone(), Some(*inode))),
        Naming::Folder(path) => drop(names.insert(path.clone(), None)),
        Naming::Gone(path) => drop(names.remove(path)),
        Naming::Moved(from, to) => {
            let moved: Vec<_> = names
                .keys()
                .filter(|path| path.starts_with(from))
                .cloned()
                .collect();
            for path in moved {
                let inode = names.remove(&path).unwrap_or_default();
                let rest = path.strip_prefix(from).unwrap_or(Path::new(""));
                let to = if rest.as_os_str().is_empty() {
                    to.clone()
                } else {
                    to.join(rest)
                };
                names.insert(to, inode);
            }
        }
    }
}
