//! Wycheproof on signatures, key agreement, authenticated encryption and derivation. "Ours" are the crates
//! that our code calls, in the way it calls them; "the provider's" are those under the library of groups.

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{ChaCha20Poly1305, Nonce, XChaCha20Poly1305, XNonce};
use ed25519_dalek::{Signature, VerifyingKey};
use hkdf::Hkdf;
use hmac::{Hmac, Mac};
use openmls_rust_crypto::RustCrypto;
use openmls_traits::crypto::OpenMlsCrypto;
use openmls_traits::types::{AeadType, HashType, SignatureScheme};
use sha2::Sha256;
use wycheproof::{TestResult, aead, eddsa, hkdf as derivation, mac, xdh};
use x25519_dalek::{PublicKey, StaticSecret};

/// Of each set: vectors in it, those run, and what went otherwise than the set says.
#[derive(Default)]
struct Tally {
    all: usize,
    run: usize,
    wrong: Vec<usize>,
}

impl Tally {
    fn note(&mut self, id: usize, right: bool) {
        self.run += 1;
        if !right {
            self.wrong.push(id);
        }
    }

    fn close(self, set: &str, all: usize, run: usize) {
        println!(
            "{set}: {} vectors, {} run, wrong: {:?}",
            self.all, self.run, self.wrong
        );
        assert_eq!((self.all, self.run, self.wrong), (all, run, Vec::new()), "{set}");
    }
}

fn must_hold(result: TestResult) -> bool {
    result == TestResult::Valid
}

#[test]
fn every_signature_of_wycheproof_is_judged_as_it_says_by_ours_and_the_providers() {
    let set = eddsa::TestSet::load(eddsa::TestName::Ed25519).unwrap();
    let (mut ours, mut theirs) = (Tally::default(), Tally::default());
    for group in &set.test_groups {
        for test in &group.tests {
            ours.all += 1;
            theirs.all += 1;
            let strict = || {
                let key = VerifyingKey::from_bytes(group.key.pk[..].try_into().ok()?).ok()?;
                let signature = Signature::from_slice(&test.sig).ok()?;
                key.verify_strict(&test.msg, &signature).ok()
            };
            ours.note(test.tc_id, strict().is_some() == must_hold(test.result));
            let held = RustCrypto::default().verify_signature(
                SignatureScheme::ED25519,
                &test.msg,
                &group.key.pk,
                &test.sig,
            );
            theirs.note(test.tc_id, held.is_ok() == must_hold(test.result));
        }
    }
    ours.close("ed25519, ours", 151, 151);
    theirs.close("ed25519, the provider's", 151, 151);
}

#[test]
fn every_agreement_of_wycheproof_gives_its_secret_and_those_of_low_order_are_told() {
    let set = xdh::TestSet::load(xdh::TestName::X25519).unwrap();
    let mut tally = Tally::default();
    let mut low = 0;
    for test in set.test_groups.iter().flat_map(|group| &group.tests) {
        tally.all += 1;
        let (Ok(public), Ok(private)) = (
            <[u8; 32]>::try_from(&test.public_key[..]),
            <[u8; 32]>::try_from(&test.private_key[..]),
        ) else {
            // No 32 bytes: our types cannot hold it.
            tally.note(test.tc_id, test.result != TestResult::Valid);
            continue;
        };
        let shared = StaticSecret::from(private).diffie_hellman(&PublicKey::from(public));
        let zero = test.shared_secret.iter().all(|byte| *byte == 0);
        low += usize::from(zero);
        let right = shared.as_bytes()[..] == test.shared_secret[..] && shared.was_contributory() != zero;
        tally.note(test.tc_id, right);
    }
    println!("x25519: {low} of low order");
    assert!(low > 0);
    tally.close("x25519", 518, 518);
}

/// What a cipher makes of a vector: sealed to exactly its bytes and opened again where it is valid, refused
/// where it is not.
fn judged<S, O>(test: &aead::Test, seal: S, open: O) -> bool
where
    S: Fn(&[u8]) -> Option<Vec<u8>>,
    O: Fn(&[u8]) -> Option<Vec<u8>>,
{
    let sealed = [&test.ct[..], &test.tag[..]].concat();
    if must_hold(test.result) {
        open(&sealed).as_deref() == Some(&test.pt[..]) && seal(&test.pt) == Some(sealed)
    } else {
        open(&sealed).is_none()
    }
}

fn payload<'a>(msg: &'a [u8], aad: &'a [u8]) -> Payload<'a, 'a> {
    Payload { msg, aad }
}

#[test]
fn every_sealing_of_wycheproof_by_chacha20_and_xchacha20_is_judged_as_it_says() {
    let set = aead::TestSet::load(aead::TestName::XChaCha20Poly1305).unwrap();
    let mut tally = Tally::default();
    for test in set.test_groups.iter().flat_map(|group| &group.tests) {
        tally.all += 1;
        let Ok(nonce) = <[u8; 24]>::try_from(&test.nonce[..]) else {
            tally.note(test.tc_id, !must_hold(test.result));
            continue;
        };
        let nonce = XNonce::from(nonce);
        let cipher = XChaCha20Poly1305::new_from_slice(&test.key).unwrap();
        let seal = |plain: &[u8]| cipher.encrypt(&nonce, payload(plain, &test.aad)).ok();
        let open = |sealed: &[u8]| cipher.decrypt(&nonce, payload(sealed, &test.aad)).ok();
        tally.note(test.tc_id, judged(test, seal, open));
    }
    tally.close("xchacha20_poly1305", 315, 315);

    let set = aead::TestSet::load(aead::TestName::ChaCha20Poly1305).unwrap();
    let mut tally = Tally::default();
    for test in set.test_groups.iter().flat_map(|group| &group.tests) {
        tally.all += 1;
        let Ok(nonce) = <[u8; 12]>::try_from(&test.nonce[..]) else {
            tally.note(test.tc_id, !must_hold(test.result));
            continue;
        };
        let nonce = Nonce::from(nonce);
        let cipher = ChaCha20Poly1305::new_from_slice(&test.key).unwrap();
        let seal = |plain: &[u8]| cipher.encrypt(&nonce, payload(plain, &test.aad)).ok();
        let open = |sealed: &[u8]| cipher.decrypt(&nonce, payload(sealed, &test.aad)).ok();
        tally.note(test.tc_id, judged(test, seal, open));
    }
    tally.close("chacha20_poly1305, ours", 325, 325);
}

/// Runs what the provider can be asked: keys of `algorithms`, nonces of 12 bytes.
fn provider_judges(name: aead::TestName, algorithms: &[(usize, AeadType)]) -> Tally {
    let set = aead::TestSet::load(name).unwrap();
    let crypto = RustCrypto::default();
    let mut tally = Tally::default();
    for test in set.test_groups.iter().flat_map(|group| &group.tests) {
        tally.all += 1;
        let found = algorithms.iter().find(|(size, _)| *size == test.key.len());
        let (Some((_, algorithm)), 12) = (found, test.nonce.len()) else {
            continue;
        };
        let seal = |plain: &[u8]| {
            crypto
                .aead_encrypt(*algorithm, &test.key, plain, &test.nonce, &test.aad)
                .ok()
        };
        let open = |sealed: &[u8]| {
            crypto
                .aead_decrypt(*algorithm, &test.key, sealed, &test.nonce, &test.aad)
                .ok()
        };
        tally.note(test.tc_id, judged(test, seal, open));
    }
    tally
}

#[test]
fn every_sealing_of_wycheproof_that_the_provider_can_be_asked_is_judged_as_it_says() {
    provider_judges(
        aead::TestName::ChaCha20Poly1305,
        &[(32, AeadType::ChaCha20Poly1305)],
    )
    .close("chacha20_poly1305, the provider's (nonces of 12 bytes)", 325, 316);
    provider_judges(
        aead::TestName::AesGcm,
        &[(16, AeadType::Aes128Gcm), (32, AeadType::Aes256Gcm)],
    )
    .close(
        "aes_gcm, the provider's (keys of 128 and 256 bits, nonces of 12 bytes)",
        316,
        133,
    );
}

#[test]
fn every_derivation_of_wycheproof_by_hkdf_sha256_is_as_it_says_by_ours_and_the_providers() {
    let set = derivation::TestSet::load(derivation::TestName::HkdfSha256).unwrap();
    let (mut ours, mut theirs) = (Tally::default(), Tally::default());
    let crypto = RustCrypto::default();
    for test in set.test_groups.iter().flat_map(|group| &group.tests) {
        ours.all += 1;
        theirs.all += 1;
        let wanted = must_hold(test.result).then_some(&test.okm[..]);
        let mut okm = vec![0; test.size];
        let made = Hkdf::<Sha256>::new(Some(&test.salt), &test.ikm).expand(&test.info, &mut okm);
        ours.note(test.tc_id, made.ok().map(|()| &okm[..]) == wanted);
        let hash = HashType::Sha2_256;
        let made = crypto
            .hkdf_extract(hash, &test.salt, &test.ikm)
            .and_then(|prk| crypto.hkdf_expand(hash, prk.as_slice(), &test.info, test.size));
        theirs.note(test.tc_id, made.ok().as_ref().map(|okm| okm.as_slice()) == wanted);
    }
    ours.close("hkdf_sha256, ours", 86, 86);
    theirs.close("hkdf_sha256, the provider's", 86, 86);
}

#[test]
fn every_tag_of_wycheproof_by_hmac_sha256_is_judged_as_it_says_by_ours_and_the_providers() {
    let set = mac::TestSet::load(mac::TestName::HmacSha256).unwrap();
    let (mut ours, mut theirs) = (Tally::default(), Tally::default());
    for group in &set.test_groups {
        for test in &group.tests {
            ours.all += 1;
            theirs.all += 1;
            let mut hmac = <Hmac<Sha256> as hmac::KeyInit>::new_from_slice(&test.key).unwrap();
            hmac.update(&test.msg);
            let held = hmac.verify_truncated_left(&test.tag).is_ok();
            ours.note(test.tc_id, held == must_hold(test.result));
            let made = RustCrypto::default()
                .hmac(HashType::Sha2_256, &test.key, &test.msg)
                .unwrap();
            let held = made.as_slice()[..group.tag_size / 8] == test.tag[..];
            theirs.note(test.tc_id, held == must_hold(test.result));
        }
    }
    ours.close("hmac_sha256, ours", 174, 174);
    theirs.close("hmac_sha256, the provider's", 174, 174);
}
