//! What a process wrote to files below a folder, and when it had it made durable, as strace saw it.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// Traces these calls; strings and paths in hexadecimal.
pub const STRACE: [&str; 9] = [
    "-f",
    "-y",
    "-xx",
    "-qq",
    "-s",
    "2000000",
    "-e",
    "trace=openat,write,pwrite64,ftruncate,fsync,fdatasync,rename,mkdir,unlink,rmdir",
    "-o",
];

/// A system call on a file below the folder. Paths are relative to it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Call {
    Open {
        fd: u32,
        path: PathBuf,
        makes: bool,
        empties: bool,
    },
    /// Without an offset: where the last such write ended.
    Write {
        fd: u32,
        offset: Option<u64>,
        bytes: Vec<u8>,
    },
    Truncate {
        fd: u32,
        to: u64,
    },
    Sync {
        fd: u32,
    },
    Rename {
        from: PathBuf,
        to: PathBuf,
    },
    MakeFolder {
        path: PathBuf,
    },
    Remove {
        path: PathBuf,
    },
}

/// A moment of the process.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Event {
    /// A call begins; its number.
    Begin(usize, Call),
    /// It has returned.
    End(usize),
}

/// The moments of a trace.
///
/// # Panics
/// If a line is not understood, or a call failed that changes something.
pub fn events(trace: &str, folder: &Path) -> Vec<Event> {
    let mut events = Vec::new();
    let mut begun: HashMap<(&str, &str), (usize, String)> = HashMap::new();
    let mut next = 0;
    for line in trace.lines() {
        let (thread, rest) = line.split_once(' ').expect("a thread");
        let rest = rest.trim_start();
        if let Some(resumed) = rest.strip_prefix("<... ") {
            let (name, rest) = resumed.split_once(' ').expect("a name");
            let result = rest.strip_prefix("resumed>").expect("how it went on");
            if let Some((number, arguments)) = begun.remove(&(thread, name)) {
                let whole = format!("{name}({arguments}{result}");
                // An opened file has its number only now.
                if name == "openat" {
                    events.extend(parsed(&whole, folder).map(|call| Event::Begin(number, call)));
                }
                events.push(Event::End(number));
            }
            continue;
        }
        let Some((name, arguments)) = rest.split_once('(') else {
            continue;
        };
        next += 1;
        if let Some(arguments) = arguments.strip_suffix(" <unfinished ...>") {
            if name != "openat"
                && let Some(call) = parsed(&format!("{name}({arguments}) = 0"), folder)
            {
                events.push(Event::Begin(next, call));
            }
            begun.insert((thread, name), (next, arguments.to_owned()));
        } else if let Some(call) = parsed(rest, folder) {
            events.push(Event::Begin(next, call));
            events.push(Event::End(next));
        }
    }
    events
}

/// A whole line; none if it failed, or concerns no file below the folder.
fn parsed(line: &str, folder: &Path) -> Option<Call> {
    let (name, rest) = line.split_once('(')?;
    let (arguments, result) = rest.rsplit_once(" = ")?;
    if result.starts_with('-') || result.starts_with('?') {
        return None;
    }
    let arguments = arguments.trim_end().strip_suffix(')').unwrap_or(arguments);
    let arguments: Vec<&str> = arguments.split(", ").collect();
    let below = |text: &str| {
        let bytes = unhexed(text);
        let path = Path::new(std::str::from_utf8(&bytes).ok()?);
        path.strip_prefix(folder).ok().map(Path::to_owned)
    };
    let text = |place: usize| arguments.get(place).map(|text| text.trim_matches('"'));
    // A descriptor and what it is: 7<\x2f..>
    let open = |text: &str| {
        let (fd, path) = text.split_once('<')?;
        below(path.trim_end_matches('>'))?;
        fd.parse::<u32>().ok()
    };
    match name {
        "openat" => {
            let flags = text(2)?;
            Some(Call::Open {
                fd: open(result)?,
                path: below(text(1)?)?,
                makes: flags.contains("O_CREAT"),
                empties: flags.contains("O_TRUNC"),
            })
        }
        "write" | "pwrite64" => Some(Call::Write {
            fd: open(arguments.first()?)?,
            offset: (name == "pwrite64")
                .then(|| text(3).and_then(|text| text.parse().ok()).expect("an offset")),
            bytes: unhexed(text(1)?),
        }),
        "ftruncate" => Some(Call::Truncate {
            fd: open(arguments.first()?)?,
            to: text(1)?.parse().ok()?,
        }),
        "fsync" | "fdatasync" => Some(Call::Sync {
            fd: open(arguments.first()?)?,
        }),
        "rename" => Some(Call::Rename {
            from: below(text(0)?)?,
            to: below(text(1)?)?,
        }),
        "mkdir" => Some(Call::MakeFolder {
            path: below(text(0)?)?,
        }),
        "unlink" | "rmdir" => Some(Call::Remove {
            path: below(text(0)?)?,
        }),
        _ => None,
    }
}

/// `\x2f\x74` as bytes.
fn unhexed(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    let value = |digit: u8| (digit as char).to_digit(16).unwrap_or(0) as u8;
    digits
        .chunks_exact(2)
        .map(|two| value(two[0]) << 4 | value(two[1]))
        .collect()
}

#[test]
fn a_trace_is_read_with_calls_that_were_interrupted_by_other_threads() {
    let hex = |text: &str| {
        text.bytes()
            .map(|byte| format!("\\x{byte:02x}"))
            .collect::<String>()
    };
    let (file, other) = (hex("/d/x"), hex("/e/x"));
    let trace = format!(
        "7 openat(AT_FDCWD<{}>, \"{file}\", O_RDWR|O_CREAT|O_CLOEXEC, 0600) = 3<{file}>\n\
         7 pwrite64(3<{file}>, \"{}\", 2, 9 <unfinished ...>\n\
         8 fdatasync(4<{other}>) = 0\n\
         8 fdatasync(3<{file}> <unfinished ...>\n\
         7 <... pwrite64 resumed>) = 2\n\
         8 <... fdatasync resumed>) = 0\n\
         7 rename(\"{file}\", \"{file}\") = -1 ENOENT (No such file or directory)\n",
        hex("/"),
        hex("ab"),
    );
    let path = PathBuf::from("x");
    let expected = [
        Event::Begin(
            1,
            Call::Open {
                fd: 3,
                path,
                makes: true,
                empties: false,
            },
        ),
        Event::End(1),
        Event::Begin(
            2,
            Call::Write {
                fd: 3,
                offset: Some(9),
                bytes: b"ab".to_vec(),
            },
        ),
        Event::Begin(4, Call::Sync { fd: 3 }),
        Event::End(2),
        Event::End(4),
    ];
    assert_eq!(events(&trace, Path::new("/d")), expected);
}
