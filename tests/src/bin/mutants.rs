//! `cargo mutants-of-laws`: breaks one law of the organization machine after the other in a copy of the sources, and
//! sees that its tests notice. Ends with 1 if they do not notice one.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use caucus_tests::process::binaries;
use clap::Parser;

/// Breaks the laws of the organization machine, one by one, and sees that its tests notice.
#[derive(Parser)]
struct Cli {
    /// Only those of this law or rule.
    #[arg(long)]
    law: Option<String>,
}

/// A law or rule, the file of `proto/src/org`, what stands there once, and what is put there.
type Mutant = (&'static str, &'static str, &'static str, &'static str);

const MUTANTS: &[Mutant] = &[
    (
        "1",
        "apply.rs",
        "if at.position <= self.position {",
        "if at.position < self.position {",
    ),
    (
        "1",
        "apply.rs",
        "self.position = at.position;",
        "self.position = self.position.next();",
    ),
    (
        "2",
        "apply.rs",
        "=> self.judge_commit(&author, ops),",
        "=> Ok(vec![Effect::Refreshed; ops.adds.len().max(1)]),",
    ),
    (
        "2",
        "apply.rs",
        "self.judge(at.position, &author, &act);",
        "self.judge(Position(u64::MAX), &author, &act);",
    ),
    (
        "3",
        "apply.rs",
        "(Input::Act(_), Some(_)) if at.flagged =>",
        "(Input::Act(_), Some(_)) if false =>",
    ),
    (
        "3",
        "apply.rs",
        "(Input::Commit(_), Some(_)) if !at.flagged =>",
        "(Input::Commit(_), Some(_)) if false =>",
    ),
    ("4", "judge.rs", "if person.has_done(&act.id) {", "if false {"),
    (
        "4",
        "judge.rs",
        "if act.judged_at < person.forgotten {",
        "if false {",
    ),
    (
        "4",
        "judge.rs",
        "if act.judged_at >= position {",
        "if act.judged_at > position {",
    ),
    (
        "6",
        "witness.rs",
        "recent.div_ceil(3).max(3)",
        "recent.div_ceil(3).max(1)",
    ),
    (
        "6",
        "witness.rs",
        "if target.0 - now.0 <= STEP {",
        "if target.0 >= now.0 {",
    ),
    (
        "6",
        "witness.rs",
        "let half = people.div_ceil(2);",
        "let half = people / 2;",
    ),
    ("10", "apply.rs", "self.fill_seats(at.position);", ""),
    (
        "10",
        "mandate.rs",
        "if able.is_empty() { order } else { able }",
        "able",
    ),
    (
        "10",
        "vouch.rs",
        ".saturating_sub(usize::from(self.charter().absent))",
        "",
    ),
    (
        "10",
        "mandate.rs",
        "if !lapsed && holder != *author {",
        "if holder != *author {",
    ),
    (
        "11",
        "apply.rs",
        "Standing::Gone { by, uncut: !at.cut }",
        "Standing::Gone { by, uncut: false }",
    ),
    ("11", "apply.rs", "*uncut = false;", "*uncut = true;"),
    (
        "12",
        "apply.rs",
        "Effect::Removed { persona, .. } => self.remove(persona, *author),",
        "Effect::Removed { persona, .. } => drop(self.people.remove(persona)),",
    ),
    (
        "12",
        "judge.rs",
        ".filter(|person| person.is_present())\n            .ok_or(Denied::NotPresent)",
        ".ok_or(Denied::NotPresent)",
    ),
    ("13", "vouch.rs", "if persona == *author {", "if false {"),
    ("13", "vouch.rs", "if persona == author {", "if false {"),
    ("15", "judge.rs", "if act.feature > self.floor {", "if false {"),
    (
        "15",
        "judge.rs",
        "if feature != self.floor.saturating_add(1) {",
        "if feature <= self.floor {",
    ),
    ("16", "root.rs", "&self.mandates,", ""),
    (
        "16",
        "records.rs",
        "self.tree.set(place, leaf((&key, record)));",
        "self.tree.set(place, leaf(&key)); let _ = record;",
    ),
    (
        "19",
        "judge.rs",
        "if *key_package == add.key_package => {\n                    Effect::Seated",
        "if *key_package != [0; 32] => {\n                    Effect::Seated",
    ),
    (
        "19",
        "judge.rs",
        "is_some_and(|person| matches!(person.standing, Standing::Going { .. }));",
        "is_some_and(|person| person.is_seated());",
    ),
    (
        "vouches",
        "vouch.rs",
        "if lately >= usize::from",
        "if lately > usize::from",
    ),
    ("vouches", "vouch.rs", "&& since <= self.now().0", ""),
    (
        "vouches",
        "vouch.rs",
        "vouches.filter(|id| id != author && counts(id))",
        "vouches.filter(|id| id != author || counts(id))",
    ),
    (
        "vouches",
        "vouch.rs",
        "if have < needed {",
        "if have + 1 < needed {",
    ),
    ("stages", "vouch.rs", "if due > self.now().0 {", "if false {"),
    (
        "stages",
        "vouch.rs",
        "if rule.principles && !self.has_accepted(person) {",
        "if false {",
    ),
    ("stages", "vouch.rs", "if sphere >= person.sphere ||", "if"),
    (
        "reviews",
        "person.rs",
        "review.until > now",
        "review.until >= now",
    ),
    (
        "reviews",
        "mandate.rs",
        "let good = |person: &Person| !person.is_suspended(now);",
        "let good = |person: &Person| person.is_present() || !person.is_suspended(now);",
    ),
    (
        "unity",
        "principles.rs",
        "Some(before) if !substance =>",
        "Some(before) if substance =>",
    ),
    ("unity", "principles.rs", "text.version != version ||", ""),
    (
        "unity",
        "principles.rs",
        "let substance = substance || self.principles.is_none();",
        "",
    ),
    (
        "unity",
        "vouch.rs",
        "is_some_and(|due| due < now)",
        "is_some_and(|due| due <= now)",
    ),
    (
        "mandates",
        "mandate.rs",
        "self.end.is_some_and(|end| end <= now)",
        "self.end.is_some_and(|end| end < now)",
    ),
    ("mandates", "power.rs", "&& !mandate.has_lapsed(self.now())", ""),
    (
        "mandates",
        "mandate.rs",
        ".find(|id| place(id) > after)",
        ".find(|_| false)",
    ),
    (
        "mandates",
        "mandate.rs",
        "|| awaited.contains(&mandate.holder)",
        "",
    ),
];

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
    for (law, file, from, to) in MUTANTS.iter().filter(wanted) {
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
    cargo(&[&["test", "-q"][..], &package, &["--", "org::"]].concat())
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
