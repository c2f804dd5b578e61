//! The end of an agent that need not be asked: whether it listens, hangs or is another version.

use std::fs;
use std::os::unix::net::UnixStream;
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::fs::Mode;
use rustix::process::{Pid, Signal, geteuid, kill_process};

use super::home::Home;

/// How long a process may take to be gone after it was killed.
const GONE: Duration = Duration::from_secs(2);

const PAUSE: Duration = Duration::from_millis(1);

/// Kills the agent of a home, whatever it is doing: nothing of what it holds is asked for or kept. Answers
/// whether there was one. Returns when it is gone, after two seconds in any case.
pub fn end_at_once(home: &Home) -> bool {
    let Some(pid) = listener(home).or_else(|| holder(home)) else {
        return false;
    };
    if kill_process(pid, Signal::KILL).is_err() {
        return false;
    }
    let begun = Instant::now();
    while begun.elapsed() < GONE && is_held(home) {
        sleep(PAUSE);
    }
    true
}

/// The process that is the agent of a home, where the system tells.
#[must_use]
pub fn process_of(home: &Home) -> Option<u32> {
    let pid = listener(home).or_else(|| holder(home))?;
    u32::try_from(pid.as_raw_nonzero().get()).ok()
}

/// Removes what an agent left in its home, and the home if nothing else is in it. Answers whether it is gone.
pub fn clear(home: &Home) -> bool {
    for file in [home.socket(), home.lock_file()] {
        // What stays shows in the answer: then the folder is not empty.
        let _ = fs::remove_file(file);
    }
    match fs::remove_dir(home.folder()) {
        Ok(()) => true,
        Err(error) => error.kind() == std::io::ErrorKind::NotFound,
    }
}

/// The process that listens on the socket, as the system knows it.
#[cfg(target_os = "linux")]
fn listener(home: &Home) -> Option<Pid> {
    if !home.is_there().ok()? {
        return None;
    }
    let stream = home.with_socket(|path| UnixStream::connect(path)).ok()?;
    let peer = rustix::net::sockopt::socket_peercred(&stream).ok()?;
    (peer.uid == geteuid()).then_some(peer.pid)
}

#[cfg(not(target_os = "linux"))]
fn listener(_: &Home) -> Option<Pid> {
    None
}

/// The process that holds the home's lock, by the system's list of locks: one that does not listen any more.
fn holder(home: &Home) -> Option<Pid> {
    use std::os::unix::fs::MetadataExt;
    if !is_held(home) {
        return None;
    }
    let inode = fs::symlink_metadata(home.lock_file()).ok()?.ino().to_string();
    let locks = fs::read_to_string("/proc/locks").ok()?;
    locks.lines().find_map(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [_, "FLOCK", _, "WRITE", pid, place, ..] = words.as_slice() else {
            return None;
        };
        (place.rsplit(':').next() == Some(inode.as_str()))
            .then(|| pid.parse().ok())
            .flatten()
            .and_then(Pid::from_raw)
    })
}

fn is_held(home: &Home) -> bool {
    use rustix::fs::{OFlags, open};
    let flags = OFlags::RDWR | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
    open(home.lock_file(), flags, Mode::empty())
        .is_ok_and(|file| matches!(fs::File::from(file).try_lock(), Err(fs::TryLockError::WouldBlock)))
}
