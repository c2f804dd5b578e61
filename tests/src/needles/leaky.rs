//! A relay that leaks, so that the search for needles can be seen to find them: the real one, and beside it everything
//! that a bad one could do with what it is given on its standard input. For tests only.

use std::fs;
use std::io::{self, BufRead, Write};
use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::PathBuf;
use std::sync::Arc;

use caucus_server::clock::SystemClock;
use caucus_server::keyfile;
use caucus_server::limits::Limits;
use caucus_server::run::{Relay, Setup};
use caucus_server::store::embedded::{Embedded, Options};

use super::Needle;

/// `leaky DATA`: each line of the input is `text WORDS` or `address IP:PORT`. Answers with a line when all are leaked,
/// and ends with its input.
///
/// # Errors
/// Whatever goes wrong.
pub async fn leak() -> Result<(), Box<dyn std::error::Error>> {
    let data = PathBuf::from(std::env::args().nth(1).ok_or("no folder")?);
    let setup = Setup {
        identity: keyfile::load_or_make(&data)?,
        listen: (Ipv4Addr::LOCALHOST, 0).into(),
        public: None,
        limits: Limits::default(),
        clock: Arc::new(SystemClock::new(None)),
    };
    let store = Embedded::open(&data.join("store"), Options::default())?;
    let relay = Relay::start(setup, Arc::new(store)).await?;
    let mut held = Vec::new();
    for line in io::stdin().lock().lines() {
        let line = line?;
        let needle = match line.split_once(' ') {
            Some(("text", words)) => Needle::text("leaked", words),
            Some(("address", place)) => Needle::address(place.parse::<SocketAddrV4>()?),
            _ => break,
        };
        for (form, bytes) in needle.forms() {
            let folder = data.join("store").join("log");
            let name = format!("{}-{}.log", held.len(), form.replace(' ', "-"));
            fs::write(folder.join(name), bytes)?;
            io::stderr().write_all(bytes)?;
            io::stderr().write_all(b"\n")?;
            held.push(bytes.clone());
        }
    }
    println!("{}", relay.address());
    let mut end = String::new();
    io::stdin().read_line(&mut end)?;
    relay.stop().await?;
    Ok(())
}
