use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

#[test]
fn an_overlay_reads_its_own_writes_and_nobody_else_does_until_it_commits() {
    let home = Home::new();
    let vault = home.create();
    put(&vault, log(1), "old");
    put(&vault, log(2), "gone");
    let overlay = vault.overlay();
    assert!(overlay.is_empty());
    overlay.put(log(1), "new").unwrap();
    overlay.delete(log(2));
    assert_eq!(overlay.get(&log(1)).unwrap().unwrap().as_slice(), b"new");
    assert_eq!(overlay.get(&log(2)).unwrap(), None);
    assert_eq!(text(&vault, &log(1)).as_deref(), Some("old"));
    assert_eq!(vault.overlay().get(&log(2)).unwrap().unwrap().as_slice(), b"gone");
    overlay.commit().unwrap();
    assert_eq!(text(&vault, &log(1)).as_deref(), Some("new"));
    assert_eq!(text(&vault, &log(2)), None);
}

#[test]
fn what_is_discarded_or_dropped_was_never_there() {
    let home = Home::new();
    let vault = home.create();
    let before = vault.faults().commits();
    let overlay = vault.overlay();
    overlay.put(log(1), "a").unwrap();
    overlay.discard();
    let overlay = vault.overlay();
    overlay.put(log(1), "b").unwrap();
    drop(overlay);
    assert_eq!(text(&vault, &log(1)), None);
    assert_eq!(vault.faults().commits(), before);
}

#[test]
fn an_empty_overlay_commits_without_touching_the_disk() {
    let home = Home::new();
    let vault = home.create();
    let before = vault.faults().commits();
    vault.overlay().commit().unwrap();
    assert_eq!(vault.faults().commits(), before);
}

#[test]
fn many_writes_are_one_commit() {
    let home = Home::new();
    let vault = home.create();
    let before = vault.faults().commits();
    let overlay = vault.overlay();
    for number in 0..200 {
        overlay.put(log(number), "x").unwrap();
    }
    overlay.commit().unwrap();
    assert_eq!(vault.faults().commits(), before + 1);
}

#[test]
fn a_range_keeps_to_its_table_and_scope_and_to_the_order_of_numbers() {
    let home = Home::new();
    let vault = home.create();
    let overlay = vault.overlay();
    for number in [0, 255, 256, 3, u64::MAX] {
        overlay.put(log(number), number.to_string()).unwrap();
        for other in [
            Place::new(Table::Heads, *b"room", number),
            Place::new(Table::Log, *b"roo", number),
            Place::new(Table::Log, *b"room2", number),
        ] {
            overlay.put(other, "other").unwrap();
        }
    }
    overlay.commit().unwrap();
    let all = numbers(&vault.range(Table::Log, b"room", 0, 99).unwrap());
    assert_eq!(all, [0, 3, 255, 256, u64::MAX]);
    let some = numbers(&vault.range(Table::Log, b"room", 3, 2).unwrap());
    assert_eq!(some, [3, 255]);
    let back = numbers(&vault.range_back(Table::Log, b"room", 256, 2).unwrap());
    assert_eq!(back, [255, 3]);
    assert!(vault.range_back(Table::Log, b"room", 0, 9).unwrap().is_empty());
    let within = |first, before| numbers(&vault.range_within(Table::Log, b"room", first, before).unwrap());
    assert_eq!(within(3, 256), [3, 255]);
    assert_eq!(within(4, u64::MAX), [255, 256]);
    for (first, before) in [(0, 0), (256, 256), (300, 4)] {
        assert!(within(first, before).is_empty());
    }
    assert!(vault.range(Table::Log, b"none", 0, 9).unwrap().is_empty());
}

#[test]
fn too_much_for_a_record_is_refused_when_it_is_put() {
    let home = Home::new();
    let vault = home.create();
    let overlay = vault.overlay();
    let long = Place::new(Table::Mls, vec![0; 1025], 0);
    let refused = overlay.put(long, "x");
    assert!(matches!(
        refused,
        Err(VaultError::TooLarge {
            size: 1025,
            limit: 1024
        })
    ));
    let large = overlay.put(log(0), vec![0; record::LARGEST + 1]);
    assert!(matches!(large, Err(VaultError::TooLarge { .. })));
    overlay
        .put(Place::new(Table::Mls, vec![0; 1024], 0), "x")
        .unwrap();
    overlay.commit().unwrap();
}

fn numbers(records: &[(u64, zeroize::Zeroizing<Vec<u8>>)]) -> Vec<u64> {
    records.iter().map(|(number, _)| *number).collect()
}

#[derive(Clone, Debug)]
enum Step {
    Put(u8, u64, u8),
    Delete(u8, u64),
    DeleteScope(u8),
    Commit,
    Discard,
    Rewrite,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let scope = 0..3u8;
    let number = 0..8u64;
    let step = prop_oneof![
        6 => (scope.clone(), number.clone(), any::<u8>()).prop_map(|(s, n, b)| Step::Put(s, n, b)),
        3 => (scope.clone(), number).prop_map(|(s, n)| Step::Delete(s, n)),
        1 => scope.prop_map(Step::DeleteScope),
        2 => Just(Step::Commit),
        1 => Just(Step::Discard),
        1 => Just(Step::Rewrite),
    ];
    prop::collection::vec(step, 1..40)
}

type Model = BTreeMap<(u8, u64), u8>;

fn pairs(model: &Model, scope: u8, range: impl std::ops::RangeBounds<u64>) -> Vec<(u64, Vec<u8>)> {
    model
        .iter()
        .filter(|((s, n), _)| *s == scope && range.contains(n))
        .map(|((_, n), b)| (*n, vec![*b]))
        .collect()
}

fn plain(records: Vec<(u64, zeroize::Zeroizing<Vec<u8>>)>) -> Vec<(u64, Vec<u8>)> {
    records.into_iter().map(|(n, b)| (n, b.to_vec())).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    /// The vault and an overlay over it, against two ordinary maps.
    #[test]
    fn vault_and_overlay_do_what_two_maps_would(steps in steps(), from in 0..9u64, limit in 0..9usize) {
        let home = Home::new();
        let vault = home.create();
        let mut overlay = vault.overlay();
        let (mut stored, mut seen) = (Model::new(), Model::new());
        let place = |scope, number| Place::new(Table::Log, vec![scope], number);
        for step in steps {
            match step {
                Step::Put(scope, number, byte) => {
                    overlay.put(place(scope, number), vec![byte]).unwrap();
                    seen.insert((scope, number), byte);
                }
                Step::Delete(scope, number) => {
                    overlay.delete(place(scope, number));
                    seen.remove(&(scope, number));
                }
                Step::DeleteScope(scope) => {
                    overlay.delete_scope(Table::Log, &[scope]);
                    seen.retain(|(s, _), _| *s != scope);
                }
                Step::Commit => {
                    overlay.flush().unwrap();
                    stored = seen.clone();
                }
                Step::Discard => {
                    overlay = vault.overlay();
                    seen = stored.clone();
                }
                Step::Rewrite => vault.rewrite().unwrap(),
            }
            for scope in 0..3 {
                for (model, up, down) in [
                    (&stored, vault.range(Table::Log, &[scope], from, limit), vault.range_back(Table::Log, &[scope], from, limit)),
                    (&seen, overlay.range(Table::Log, &[scope], from, limit), overlay.range_back(Table::Log, &[scope], from, limit)),
                ] {
                    let mut expected = pairs(model, scope, from..);
                    expected.truncate(limit);
                    prop_assert_eq!(plain(up.unwrap()), expected);
                    let mut expected = pairs(model, scope, ..from);
                    expected.reverse();
                    expected.truncate(limit);
                    prop_assert_eq!(plain(down.unwrap()), expected);
                }
                let one = overlay.get(&place(scope, from)).unwrap().map(|b| b.to_vec());
                prop_assert_eq!(one, seen.get(&(scope, from)).map(|b| vec![*b]));
            }
        }
    }
}
