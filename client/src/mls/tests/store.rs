//! What the vault keeps.

use super::*;

#[test]
fn a_group_goes_on_after_the_vault_was_closed_and_opened() {
    for suite in BOTH {
        let [ann, bo] = pair(suite);
        let config = ann.group().inner.configuration().clone();
        let (ann, bo) = (ann.restarts(), bo.restarts());
        for member in [&ann, &bo] {
            assert_eq!(
                member.group().inner.configuration(),
                &config,
                "the join config lost nothing"
            );
        }
        agree(&[&ann, &bo]);
        assert_eq!(bo.hears(&ann.says("again")).1, "again");
        let staged = bo.commits(&[], &[], true);
        let bo = bo.restarts();
        bo.lands();
        ann.follows(&staged.message);
        agree(&[&ann, &bo]);
    }
}

#[test]
fn a_failing_disk_is_told_as_such_and_nothing_is_lost() {
    let [ann, bo] = pair(SuiteChoice::Classical);
    let said = ann.says("through it all");
    bo.vault.faults().fail_commits_after(0);
    let overlay = bo.vault.overlay();
    bo.group().process(&overlay, &said).unwrap();
    assert!(overlay.commit().is_err());
    bo.vault.faults().heal();
    let bo = bo.restarts();
    assert_eq!(bo.hears(&said).1, "through it all");
}

#[test]
fn a_damaged_record_is_the_vaults_fault_and_not_the_senders() {
    let [ann, bo] = pair(SuiteChoice::Classical);
    let said = ann.says("hello");
    let overlay = bo.vault.overlay();
    crate::mls::records::spoil(&overlay, &room());
    assert!(matches!(
        Group::load(&overlay, &room()),
        Err(MlsError::Storage(_))
    ));
    assert_eq!(bo.hears(&said).1, "hello");
}

#[test]
fn who_is_renewed_gets_over_a_damaged_group() {
    let [ann, bo] = pair(SuiteChoice::Classical);
    let overlay = bo.vault.overlay();
    crate::mls::records::spoil(&overlay, &room());
    overlay.commit().unwrap();
    let fresh = bo.key_package(SuiteChoice::Classical);
    let staged = ann.commits(&[&fresh], &[bo.id()], true);
    ann.lands();
    bo.joins(&staged);
    agree(&[&ann, &bo]);
}
