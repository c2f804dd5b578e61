//! Stories of an agent and those who ask it, on a temporary home.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::line::LONGEST_LINE;
use super::{Agent, AgentError, Call, Home};
use crate::app::{Answer, App, Code, Cost, Intent, Problem, Secret, Sockets, VaultWord};
use crate::clock::SystemClock;

/// An agent of this process.
pub(crate) struct Running {
    pub(crate) home: Home,
    end: Option<oneshot::Sender<()>>,
    life: JoinHandle<()>,
    runtime: Runtime,
}

pub(crate) fn bind(home: &Home) -> Result<Agent, AgentError> {
    let app = App::over(
        home.folder().to_path_buf(),
        Arc::new(SystemClock),
        Cost::new(8 * 1024, 1, 1),
        Sockets::anywhere(),
    );
    Agent::bind(home.clone(), app)
}

impl Running {
    pub(crate) fn start(folder: &Path) -> Self {
        Self::start_as(folder, |agent| agent)
    }

    fn start_as(folder: &Path, change: impl FnOnce(Agent) -> Agent) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        let home = Home::at(folder).unwrap();
        let agent = change(runtime.block_on(async { bind(&home) }).unwrap());
        let (end, ended) = oneshot::channel();
        let life = runtime.spawn(agent.run(async {
            let _ = ended.await;
        }));
        Self {
            home,
            end: Some(end),
            life,
            runtime,
        }
    }

    fn call(&self) -> Call {
        Call::connect(&self.home).unwrap().unwrap()
    }

    fn line(&self) -> Line {
        let write = UnixStream::connect(self.home.socket()).unwrap();
        write.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let read = BufReader::new(write.try_clone().unwrap());
        Line { write, read }
    }

    fn init(&self) {
        let passphrase = secret("open");
        self.call().ask(&Intent::Init { passphrase }).unwrap();
    }

    /// Ends it and waits for that.
    pub(crate) fn end(mut self) {
        let _ = self.end.take().unwrap().send(());
        self.wait();
    }

    fn wait(&mut self) {
        let life = &mut self.life;
        self.runtime
            .block_on(async { tokio::time::timeout(Duration::from_secs(10), life).await })
            .unwrap()
            .unwrap();
    }
}

struct Line {
    write: UnixStream,
    read: BufReader<UnixStream>,
}

impl Line {
    fn send(&mut self, text: &str) {
        self.write.write_all(format!("{text}\n").as_bytes()).unwrap();
    }

    fn hear(&mut self) -> Value {
        let mut line = String::new();
        self.read.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap()
    }
}

fn secret(text: &str) -> Secret {
    Secret(text.to_owned())
}

fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

fn code(answer: Result<Answer, Problem>) -> Code {
    answer.unwrap_err().code
}

#[test]
fn only_the_owner_reaches_the_socket() {
    let folder = folder();
    let home = folder.path().join("deep/home");
    let agent = Running::start(&home);
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&home), 0o700);
    assert_eq!(mode(&agent.home.socket()), 0o600);
    assert_eq!(mode(&home.join("agent.lock")), 0o600);
    agent.end();
    assert!(!home.join("agent.sock").exists());
}

#[test]
fn a_foreign_user_id_is_turned_away_without_a_word() {
    let folder = folder();
    let own = rustix::process::geteuid().as_raw();
    let agent = Running::start_as(folder.path(), |agent| agent.only_for(own + 1));
    let mut stranger = agent.line();
    let _ = stranger.write.write_all(b"{\"id\":1,\"do\":\"hello\"}\n");
    let mut heard = Vec::new();
    let _ = stranger.read.read_to_end(&mut heard);
    assert_eq!(heard, b"");
    agent.end();
}

#[test]
fn a_second_agent_on_one_home_is_refused_and_the_first_goes_on() {
    let folder = folder();
    let agent = Running::start(folder.path());
    let second = agent.runtime.block_on(async { bind(&agent.home) });
    assert!(matches!(second, Err(AgentError::Runs)));
    assert!(agent.call().ask(&Intent::Hello {}).is_ok());
    agent.end();
    Running::start(folder.path()).end();
}

#[test]
fn the_socket_of_a_dead_agent_is_replaced() {
    let folder = folder();
    drop(UnixListener::bind(folder.path().join("agent.sock")).unwrap());
    let home = Home::at(folder.path()).unwrap();
    assert!(Call::connect(&home).unwrap().is_none());
    let agent = Running::start(folder.path());
    assert!(agent.call().ask(&Intent::Hello {}).is_ok());
    agent.end();
}

#[test]
fn a_home_that_others_may_write_to_or_that_is_a_link_is_no_home() {
    let folder = folder();
    let open = folder.path().join("open");
    fs::create_dir(&open).unwrap();
    fs::set_permissions(&open, fs::Permissions::from_mode(0o777)).unwrap();
    let link = folder.path().join("link");
    std::os::unix::fs::symlink(folder.path(), &link).unwrap();
    for bad in [open, link] {
        let home = Home::at(&bad).unwrap();
        assert_eq!(
            home.prepare().map_err(Problem::from).unwrap_err().code,
            Code::Vault
        );
        assert_eq!(Call::connect(&home).unwrap_err().code, Code::Vault);
    }
}

#[test]
fn a_home_with_a_path_too_long_for_a_socket_works_all_the_same() {
    let folder = folder();
    let agent = Running::start(&folder.path().join("a".repeat(120)).join("b".repeat(120)));
    let answer = agent.call().ask(&Intent::Hello {}).unwrap();
    assert!(matches!(
        answer,
        Answer::Agent {
            vault: VaultWord::None,
            ..
        }
    ));
    agent.end();
}

#[test]
fn what_is_no_request_gets_an_error_and_the_connection_goes_on() {
    let folder = folder();
    let agent = Running::start(folder.path());
    let mut line = agent.line();
    for (text, id) in [
        ("", 0),
        ("{", 0),
        ("[]", 0),
        ("{\"do\":\"hello\"}", 0),
        ("{\"id\":-1,\"do\":\"hello\"}", 0),
        ("{\"id\":\"1\",\"do\":\"hello\"}", 0),
        ("{\"id\":5}", 5),
        ("{\"id\":6,\"do\":\"fly\"}", 6),
        ("{\"id\":7,\"do\":\"hello\",\"more\":1}", 7),
        ("{\"id\":8,\"do\":\"say\",\"room\":1,\"text\":\"x\"}", 8),
        (
            &format!("{{\"id\":9,\"do\":{}1{}}}", "[".repeat(400), "]".repeat(400)),
            0,
        ),
    ] {
        line.send(text);
        let heard = line.hear();
        assert_eq!(heard["id"], id, "{text}: {heard}");
        assert_eq!(heard["error"]["code"], "bad_input", "{text}: {heard}");
        assert!(heard["error"]["next"].is_string());
    }
    line.write.write_all(b"\xff\xfe\n").unwrap();
    assert_eq!(line.hear()["error"]["code"], "bad_input");
    line.send("{\"id\":10,\"do\":\"hello\"}");
    assert_eq!(line.hear()["ok"]["is"], "agent");
    agent.end();
}

#[test]
fn a_line_that_is_too_long_is_refused_and_ends_the_connection() {
    let folder = folder();
    let agent = Running::start(folder.path());
    let mut line = agent.line();
    let begin = "{\"id\":3,\"do\":\"hello\",\"x\":\"";
    let fits = format!("{begin}{}\"}}", "x".repeat(LONGEST_LINE - begin.len() - 2));
    assert_eq!(fits.len(), LONGEST_LINE);
    line.send(&fits);
    assert_eq!(line.hear()["id"], 3);
    let _ = line.write.write_all("x".repeat(LONGEST_LINE + 1).as_bytes());
    let heard = line.hear();
    assert_eq!(
        (&heard["id"], &heard["error"]["code"]),
        (&json!(0), &json!("bad_input"))
    );
    let mut rest = Vec::new();
    let _ = line.read.read_to_end(&mut rest);
    assert_eq!(rest, b"");
    assert!(agent.call().ask(&Intent::Hello {}).is_ok());
    agent.end();
}

#[test]
fn a_slow_request_does_not_hold_up_the_next_one() {
    let folder = folder();
    let agent = Running::start(folder.path());
    let mut line = agent.line();
    line.send("{\"id\":1,\"do\":\"init\",\"passphrase\":\"open\"}");
    line.send("{\"id\":2,\"do\":\"hello\"}");
    assert_eq!(line.hear()["id"], 2);
    let heard = line.hear();
    assert_eq!((&heard["id"], &heard["ok"]["is"]), (&json!(1), &json!("done")));
    agent.end();
}

#[test]
fn whoever_closes_their_half_is_still_answered() {
    let folder = folder();
    let agent = Running::start(folder.path());
    let mut line = agent.line();
    line.send("{\"id\":1,\"do\":\"init\",\"passphrase\":\"open\"}");
    line.write.shutdown(std::net::Shutdown::Write).unwrap();
    assert_eq!(line.hear()["ok"]["is"], "done");
    let mut rest = Vec::new();
    line.read.read_to_end(&mut rest).unwrap();
    assert_eq!(rest, b"");
    agent.end();
}

#[test]
fn more_connections_than_there_is_room_for_are_told_so() {
    let folder = folder();
    let agent = Running::start(folder.path());
    let held: Vec<Call> = (0..super::listen::CONNECTIONS)
        .map(|_| {
            let mut call = agent.call();
            call.ask(&Intent::Hello {}).unwrap();
            call
        })
        .collect();
    assert_eq!(code(agent.call().ask(&Intent::Hello {})), Code::Agent);
    drop(held);
    let again = (0..200).any(|_| {
        std::thread::sleep(Duration::from_millis(10));
        agent.call().ask(&Intent::Hello {}).is_ok()
    });
    assert!(again);
    agent.end();
}

#[test]
fn a_locked_vault_does_nothing_until_the_right_passphrase() {
    let folder = folder();
    let agent = Running::start(folder.path());
    assert_eq!(code(agent.call().ask(&Intent::Rooms {})), Code::NoVault);
    agent.init();
    let mut call = agent.call();
    assert!(call.ask(&Intent::Rooms {}).is_ok());
    call.ask(&Intent::Lock {}).unwrap();
    assert_eq!(code(call.ask(&Intent::Rooms {})), Code::Locked);
    let unlock = |text: &str| Intent::Unlock {
        passphrase: secret(text),
    };
    assert_eq!(code(call.ask(&unlock("shut"))), Code::WrongPassphrase);
    assert_eq!(code(call.ask(&Intent::Rooms {})), Code::Locked);
    call.ask(&unlock("open")).unwrap();
    assert!(call.ask(&Intent::Rooms {}).is_ok());
    agent.end();
}

#[test]
fn stop_is_answered_before_the_agent_ends() {
    let folder = folder();
    let mut agent = Running::start(folder.path());
    agent.init();
    assert_eq!(agent.call().ask(&Intent::Stop {}), Ok(Answer::Done {}));
    agent.wait();
    assert!(Call::connect(&agent.home).unwrap().is_none());
    // The lock is free and the vault closed: the next one opens it.
    let next = Running::start(folder.path());
    let passphrase = secret("open");
    next.call().ask(&Intent::Unlock { passphrase }).unwrap();
    next.end();
}

#[test]
fn a_passphrase_in_a_request_is_not_printed_and_not_left_in_the_line() {
    let mut line = b"{\"id\":1,\"do\":\"unlock\",\"passphrase\":\"hunter2\"}".to_vec();
    let request = super::Request::read(&mut line).unwrap();
    assert!(!format!("{request:?}").contains("hunter2"));
    assert!(line.iter().all(|byte| *byte == 0));
}
