//! A socket in the data folder, for the commands of whoever runs the relay: who may open the folder may ask.
//!
//! A request is one line of JSON, an answer too; behind the answer to an export comes the archive.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream as BlockingStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::task::Context;
use std::time::{Duration, UNIX_EPOCH};

use rustix::fs::{AtFlags, CWD, Timespec, Timestamps, utimensat};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader as AsyncBufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::task;
use tokio::time::timeout;

use caucus_proto::id::ChannelId;

use crate::attend::attend;
use crate::clock::this_hour;
use crate::limits::Limits;
use crate::operate::Operator;

/// Its name in the data folder.
const NAME: &str = "control";
/// Bytes of a request.
const REQUEST: u64 = 1024;
/// Requests at once.
const AT_ONCE: usize = 4;
/// How long a request, or a part of an answer, may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// What is asked.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Request {
    /// Read the limits of the configuration again.
    Reload,
    /// Delete a channel.
    Delete {
        /// Its 32 bytes.
        channel: ChannelId,
    },
    /// Give the store as an archive.
    Export,
}

/// What is answered.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Reply {
    /// The limits are in force, but for these, which a relay takes when it is started.
    Reloaded {
        /// Their names.
        later: Vec<String>,
    },
    /// Whether there was such a channel.
    Deleted {
        /// There was.
        existed: bool,
    },
    /// The archive follows.
    Archive,
    /// It was not done.
    Failed {
        /// Why.
        why: String,
    },
}

/// Reads the limits again, or says what is wrong with them.
pub type Reread = Arc<dyn Fn() -> Result<Limits, String> + Send + Sync>;

fn place(data: &Path) -> PathBuf {
    data.join(NAME)
}

/// Opens the socket in a data folder that this process alone uses; one that a dead relay left is taken away.
///
/// # Errors
/// As the system says, such as for a path of more than 107 bytes.
pub fn listen(data: &Path) -> io::Result<UnixListener> {
    let path = place(data);
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(&path)?;
    blur(&path);
    blur(data);
    Ok(listener)
}

/// No time on the disk tells when the relay was started or ended.
fn blur(path: &Path) {
    let since = this_hour().duration_since(UNIX_EPOCH).unwrap_or_default();
    let hour = Timespec {
        tv_sec: since.as_secs().try_into().unwrap_or(0),
        tv_nsec: 0,
    };
    let times = Timestamps {
        last_access: hour,
        last_modification: hour,
    };
    // A file system that keeps no times is no reason to stop.
    let _ = utimensat(CWD, path, &times, AtFlags::SYMLINK_NOFOLLOW);
}

/// Takes the socket away: the relay ends.
pub fn close(data: &Path) {
    // Where it is gone already there is nothing to do, and one that stays is taken away at the next start.
    let _ = std::fs::remove_file(place(data));
    blur(data);
}

/// Answers until it is dropped.
pub async fn serve(listener: UnixListener, operator: Arc<dyn Operator>, reread: Reread) {
    let comes = |cx: &mut Context<'_>| listener.poll_accept(cx).map_ok(|(stream, _)| stream);
    attend(AT_ONCE, comes, |stream| {
        let (operator, reread) = (Arc::clone(&operator), Arc::clone(&reread));
        async move {
            // Whoever has gone needs no answer.
            let _ = answer(stream, &*operator, &reread).await;
        }
    })
    .await;
}

/// Puts the limits of the configuration into force.
pub fn reload(operator: &dyn Operator, reread: &Reread) -> Reply {
    match reread() {
        Ok(limits) => {
            let later = operator.reload(&limits);
            tracing::info!(later = later.join(" "), "the limits were read again");
            Reply::Reloaded {
                later: later.into_iter().map(str::to_owned).collect(),
            }
        }
        Err(why) => {
            tracing::error!("the limits stay as they are: {why}");
            Reply::Failed { why }
        }
    }
}

async fn answer(stream: UnixStream, operator: &dyn Operator, reread: &Reread) -> io::Result<()> {
    let mut stream = AsyncBufReader::new(stream);
    let mut line = String::new();
    let mut limited = (&mut stream).take(REQUEST);
    timeout(PATIENCE, limited.read_line(&mut line)).await??;
    let failed = |why: String| Reply::Failed { why };
    let reply = match serde_json::from_str(&line) {
        Ok(Request::Reload) => reload(operator, reread),
        Ok(Request::Delete { channel }) => match operator.delete(channel).await {
            Ok(existed) => Reply::Deleted { existed },
            Err(error) => failed(error.to_string()),
        },
        Ok(Request::Export) => match operator.export().await {
            Ok(Some(export)) => {
                let mut stream = stream.into_inner();
                say(&mut stream, &Reply::Archive).await?;
                let mut stream = stream.into_std()?;
                return task::spawn_blocking(move || {
                    stream.set_nonblocking(false)?;
                    stream.set_write_timeout(Some(PATIENCE))?;
                    export.write(&mut stream).map(|_| ())
                })
                .await
                .unwrap_or_else(|_| Err(io::ErrorKind::Interrupted.into()));
            }
            Ok(None) => failed("its store is in memory: there is nothing to export".to_owned()),
            Err(error) => failed(error.to_string()),
        },
        Err(_) => failed("this relay does not know the request".to_owned()),
    };
    say(&mut stream.into_inner(), &reply).await
}

async fn say(stream: &mut UnixStream, reply: &Reply) -> io::Result<()> {
    let line = serde_json::to_string(reply)? + "\n";
    timeout(PATIENCE, stream.write_all(line.as_bytes())).await?
}

/// Asks the relay that runs on a data folder; none if none does. Behind the answer comes what may follow it.
///
/// # Errors
/// If it does not answer.
pub fn ask(data: &Path, request: &Request) -> io::Result<Option<(Reply, impl Read + use<>)>> {
    let mut stream = match BlockingStream::connect(place(data)) {
        Ok(stream) => stream,
        // No relay, or one that was killed.
        Err(error) if [io::ErrorKind::NotFound, io::ErrorKind::ConnectionRefused].contains(&error.kind()) => {
            return Ok(None);
        }
        Err(error) => return Err(error),
    };
    stream.set_read_timeout(Some(2 * PATIENCE))?;
    stream.write_all((serde_json::to_string(request)? + "\n").as_bytes())?;
    let mut stream = BufReader::new(stream);
    let mut line = String::new();
    (&mut stream).take(64 * REQUEST).read_line(&mut line)?;
    Ok(Some((serde_json::from_str(&line)?, stream)))
}
