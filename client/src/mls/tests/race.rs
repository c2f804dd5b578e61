//! Commits that race, come back, or are interrupted.

use super::*;

#[test]
fn the_loser_of_a_race_drops_its_commit_and_follows_the_winner() {
    for suite in BOTH {
        let [ann, bo] = pair(suite);
        let won = ann.commits(&[], &[], true);
        let lost = bo.commits(&[], &[], true);
        bo.act(|group, overlay| group.drop_pending(overlay).unwrap());
        assert!(!bo.group().has_pending());
        bo.follows(&won.message);
        ann.lands();
        agree(&[&ann, &bo]);
        assert_eq!(ann.refuses(&lost.message), Refusal::Epoch);

        let again = bo.commits(&[], &[], true);
        bo.lands();
        ann.follows(&again.message);
        agree(&[&ann, &bo]);
    }
}

#[test]
fn the_winner_also_drops_what_was_left_pending() {
    let [ann, bo] = pair(SuiteChoice::Classical);
    let won = ann.commits(&[], &[], true);
    bo.commits(&[], &[], true);
    bo.follows(&won.message);
    ann.lands();
    assert!(!bo.group().has_pending());
    agree(&[&ann, &bo]);
}

#[test]
fn an_own_commit_comes_back_as_our_own_and_survives_a_restart() {
    for suite in BOTH {
        let [ann, bo] = pair(suite);
        let staged = ann.commits(&[], &[], true);
        let ann = ann.restarts();
        assert!(ann.group().has_pending());
        assert!(matches!(ann.tries(&staged.message), Ok(Incoming::Own)));
        ann.lands();
        bo.follows(&staged.message);
        agree(&[&ann, &bo]);
        assert_eq!(bo.hears(&ann.says("on")).1, "on");
    }
}

#[test]
fn messages_flow_while_a_commit_is_pending() {
    let [ann, bo] = pair(SuiteChoice::Classical);
    let staged = ann.commits(&[], &[], true);
    assert_eq!(bo.hears(&ann.says("before it")).1, "before it");
    assert_eq!(ann.hears(&bo.says("me too")).1, "me too");
    ann.lands();
    bo.follows(&staged.message);
    agree(&[&ann, &bo]);
}

#[test]
fn a_crash_before_the_vault_commits_loses_nothing() {
    for suite in BOTH {
        let [ann, bo] = pair(suite);
        let said = ann.says("once");
        assert!(matches!(bo.tries(&said), Ok(Incoming::Message { .. })));
        let bo = bo.restarts();
        assert_eq!(bo.hears(&said).1, "once");
        assert_eq!(bo.refuses(&said), Refusal::Sealed, "a key is used once");

        let staged = ann.commits(&[], &[], true);
        ann.lands();
        assert!(matches!(bo.tries(&staged.message), Ok(Incoming::Commit(_))));
        let overlay = bo.vault.overlay();
        let mut group = bo.group();
        let Ok(Incoming::Commit(commit)) = group.process(&overlay, &staged.message) else {
            panic!()
        };
        group.merge(&overlay, *commit).unwrap();
        drop(overlay);
        bo.follows(&staged.message);
        agree(&[&ann, &bo]);
    }
}

#[test]
fn a_join_that_crashed_is_done_again() {
    let ann = Member::founder(SuiteChoice::Classical);
    let bo = Member::new();
    let staged = ann.commits(&[&bo.key_package(SuiteChoice::Classical)], &[], false);
    ann.lands();
    let (welcome, tree) = (staged.welcome.clone().unwrap(), staged.tree.clone().unwrap());
    Group::join(
        &bo.vault.overlay(),
        &room(),
        &bo.id(),
        &welcome,
        &tree,
        &Bearers::default(),
    )
    .unwrap();
    assert!(Group::load(&bo.vault.overlay(), &room()).unwrap().is_none());
    bo.joins(&staged);
    agree(&[&ann, &bo]);
}

#[test]
fn a_commit_that_the_machine_refused_leaves_the_epoch_as_it_was() {
    let [ann, bo] = pair(SuiteChoice::Classical);
    let refused = ann.commits(&[], &[], true);
    assert!(matches!(bo.tries(&refused.message), Ok(Incoming::Commit(_))));
    ann.act(|group, overlay| group.drop_pending(overlay).unwrap());
    agree(&[&ann, &bo]);
    assert_eq!(bo.hears(&ann.says("as before")).1, "as before");
    let next = ann.commits(&[], &[], true);
    ann.lands();
    bo.follows(&next.message);
    agree(&[&ann, &bo]);
}

#[test]
fn what_overtakes_on_the_way_is_read_within_bounds() {
    let [ann, bo] = pair(SuiteChoice::Classical);
    let said: Vec<_> = (0..20).map(|n| ann.says(&n.to_string())).collect();
    assert_eq!(bo.hears(&said[4]).1, "4");
    assert_eq!(bo.hears(&said[2]).1, "2");
    assert_eq!(bo.hears(&said[19]).1, "19");
    assert_eq!(bo.refuses(&said[3]), Refusal::Sealed, "too late");
}
