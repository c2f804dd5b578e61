//! `run`.

use std::future::Future;
use std::io;
use std::path::Path;
use std::sync::Arc;

use caucus_server::clock::SystemClock;
use caucus_server::config::{Config, StoreChoice};
use caucus_server::control::{self, Reread};
use caucus_server::keyfile;
use caucus_server::net::Identity;
use caucus_server::process;
use caucus_server::report;
use caucus_server::run::{Relay, Setup};
use caucus_server::store::Store;
use caucus_server::store::embedded::{Embedded, Options};
use caucus_server::store::memory::Memory;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::{Cli, Failure, Home, answer, note};

/// The folder of the store in the data folder.
pub(super) const STORE: &str = "store";

pub(super) fn run(cli: &Cli, home: &Home, config: &Config) -> Result<(), Failure> {
    let reread = home.reread();
    // Before the key is read.
    if !process::protect() {
        tracing::warn!("this system lets others read the relay's memory");
    }
    let runtime = runtime()?;
    match config.store {
        StoreChoice::Memory => {
            // Without a folder of its own a relay in memory leaves nothing on the disk, not even its key.
            let identity = if home.named {
                keyfile::load_or_make(&home.data)?
            } else {
                Identity::generate()?
            };
            let store = Memory::new(config.memory_bytes);
            let data = home.named.then_some(&*home.data);
            runtime.block_on(serve(cli, config, identity, store, (data, reread)))
        }
        StoreChoice::Disk => {
            let identity = keyfile::load_or_make(&home.data)?;
            let store = Embedded::open(&home.data.join(STORE), options(config))?;
            runtime.block_on(serve(cli, config, identity, store, (Some(&home.data), reread)))
        }
    }
}

/// Opens the store of a relay that does not run.
pub(super) fn stopped(home: &Home) -> Result<(Runtime, Embedded), Failure> {
    let (config, folder) = (home.filed()?, home.data.join(STORE));
    if config.store == StoreChoice::Memory || !folder.is_dir() {
        return Err(Failure::not_running(&home.data));
    }
    Ok((runtime()?, Embedded::open(&folder, options(&config))?))
}

/// One thread serves until it is full: fewer wake-ups per delivery than two.
pub(super) fn runtime() -> Result<Runtime, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| Failure::runtime(&error))
}

/// How the store of a configuration is opened.
pub(super) fn options(config: &Config) -> Options {
    Options {
        quota_bytes: config.quota_bytes,
        ..Options::default()
    }
}

async fn serve<S: Store>(
    cli: &Cli,
    config: &Config,
    identity: Identity,
    store: S,
    (data, reread): (Option<&Path>, Reread),
) -> Result<(), Failure> {
    // Before the address goes out, so that whoever reads it may already ask the relay to stop.
    let stop = stop_signal().map_err(|error| Failure::runtime(&error))?;
    let mut reload = signal(SignalKind::hangup()).map_err(|error| Failure::runtime(&error))?;
    let place = config.place(config.listen.port());
    let setup = Setup {
        identity,
        listen: config.listen,
        public: Some((place.host, config.public.as_ref().and_then(|public| public.port))),
        limits: config.limits.clone(),
        clock: Arc::new(SystemClock::new(store.known_hour())),
    };
    let metrics = match config.metrics {
        Some(place) => Some(
            TcpListener::bind(place)
                .await
                .map_err(|error| Failure::metrics(place, &error))?,
        ),
        None => None,
    };
    let mut relay = Relay::start(setup, Arc::new(store)).await?;
    if let Some(listener) = metrics {
        let operator = relay.operator();
        tokio::spawn(report::serve(listener, Arc::new(move || operator.report())));
    }
    let operator = relay.operator();
    match data.map(control::listen) {
        Some(Ok(listener)) => drop(tokio::spawn(control::serve(
            listener,
            Arc::clone(&operator),
            Arc::clone(&reread),
        ))),
        // Serving is more than being asked.
        Some(Err(error)) => tracing::warn!("no socket for commands in the data folder: {error}"),
        None => {}
    }
    let reloading = async {
        while reload.recv().await.is_some() {
            control::reload(&*operator, &reread);
        }
    };
    let address = relay.address().to_string();
    answer(cli, &address, &json!({ "address": address }))?;
    if config.is_local() {
        note(
            cli,
            "This address works on this machine only; for others give --public HOST.",
        );
    }
    if config.store == StoreChoice::Memory {
        note(
            cli,
            "Everything is in memory only: when this relay ends, all entries are gone.",
        );
    }
    tokio::select! {
        () = stop => {}
        () = reloading => {}
        () = relay.ended() => {}
    }
    data.map(control::close);
    relay.stop().await?;
    Ok(())
}

/// Ends with the first SIGTERM or SIGINT.
fn stop_signal() -> io::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        let either = |signal: Option<()>| signal.is_some();
        tokio::select! {
            got = Signal::recv(&mut terminate) => either(got),
            got = Signal::recv(&mut interrupt) => either(got),
        };
    })
}
