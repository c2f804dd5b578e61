//! One connection: requests in, several under way at once, replies out in any order.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};
use zeroize::Zeroize;

use super::line::{LONGEST_LINE, Reply, Request, Said};
use crate::app::{Answer, App, Code, Intent, Problem, Telling};

/// Most requests under way at a time on a connection; the agent reads on when one is done.
pub(super) const REQUESTS: usize = 64;

/// Most rooms that a connection follows.
pub(super) const FOLLOWS: usize = 64;

/// Lines that wait for the asker to read them.
const REPLIES: usize = 64;

/// How often somebody who follows counts as asking.
const TOUCH: Duration = Duration::from_secs(20);

/// How long something may take before the asker is told how far it is.
const LONG: Duration = Duration::from_secs(1);

/// How often the asker is told.
const AGAIN: Duration = Duration::from_millis(250);

/// What all connections share.
pub(super) struct Shared {
    pub(super) app: App,
    /// Where the agent is reached.
    pub(super) socket: PathBuf,
    /// Ends the agent.
    pub(super) stop: watch::Sender<bool>,
}

/// Answers that there are too many connections.
pub(super) fn turn_away(stream: UnixStream) {
    let reply = problem(
        0,
        Problem::new(
            Code::Agent,
            "too many programs talk to the agent at the same time",
            "end some of them and try again",
        ),
    );
    // An empty socket buffer takes one line; if not, the asker sees the end of the connection.
    let _ = stream.try_write(&reply.to_line());
}

/// Serves a connection until the asker closes it.
pub(super) async fn connection(stream: UnixStream, shared: Arc<Shared>) {
    let (read, write) = stream.into_split();
    let (replies, queue) = mpsc::channel(REPLIES);
    let (gone, is_gone) = watch::channel(false);
    let writer = tokio::spawn(write_on(write, queue, gone.clone()));
    let desk = Desk {
        shared,
        replies,
        gone: is_gone,
        requests: Arc::new(Semaphore::new(REQUESTS)),
        follows: Arc::new(Semaphore::new(FOLLOWS)),
    };
    desk.take(read).await;
    gone.send_replace(true);
    // What is under way is finished and, if the asker only closed its own half, answered.
    drop(desk);
    let _ = writer.await;
}

async fn write_on(mut write: OwnedWriteHalf, mut queue: mpsc::Receiver<Vec<u8>>, gone: watch::Sender<bool>) {
    while let Some(line) = queue.recv().await {
        if write.write_all(&line).await.is_err() {
            gone.send_replace(true);
            return;
        }
    }
}

struct Desk {
    shared: Arc<Shared>,
    replies: mpsc::Sender<Vec<u8>>,
    gone: watch::Receiver<bool>,
    requests: Arc<Semaphore>,
    follows: Arc<Semaphore>,
}

impl Desk {
    async fn take(&self, read: OwnedReadHalf) {
        let mut read = BufReader::new(read);
        let mut gone = self.gone.clone();
        loop {
            let mut line = tokio::select! {
                line = next_line(&mut read) => match line {
                    Some(line) => line,
                    None => return,
                },
                () = until(&mut gone) => return,
            };
            if line.len() > LONGEST_LINE {
                line.zeroize();
                let told = Problem::new(
                    Code::BadInput,
                    format!("the line is longer than {LONGEST_LINE} bytes"),
                    "send less at a time",
                );
                let _ = self.replies.send(problem(0, told).to_line()).await;
                return;
            }
            match Request::read(&mut line) {
                Ok(request) => self.begin(request).await,
                Err(refused) => {
                    if self.replies.send(refused.to_line()).await.is_err() {
                        return;
                    }
                }
            }
        }
    }

    async fn begin(&self, Request { id, intent }: Request) {
        let work = Work {
            id,
            shared: Arc::clone(&self.shared),
            replies: self.replies.clone(),
            gone: self.gone.clone(),
        };
        if let Intent::Read {
            room,
            since,
            limit,
            follow: true,
            all,
            mark,
        } = intent
        {
            match Arc::clone(&self.follows).try_acquire_owned() {
                Ok(slot) => {
                    tokio::spawn(work.follow(room, (since, limit), (all, mark), slot));
                }
                Err(_) => {
                    let told = Problem::new(
                        Code::BadInput,
                        format!("a connection follows {FOLLOWS} rooms at most"),
                        "open another connection",
                    );
                    work.reply(Said::Error(told)).await;
                }
            }
            return;
        }
        // Never closed; waiting here is what keeps an asker from piling up work.
        if let Ok(slot) = Arc::clone(&self.requests).acquire_owned().await {
            tokio::spawn(work.answer(intent, slot));
        }
    }
}

/// One request under way.
struct Work {
    id: u64,
    shared: Arc<Shared>,
    replies: mpsc::Sender<Vec<u8>>,
    gone: watch::Receiver<bool>,
}

impl Work {
    async fn answer(self, intent: Intent, slot: OwnedSemaphorePermit) {
        let stops = matches!(intent, Intent::Stop {});
        let only_waits = matches!(intent, Intent::AwaitJoin { .. });
        // What is done of a file is kept, so that whoever breaks it off stops it.
        let breaks_off = matches!(
            intent,
            Intent::SendFile { .. }
                | Intent::GetFile { .. }
                | Intent::GetAnnounced { .. }
                | Intent::GetReported { .. }
        );
        let app = self.shared.app.clone();
        let mut gone = self.gone.clone();
        let answer = if only_waits {
            tokio::select! {
                answer = app.handle(intent) => answer,
                () = until(&mut gone) => return,
            }
        } else if breaks_off {
            tokio::select! {
                answer = self.work(&app, intent) => answer,
                () = until(&mut gone) => return,
            }
        } else {
            self.work(&app, intent).await
        };
        if stops {
            // Whoever comes after the answer must not meet the agent that ends.
            let _ = std::fs::remove_file(&self.shared.socket);
        }
        self.reply(match answer {
            Ok(answer) => Said::Ok(answer),
            Err(told) => Said::Error(told),
        })
        .await;
        drop(slot);
        if stops {
            // The asker has the answer, or is gone, before the process ends.
            let _ = tokio::time::timeout(Duration::from_secs(1), async {
                while self.replies.capacity() < self.replies.max_capacity() && !self.replies.is_closed() {
                    tokio::time::sleep(Duration::from_millis(2)).await;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            })
            .await;
            self.shared.stop.send_replace(true);
        }
    }

    /// Does what is asked, and tells now and then how far it is where that takes long.
    async fn work(&self, app: &App, intent: Intent) -> Result<Answer, Problem> {
        let telling = Telling::new(None);
        let mut told = telling.subscribe();
        let mut tick = tokio::time::interval_at(tokio::time::Instant::now() + LONG, AGAIN);
        let work = app.handle_telling(intent, &telling);
        tokio::pin!(work);
        loop {
            tokio::select! {
                answer = &mut work => return answer,
                _ = tick.tick() => {
                    let latest = if told.has_changed().unwrap_or(false) { *told.borrow_and_update() } else { None };
                    if let Some(progress) = latest {
                        app.touch();
                        self.reply(Said::Event(Answer::Progress {
                            what: progress.what.to_owned(),
                            done: progress.done,
                            total: progress.total,
                            bytes: progress.bytes,
                        }))
                        .await;
                    }
                }
            }
        }
    }

    /// What stands, then what comes: it listens before it reads, so that nothing falls between.
    async fn follow(
        self,
        room: String,
        (since, limit): (Option<u64>, Option<u32>),
        (all, mark): (bool, bool),
        _slot: OwnedSemaphorePermit,
    ) {
        let app = self.shared.app.clone();
        let mut follow = match app.follow(&room, all) {
            Ok(follow) => follow,
            Err(told) => {
                self.reply(Said::Error(told)).await;
                return;
            }
        };
        let read = Intent::Read {
            room,
            since,
            limit,
            follow: true,
            all,
            mark,
        };
        match app.handle(read).await {
            Ok(answer) => {
                if let Answer::Messages {
                    messages, position, ..
                } = &answer
                {
                    // A page from a position may end before what was read so far does: the rest follows.
                    let last = messages.last().map(|message| message.position);
                    follow.after(match since {
                        Some(since) => last.unwrap_or(since),
                        None => *position,
                    });
                }
                self.reply(Said::Ok(answer)).await;
            }
            Err(told) => {
                self.reply(Said::Error(told)).await;
                return;
            }
        }
        let mut gone = self.gone.clone();
        let mut touch = tokio::time::interval(TOUCH);
        loop {
            tokio::select! {
                message = follow.next() => match message {
                    Some(message) => {
                        if !self.reply(Said::Event(Answer::Message(message))).await {
                            return;
                        }
                    }
                    None => {
                        let told = Problem::new(
                            Code::Locked,
                            "the vault was locked",
                            "open it with `caucus unlock` and follow again",
                        );
                        self.reply(Said::Error(told)).await;
                        return;
                    }
                },
                _ = touch.tick() => app.touch(),
                () = until(&mut gone) => return,
            }
        }
    }

    /// False when nobody reads any more.
    async fn reply(&self, said: Said) -> bool {
        let line = Reply { id: self.id, said }.to_line();
        self.replies.send(line).await.is_ok()
    }
}

/// Until the asker is gone.
async fn until(gone: &mut watch::Receiver<bool>) {
    // An error means that the connection's own task has ended: gone as well.
    let _ = gone.wait_for(|gone| *gone).await;
}

/// The next line without its newline; one byte more than the longest where it is too long; none at the end.
async fn next_line(read: &mut BufReader<OwnedReadHalf>) -> Option<Vec<u8>> {
    let mut line = Vec::new();
    let most = LONGEST_LINE as u64 + 1;
    match (&mut *read).take(most).read_until(b'\n', &mut line).await {
        Ok(0) | Err(_) => None,
        Ok(_) => {
            if line.last() == Some(&b'\n') {
                line.pop();
            }
            Some(line)
        }
    }
}

fn problem(id: u64, told: Problem) -> Reply {
    Reply {
        id,
        said: Said::Error(told),
    }
}
