//! A relay as a process.

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::binaries;

/// A running `caucus-relay`.
pub struct RelayProcess {
    data: PathBuf,
    listen: String,
    address: String,
    child: Option<Child>,
    log: Option<PathBuf>,
    through: Vec<String>,
}

impl RelayProcess {
    /// Starts one on a free port of the loopback.
    pub fn start(data: &Path) -> Self {
        let mut relay = Self {
            data: data.to_owned(),
            listen: "127.0.0.1:0".to_owned(),
            address: String::new(),
            child: None,
            log: None,
            through: Vec::new(),
        };
        relay.start_again();
        relay
    }

    /// Starts one with this configuration, as verbose as it can be asked to be, with its words in a file and through
    /// another program, if one is named (`strace -f ..`, or a shell that sets bounds and ends with `exec "$@"`).
    ///
    /// # Panics
    /// If it does not print its address.
    pub fn configured(data: &Path, config: &str, log: &Path, through: &[&str]) -> Self {
        use std::os::unix::fs::DirBuilderExt;
        let made = std::fs::DirBuilder::new().mode(0o700).create(data);
        made.and_then(|()| std::fs::write(data.join("relay.toml"), config))
            .expect("a folder and a file");
        let mut relay = Self {
            data: data.to_owned(),
            listen: "127.0.0.1:0".to_owned(),
            address: String::new(),
            child: None,
            log: Some(log.to_owned()),
            through: through.iter().map(|word| (*word).to_owned()).collect(),
        };
        relay.start_again();
        relay
    }

    /// Starts it where it was.
    ///
    /// # Panics
    /// If it does not print its address.
    pub fn start_again(&mut self) {
        let program = binaries().join("caucus-relay");
        let mut command = match self.through.split_first() {
            None => Command::new(program),
            Some((first, rest)) => {
                let mut command = Command::new(first);
                command.args(rest).arg(program);
                command
            }
        };
        let errors = match &self.log {
            None => Stdio::piped(),
            Some(log) => {
                command.env("RUST_LOG", "trace").env("RUST_BACKTRACE", "full");
                let log = std::fs::File::options().create(true).append(true).open(log);
                log.expect("a log").into()
            }
        };
        let mut child = command
            .arg("run")
            .arg("--data")
            .arg(&self.data)
            .args(["--listen", &self.listen])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(errors)
            .spawn()
            .expect("the relay's program");
        let mut lines = BufReader::new(child.stdout.take().expect("its output"));
        let mut line = String::new();
        lines.read_line(&mut line).expect("its first line");
        let address = line.trim().to_owned();
        if !address.starts_with("caucus://") {
            let mut errors = String::new();
            match child.stderr.take() {
                Some(mut pipe) => drop(pipe.read_to_string(&mut errors)),
                None => errors = format!("{:?}", self.log.as_ref().map(std::fs::read_to_string)),
            }
            panic!("the relay printed {address:?} and {errors}");
        }
        let (_, place) = address.rsplit_once('@').expect("a place in the address");
        place.clone_into(&mut self.listen);
        self.address = address;
        self.child = Some(child);
    }

    /// Its address.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Where it keeps what it keeps.
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// Its process.
    pub fn pid(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    /// Ends it at once, as a crash or a seizure would.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Asks the relay that another program runs to end (SIGTERM to its process id), and waits for that program.
    ///
    /// # Panics
    /// If there is none.
    pub fn interrupt_child(&mut self) {
        let mut child = self.child.take().expect("it runs");
        let pid = child.id();
        let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
        for relay in children.expect("its children").split_whitespace() {
            let told = Command::new("kill").args(["-TERM", relay]).status();
            assert!(told.expect("kill").success());
        }
        let _ = child.wait();
    }

    /// Bytes of entries in its segment files: grows when something was flushed.
    pub fn entry_bytes(&self) -> u64 {
        let mut sum = 0;
        let mut folders = vec![self.data.clone()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
                let path = entry.path();
                if path.is_dir() {
                    folders.push(path);
                } else if path.extension().is_some_and(|end| end == "log") {
                    sum += entry.metadata().map_or(0, |found| found.len());
                }
            }
        }
        sum
    }

    /// Every byte it keeps on its disk.
    pub fn disk(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let mut files = Vec::new();
        let mut folders = vec![self.data.clone()];
        while let Some(folder) = folders.pop() {
            let Ok(entries) = std::fs::read_dir(&folder) else {
                continue;
            };
            for entry in entries.flatten() {
                let path = entry.path();
                if path.is_dir() {
                    folders.push(path);
                } else if let Ok(bytes) = std::fs::read(&path) {
                    files.push((path, bytes));
                }
            }
        }
        files.sort();
        files
    }
}

impl Drop for RelayProcess {
    fn drop(&mut self) {
        self.kill();
    }
}
