//! Talking, coming and going.

use super::*;

#[test]
fn two_people_talk() {
    for suite in BOTH {
        let [ann, bo] = pair(suite);
        agree(&[&ann, &bo]);
        assert_eq!(ann.group().suite(), suite);
        assert_eq!(bo.hears(&ann.says("hello")), (ann.id(), "hello".into()));
        assert_eq!(ann.hears(&bo.says("hi")), (bo.id(), "hi".into()));
        assert_eq!(bo.hears(&ann.says("")), (ann.id(), String::new()));
    }
}

#[test]
fn a_batch_is_added_in_one_commit_without_a_path() {
    for suite in BOTH {
        let [ann, bo] = pair(suite);
        let (cem, dai) = (Member::new(), Member::new());
        let packages = [cem.key_package(suite), dai.key_package(suite)];
        let staged = ann.commits(&[&packages[0], &packages[1]], &[], false);
        assert_eq!(staged.ops.path, None);
        let named: Vec<_> = staged
            .ops
            .adds
            .iter()
            .map(|add| (add.persona, add.key_package))
            .collect();
        assert_eq!(
            named,
            [(cem.id(), packages[0].hash), (dai.id(), packages[1].hash)]
        );
        assert!(
            staged.welcome.as_ref().unwrap().len() < 8 * 1024,
            "the tree is not in the welcome"
        );

        assert_eq!(bo.follows(&staged.message), (ann.id(), staged.ops.clone()));
        ann.lands();
        assert_eq!(cem.joins(&staged).by, ann.id());
        dai.joins(&staged);
        agree(&[&ann, &bo, &cem, &dai]);
        let said = dai.says("from the last");
        for other in [&ann, &bo, &cem] {
            assert_eq!(other.hears(&said), (dai.id(), "from the last".into()));
        }
    }
}

#[test]
fn who_is_removed_reads_nothing_after() {
    for suite in BOTH {
        let people = people(suite, 3);
        let [ann, bo, cem] = &people[..] else { panic!() };
        let staged = ann.commits(&[], &[cem.id()], false);
        assert!(staged.ops.path.is_some(), "a removal always has a path");
        assert_eq!(staged.ops.removes, [cem.id()]);
        ann.lands();
        bo.follows(&staged.message);
        let before = cem
            .group()
            .process(&cem.vault.overlay(), &staged.message)
            .unwrap();
        let Incoming::Commit(commit) = before else {
            panic!()
        };
        assert!(commit.removes_us());
        assert!(commit.access(&channel(), Counter(1)).is_err());
        assert_eq!(commit.authenticator_hash(), None);

        let said = bo.says("without you");
        assert!(
            matches!(cem.refuses(&said), Refusal::Epoch),
            "not yet merged: another epoch"
        );
        cem.follows(&staged.message);
        assert!(!cem.group().is_active());
        assert!(matches!(
            cem.tries(&said),
            Err(MlsError::Misuse(Misuse::NotMember))
        ));
        let seal = cem.act(|group, overlay| group.seal(overlay, b"still here"));
        assert!(matches!(seal, Err(MlsError::Misuse(Misuse::NotMember))));
        assert!(cem.group().access(&channel(), Counter(1)).is_err());
        assert_eq!(ann.group().roster(), [ann.id(), bo.id()]);
        assert_eq!(ann.hears(&said), (bo.id(), "without you".into()));
    }
}

#[test]
fn a_refresh_is_a_commit_with_a_path_and_nothing_else() {
    for suite in BOTH {
        let [ann, bo] = pair(suite);
        let staged = bo.commits(&[], &[], true);
        assert_eq!(
            staged.ops,
            CommitOps {
                path: Some(bo.persona.public()),
                ..CommitOps::default()
            }
        );
        assert_eq!((&staged.welcome, &staged.tree), (&None, &None));
        bo.lands();
        ann.follows(&staged.message);
        agree(&[&ann, &bo]);
    }
}

#[test]
fn a_renewal_adds_a_second_leaf_without_a_path_and_the_older_one_goes_later() {
    for suite in BOTH {
        let people = people(suite, 4);
        let [ann, bo, cem, dai] = &people[..] else {
            panic!()
        };
        let fresh = cem.key_package(suite);
        let staged = ann.commits(&[&fresh], &[], false);
        assert_eq!(staged.ops.path, None);
        ann.lands();
        for other in [bo, dai] {
            assert_eq!(other.follows(&staged.message).1, staged.ops);
        }
        cem.joins(&staged);
        agree(&[ann, bo, cem, dai]);
        assert_eq!(
            ann.group().roster(),
            [ann.id(), bo.id(), cem.id(), dai.id(), cem.id()]
        );
        let said = cem.says("back");
        assert_eq!(bo.hears(&said), (cem.id(), "back".into()));
        assert_eq!(ann.hears(&said), (cem.id(), "back".into()));

        let kept = SeatKept {
            persona: cem.id(),
            leaf: staged.ops.adds[0].leaf,
        };
        let staged = dai.act(|group, overlay| {
            let never = SeatKept {
                leaf: [0; 32],
                ..kept
            };
            let refused = group.stage_older(overlay, &dai.persona, &[never]);
            assert!(matches!(refused, Err(MlsError::Misuse(Misuse::NoSuchLeaf))));
            group.stage_older(overlay, &dai.persona, &[kept]).unwrap()
        });
        assert_eq!(staged.ops.older, [kept]);
        assert!(staged.ops.path.is_some() && staged.ops.removes.is_empty());
        dai.lands();
        for other in [ann, bo, cem] {
            assert_eq!(other.follows(&staged.message).1, staged.ops);
        }
        agree(&[ann, bo, cem, dai]);
        assert_eq!(
            ann.hears(&cem.says("still here")),
            (cem.id(), "still here".into())
        );
        let again = ann.act(|group, overlay| group.stage_older(overlay, &ann.persona, &[kept]));
        assert!(matches!(again, Err(MlsError::Misuse(Misuse::NoSuchLeaf))));
    }
}

#[test]
fn who_is_removed_goes_with_every_leaf() {
    let people = people(SuiteChoice::Classical, 3);
    let [ann, bo, cem] = &people[..] else { panic!() };
    let staged = ann.commits(&[&cem.key_package(SuiteChoice::Classical)], &[], false);
    ann.lands();
    bo.follows(&staged.message);
    cem.joins(&staged);
    let staged = bo.commits(&[], &[cem.id()], true);
    assert_eq!(staged.ops.removes, [cem.id()]);
    assert!(staged.ops.older.is_empty());
    bo.lands();
    ann.follows(&staged.message);
    assert_eq!(ann.group().roster(), [ann.id(), bo.id()]);
    cem.follows(&staged.message);
    assert!(!cem.group().is_active());
}

#[test]
fn what_cannot_be_staged_is_the_callers_fault() {
    let [ann, bo] = pair(SuiteChoice::Classical);
    let stranger = Member::new();
    let stage = |persona: &PersonaKeys, removes: &[PersonaId]| {
        ann.group()
            .stage(&ann.vault.overlay(), persona, &[], removes, true)
    };
    assert!(matches!(
        stage(&ann.persona, &[stranger.id()]),
        Err(MlsError::Misuse(Misuse::NoSuchLeaf))
    ));
    assert!(matches!(
        stage(&bo.persona, &[]),
        Err(MlsError::Misuse(Misuse::Persona))
    ));
    assert!(matches!(
        stage(&ann.persona, &[ann.id()]),
        Err(MlsError::Unprocessable(_))
    ));
    ann.commits(&[], &[], true);
    assert!(matches!(
        stage(&ann.persona, &[]),
        Err(MlsError::Misuse(Misuse::Pending))
    ));
    let again = Group::found(
        &ann.vault.overlay(),
        &room(),
        SuiteChoice::Classical,
        &ann.persona,
    );
    assert!(matches!(again, Err(MlsError::Misuse(Misuse::Exists))));
    assert!(matches!(
        bo.group().merge_own(&bo.vault.overlay()),
        Err(MlsError::Misuse(Misuse::NothingPending))
    ));
}
