//! Bytes of all sizes and shapes: nothing panics, and nothing changed counts as something.

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::*;

/// How bytes are changed.
#[derive(Clone, Debug)]
enum Change {
    Flip(usize, u8),
    Cut(usize),
    Grow(Vec<u8>),
    Splice(usize, Vec<u8>),
    Replace(Vec<u8>),
}

fn changes() -> impl Strategy<Value = Change> {
    let bytes = || proptest::collection::vec(any::<u8>(), 0..64);
    prop_oneof![
        4 => (any::<usize>(), 1..=255_u8).prop_map(|(at, with)| Change::Flip(at, with)),
        1 => any::<usize>().prop_map(Change::Cut),
        1 => bytes().prop_map(Change::Grow),
        2 => (any::<usize>(), bytes()).prop_map(|(at, with)| Change::Splice(at, with)),
        1 => proptest::collection::vec(any::<u8>(), 0..2048).prop_map(Change::Replace),
    ]
}

fn change(original: &[u8], change: Change) -> Vec<u8> {
    let mut bytes = original.to_vec();
    match change {
        Change::Flip(at, with) => bytes[at % original.len()] ^= with,
        Change::Cut(at) => bytes.truncate(at % original.len()),
        Change::Grow(more) => bytes.extend(more),
        Change::Splice(at, with) => {
            let at = at % original.len();
            let end = (at + with.len()).min(bytes.len());
            bytes.splice(at..end, with);
        }
        Change::Replace(with) => bytes = with,
    }
    bytes
}

fn runner(cases: u32) -> TestRunner {
    TestRunner::new(Config {
        cases,
        failure_persistence: None,
        ..Config::default()
    })
}

#[test]
fn changed_messages_and_commits_are_refused() {
    for suite in BOTH {
        let [ann, bo] = pair(suite);
        let message = ann.says("the original");
        let commit = ann.commits(&[], &[], true).message;
        let overlay = bo.vault.overlay();
        let mut group = bo.group();
        for original in [message, commit] {
            let refused = |with: Change| {
                let changed = change(&original, with);
                let processed = group.process(&overlay, &changed);
                let refused = matches!(processed, Err(MlsError::Unprocessable(_)) | Ok(Incoming::Own));
                prop_assert!(changed == original || refused, "{:?}", processed);
                Ok(())
            };
            let refused = std::cell::RefCell::new(refused);
            runner(150)
                .run(&changes(), |with| (refused.borrow_mut())(with))
                .unwrap();
        }
    }
}

#[test]
fn changed_welcomes_trees_and_key_packages_are_refused() {
    for suite in BOTH {
        let ann = Member::founder(suite);
        let bo = Member::new();
        let made = bo.key_package(suite);
        let staged = ann.commits(&[&made], &[], false);
        let (welcome, tree) = (staged.welcome.unwrap(), staged.tree.unwrap());
        let join = |welcome: &[u8], tree: &[u8]| {
            Group::join(
                &bo.vault.overlay(),
                &room(),
                &bo.id(),
                welcome,
                tree,
                &Bearers::default(),
            )
        };
        assert!(join(&welcome, &tree).is_ok());
        runner(100)
            .run(&changes(), |with| {
                let changed = change(&welcome, with.clone());
                let joined = join(&changed, &tree);
                prop_assert!(changed == welcome || matches!(joined, Err(MlsError::Unprocessable(_))));
                let changed = change(&tree, with.clone());
                let joined = join(&welcome, &changed);
                prop_assert!(changed == tree || matches!(joined, Err(MlsError::Unprocessable(_))));
                let changed = change(&made.bytes, with);
                prop_assert!(changed == made.bytes || read_key_package(&changed, suite, &room()).is_err());
                Ok(())
            })
            .unwrap();
    }
}
