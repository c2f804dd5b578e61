//! `cargo mutants-of-laws`: breaks one law of the organization machine after the other in a copy of the sources, and
//! sees that its tests notice. Ends with 1 if they do not notice one.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use caucus_tests::machine::{MUTANTS, Mutant};
use caucus_tests::process::binaries;
use clap::Parser;

/// Tests that take longer than all others together.
const LONGEST: [&str; 2] = ["org::tests::offices", "org::tests::counting"];

/// Breaks the laws of the organization machine, one by one, and sees that its tests notice.
#[derive(Parser)]
struct Cli {
    /// Only those of this law or rule.
    #[arg(long)]
    law: Option<String>,
    /// Passes over so many: to go on with what broke off.
    #[arg(long, default_value_t = 0)]
    skip: usize,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the workspace")
        .to_path_buf();
    let folder = binaries()
        .parent()
        .expect("the folder of all profiles")
        .join("mutants");
    let copy = folder.join("tree");
    copy_sources(&root, &copy);
    assert!(passes(&copy, &folder), "the tests fail without any mutant");
    let wanted = |mutant: &&Mutant| cli.law.as_deref().is_none_or(|law| law == mutant.0);
    let (mut killed, mut survived) = (0, Vec::new());
    for (law, file, from, to) in MUTANTS.iter().filter(wanted).skip(cli.skip) {
        let path = copy.join("proto/src/org").join(file);
        let text = fs::read_to_string(&path).expect("a source");
        assert_eq!(text.matches(from).count(), 1, "law {law}: {file}: {from}");
        fs::write(&path, text.replacen(from, to, 1)).expect("a source");
        let noticed = !passes(&copy, &folder);
        fs::write(&path, text).expect("a source");
        let name = format!("{law}: {file}: `{}`", from.lines().next().unwrap_or_default());
        println!("{} {name}", if noticed { "killed  " } else { "SURVIVED" });
        if noticed {
            killed += 1;
        } else {
            survived.push(name);
        }
    }
    println!("{killed} killed, {} survived", survived.len());
    if survived.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// Whether the own tests of the machine pass. A mutant that does not compile is no
/// mutant.
fn passes(copy: &Path, folder: &Path) -> bool {
    let cargo = |arguments: &[&str]| {
        Command::new("cargo")
            .args(arguments)
            .current_dir(copy)
            .env("CARGO_TARGET_DIR", folder.join("target"))
            // One line differs from one build to the next, and building costs more than running.
            .env("CARGO_INCREMENTAL", "1")
            .env("CARGO_PROFILE_DEV_OPT_LEVEL", "0")
            .env("CARGO_PROFILE_DEV_DEBUG", "0")
            .env("INSTA_UPDATE", "no")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .expect("cargo")
            .success()
    };
    let package = [
        "--offline",
        "-p",
        "caucus-proto",
        "--features",
        "members",
        "--lib",
    ];
    let build = [&["test", "-q", "--no-run"][..], &package].concat();
    assert!(cargo(&build), "it does not compile");
    let passes = |which: &[&str]| cargo(&[&["test", "-q"][..], &package, &["--"], which].concat());
    // Most is noticed before what takes longest.
    passes(&["org::", "--skip", LONGEST[0], "--skip", LONGEST[1]]) && passes(&LONGEST)
}

/// The files that git knows, or would: what is ignored stays.
fn copy_sources(root: &Path, copy: &Path) {
    let listed = Command::new("git")
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .current_dir(root)
        .output()
        .expect("git");
    for name in listed
        .stdout
        .split(|byte| *byte == 0)
        .filter(|name| !name.is_empty())
    {
        let name = PathBuf::from(String::from_utf8_lossy(name).into_owned());
        let Ok(bytes) = fs::read(root.join(&name)) else {
            continue;
        };
        let to = copy.join(&name);
        // What is the same keeps its time, so that cargo builds only what is not.
        if fs::read(&to).is_ok_and(|there| there == bytes) {
            continue;
        }
        fs::create_dir_all(to.parent().expect("a folder")).expect("a folder");
        fs::write(to, bytes).expect("a copy");
    }
}
