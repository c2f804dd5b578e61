//! Wycheproof on ML-KEM 768: the half of the hybrid key encapsulation, of the groups' and of sealed
//! requests, that is to withstand quantum computers. There is one implementation in the tree, under both.

use std::convert::Infallible;

use ml_kem::array::Array;
use ml_kem::kem::{Decapsulate, Encapsulate, KeyExport, TryKeyInit};
use ml_kem::ml_kem_768::{Ciphertext, DecapsulationKey, EncapsulationKey};
use ml_kem::{FromSeed, MlKem768};
use rand_core::{TryCryptoRng, TryRng};
use wycheproof::{TestResult, mlkem};

/// Randomness that a vector fixes.
struct Fixed<'a>(&'a [u8]);

impl TryRng for Fixed<'_> {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        unreachable!("encapsulation draws bytes");
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        unreachable!("encapsulation draws bytes");
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Infallible> {
        let (drawn, left) = self.0.split_at(out.len());
        out.copy_from_slice(drawn);
        self.0 = left;
        Ok(())
    }
}

impl TryCryptoRng for Fixed<'_> {}

fn tests(name: mlkem::TestName) -> Vec<mlkem::Test> {
    let set = mlkem::TestSet::load(name).unwrap();
    set.test_groups
        .into_iter()
        .flat_map(|group| group.tests)
        .collect()
}

fn bytes(field: Option<&wycheproof::ByteString>) -> &[u8] {
    field.map_or(&[], |bytes| &bytes[..])
}

/// The pair of a seed; none for a seed of another length.
fn pair(seed: &[u8]) -> Option<(DecapsulationKey, EncapsulationKey)> {
    Array::try_from(seed).ok().map(|seed| MlKem768::from_seed(&seed))
}

fn report(set: &str, all: usize, wrong: &[usize], expected: usize) {
    println!("{set}: {all} vectors, all run, wrong: {wrong:?}");
    assert_eq!((all, wrong), (expected, &[][..]), "{set}");
}

#[test]
fn every_seed_of_wycheproof_gives_its_pair_of_keys() {
    let tests = tests(mlkem::TestName::MlKem768KeyGenSeed);
    let mut wrong = Vec::new();
    for test in &tests {
        let made = pair(bytes(test.seed.as_ref())).is_some_and(|(decapsulation, encapsulation)| {
            #[allow(deprecated, reason = "the vectors spell keys out that we only keep as seeds")]
            let expanded = ml_kem::ExpandedKeyEncoding::to_expanded_bytes(&decapsulation);
            encapsulation.to_bytes()[..] == *bytes(test.encaps_key.as_ref())
                && expanded[..] == *bytes(test.decaps_key.as_ref())
        });
        if made != (test.result == TestResult::Valid) {
            wrong.push(test.tc_id);
        }
    }
    report("mlkem_768_keygen_seed", tests.len(), &wrong, 100);
}

#[test]
fn every_encapsulation_of_wycheproof_is_as_it_says_and_no_odd_key_is_taken() {
    let tests = tests(mlkem::TestName::MlKem768Encaps);
    let mut wrong = Vec::new();
    for test in &tests {
        let right = match EncapsulationKey::new_from_slice(bytes(test.encaps_key.as_ref())) {
            Ok(key) if test.result == TestResult::Valid => {
                let (sent, shared) = key.encapsulate_with_rng(&mut Fixed(bytes(test.msg.as_ref())));
                sent[..] == *bytes(test.ct.as_ref()) && shared[..] == *bytes(test.shared_secret.as_ref())
            }
            Ok(_) => false,
            Err(_) => test.result != TestResult::Valid,
        };
        if !right {
            wrong.push(test.tc_id);
        }
    }
    report("mlkem_768_encaps", tests.len(), &wrong, 265);
}

#[test]
fn every_decapsulation_of_wycheproof_gives_its_secret_or_is_refused_for_its_length() {
    let tests = tests(mlkem::TestName::MlKem768);
    let mut wrong = Vec::new();
    for test in &tests {
        let opened = || {
            let (key, public) = pair(bytes(test.seed.as_ref()))?;
            let sent = Ciphertext::try_from(bytes(test.ct.as_ref())).ok()?;
            let same = public.to_bytes()[..] == *bytes(test.encaps_key.as_ref());
            same.then(|| key.decapsulate(&sent))
        };
        let right = match opened() {
            Some(shared) => {
                test.result == TestResult::Valid && shared[..] == *bytes(test.shared_secret.as_ref())
            }
            None => test.result != TestResult::Valid,
        };
        if !right {
            wrong.push(test.tc_id);
        }
    }
    report("mlkem_768", tests.len(), &wrong, 201);
}
