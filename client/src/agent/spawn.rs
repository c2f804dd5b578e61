//! Starts the agent on demand: the same program, beside the terminal, with nothing in its arguments but the
//! home folder and which relays it may dial, and nothing in its environment but where things are.

use std::env;
use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::call::Call;
use super::home::Home;
use crate::app::{Code, Intent, Problem};

/// How long a new agent may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long a face waits before it looks again.
const PAUSE: Duration = Duration::from_millis(5);

/// How long it waits before it starts another, where one ended (because an old one was still ending).
const AGAIN: Duration = Duration::from_millis(200);

/// What the agent keeps of the environment.
fn kept() -> [(&'static str, Option<OsString>); 5] {
    [
        ("HOME", env::var_os("HOME")),
        ("PATH", env::var_os("PATH")),
        ("TMPDIR", env::var_os("TMPDIR")),
        ("XDG_DATA_HOME", env::var_os("XDG_DATA_HOME")),
        ("XDG_RUNTIME_DIR", env::var_os("XDG_RUNTIME_DIR")),
    ]
}

/// Connects to the agent, starting it where none runs; with relays in private networks whoever names them, or not.
///
/// # Errors
/// `Problem` if the home folder cannot be used or no agent answers.
pub fn reach_or_start(home: &Home, private_relays: bool) -> Result<Call, Problem> {
    if let Some(call) = Call::connect(home)? {
        return Ok(call);
    }
    home.prepare()?;
    let begun = Instant::now();
    let mut child = start(home, private_relays)?;
    loop {
        if let Some(mut call) = Call::connect(home)? {
            call.ask(&Intent::Hello {})?;
            return Ok(call);
        }
        if begun.elapsed() > PATIENCE {
            return Err(Problem::new(
                Code::Agent,
                "the agent was started, but does not answer",
                "run `caucus agent` in another terminal to see why",
            ));
        }
        if matches!(child.try_wait(), Ok(Some(_))) {
            sleep(AGAIN);
            if Call::connect(home)?.is_none() {
                child = start(home, private_relays)?;
            }
        }
        sleep(PAUSE);
    }
}

fn start(home: &Home, private_relays: bool) -> Result<Child, Problem> {
    let failed = |error: std::io::Error| {
        Problem::new(
            Code::Agent,
            format!("the agent cannot be started: {error}"),
            "run `caucus agent` in another terminal to see why",
        )
    };
    let program = env::current_exe().map_err(failed)?;
    Command::new(program)
        .arg("agent")
        .arg("--home")
        .arg(home.folder())
        .args(private_relays.then_some("--private-relays"))
        .env_clear()
        .envs(
            kept()
                .into_iter()
                .filter_map(|(name, value)| Some((name, value?))),
        )
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .map_err(failed)
}
