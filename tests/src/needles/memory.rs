//! The memory of a running process, as a seizure of a machine that is switched on would have it.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;

/// Everything that a process may read of its own memory, one buffer for each mapping, with its name (proc(5)). That
/// is what a core image holds, and file mappings, which a core leaves out, too. A process that forbids it to be
/// dumped can be read by root alone.
///
/// # Errors
/// If this process may not.
pub fn memory_of(pid: u32) -> io::Result<Vec<(String, Vec<u8>)>> {
    let maps = fs::read_to_string(format!("/proc/{pid}/maps"))?;
    let memory = File::open(format!("/proc/{pid}/mem"))?;
    let mut all = Vec::new();
    for line in maps.lines() {
        let mut words = line.split_whitespace();
        let (Some(range), Some(rights)) = (words.next(), words.next()) else {
            continue;
        };
        let name = words.nth(3).unwrap_or("anonymous");
        // Pages of the kernel, which no other process reads.
        if !rights.starts_with('r') || name.starts_with("[v") {
            continue;
        }
        let ends: Vec<_> = range
            .split('-')
            .filter_map(|end| u64::from_str_radix(end, 16).ok())
            .collect();
        let [begin, end] = ends[..] else { continue };
        let mut bytes = vec![0; usize::try_from(end - begin).map_err(io::Error::other)?];
        let mut length = 0;
        while length < bytes.len() {
            match memory.read_at(&mut bytes[length..], begin + length as u64) {
                Ok(0) => break,
                Ok(more) => length += more,
                // A mapping that went meanwhile, or a page behind the end of a file.
                Err(_) if length > 0 || rights.contains('x') || name.starts_with('/') => break,
                Err(error) => return Err(error),
            }
        }
        bytes.truncate(length);
        all.push((format!("{name} at {begin:x}"), bytes));
    }
    Ok(all)
}
