//! The search against a relay that leaks on purpose: every form of every needle, in every place.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddrV4;
use std::os::unix::fs::DirBuilderExt;
use std::process::{Command, Stdio};

use caucus_tests::needles::{Needle, address, exact_times, memory_of, search};
use caucus_tests::process::binaries;

#[test]
fn the_search_finds_every_form_of_every_needle_in_a_relay_that_leaks() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("relay");
    fs::DirBuilder::new().mode(0o700).create(&data).expect("a folder");
    let log = folder.path().join("log");
    let mut leaky = Command::new(binaries().join("leaky"))
        .arg(&data)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(File::create(&log).expect("a log"))
        .spawn()
        .expect("the relay that leaks");
    let text = "ein Geheimnis im Heuhaufen";
    let place = SocketAddrV4::new(address(200), 41_234);
    let mut input = leaky.stdin.take().expect("its input");
    writeln!(input, "text {text}\naddress {place}\n").expect("it listens");
    let mut first = String::new();
    let mut output = BufReader::new(leaky.stdout.take().expect("its output"));
    output.read_line(&mut first).expect("its first line");
    assert!(first.starts_with("caucus://"), "{first}");
    let needles = [Needle::text("the text", text), Needle::address(place)];
    let forms = needles.iter().map(|needle| needle.forms().len()).sum::<usize>();
    let mut disk = Vec::new();
    for file in fs::read_dir(data.join("store/log")).expect("the leaks").flatten() {
        if let Ok(bytes) = fs::read(file.path()) {
            disk.extend(search(&needles, "a file", &bytes));
        }
    }
    let logged = search(&needles, "the log", &fs::read(&log).expect("a log"));
    let memory: Vec<_> = match memory_of(leaky.id()) {
        Ok(memory) => memory
            .iter()
            .flat_map(|(name, bytes)| search(&needles, name, bytes))
            .collect(),
        Err(error) => {
            assert!(!rustix::process::geteuid().is_root(), "{error}");
            Vec::new()
        }
    };
    let kinds = |hits: &[caucus_tests::needles::Hit]| {
        let mut kinds: Vec<_> = hits.iter().map(|hit| (hit.what.clone(), hit.form)).collect();
        kinds.sort();
        kinds.dedup();
        kinds.len()
    };
    assert_eq!(
        (kinds(&disk), kinds(&logged)),
        (forms, forms),
        "{disk:?} {logged:?}"
    );
    if !memory.is_empty() {
        assert_eq!(kinds(&memory), forms, "{memory:?}");
    }
    assert!(exact_times(&data).len() >= forms, "a leak tells its time");
    drop(input);
    assert!(leaky.wait().expect("its end").success());
}
