//! Every hash, derivation, MAC and signature goes through the registry of labels.

use std::fs;
use std::path::{Path, PathBuf};

use crate::label::Label;

/// Source files without test code, as (path, text).
fn sources(folders: &[&str]) -> Vec<(PathBuf, String)> {
    let house = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut found = Vec::new();
    for folder in folders {
        walk(&house.join(folder), &mut found);
    }
    assert!(found.len() > 20, "{folders:?} hold only {} files", found.len());
    found
}

fn walk(folder: &Path, found: &mut Vec<(PathBuf, String)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            if !path.ends_with("tests") {
                walk(&path, found);
            }
        } else if path.extension().is_some_and(|ext| ext == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            let code = text.split("#[cfg(test)]").next().unwrap_or_default();
            let code = code
                .lines()
                .filter(|line| !line.trim_start().starts_with("//"))
                .collect::<Vec<_>>()
                .join("\n");
            found.push((path, code));
        }
    }
}

/// Where a primitive may be named without the registry, each with its reason.
const ALLOWED: &[(&str, &str)] = &[
    // The registry itself.
    ("proto/src/label.rs", "Sha256"),
    ("proto/src/label.rs", "Hkdf"),
    // Its key is derived under `Label::Pass`, and its input hashed under it.
    ("proto/src/wire/proof.rs", "Sha256"),
    ("proto/src/wire/proof.rs", "Hmac"),
    // Its key is derived under `Label::VaultPlace`.
    ("client/src/vault/key.rs", "Sha256"),
    ("client/src/vault/key.rs", "Hmac"),
    // A relay's address is the plain hash of its public key's standard form, as other programs compute it.
    ("client/src/relay/tls.rs", "Sha256"),
    ("client/src/relay/fake.rs", "Sha256"),
];

const PRIMITIVES: &[&str] = &["Sha256", "Sha384", "Sha512", "Hkdf", "Hmac", "blake3::hash"];

fn is_allowed(path: &Path, primitive: &str) -> bool {
    ALLOWED
        .iter()
        .any(|(file, allowed)| path.ends_with(file) && *allowed == primitive)
}

/// A primitive named bare, outside an import.
fn names(code: &str, primitive: &str) -> bool {
    code.lines()
        .filter(|line| !line.trim_start().starts_with("use "))
        .any(|line| line.contains(&format!("{primitive}::")) || line.contains(&format!("<{primitive}>")))
}

#[test]
fn no_hash_derivation_or_mac_goes_around_the_registry() {
    let sources = sources(&["proto/src", "client/src"]);
    let mut around = Vec::new();
    let mut present = 0;
    for (path, code) in &sources {
        for primitive in PRIMITIVES {
            if names(code, primitive) {
                if is_allowed(path, primitive) {
                    present += 1;
                } else {
                    around.push(format!("{} names {primitive}", path.display()));
                }
            }
        }
    }
    // The search finds what is there, so that finding nothing elsewhere means something.
    assert!(present >= 4, "{present}");
    assert!(around.is_empty(), "{around:#?}");
}

/// Calls of an exporter that do not name a label right away.
fn unlabelled_exports(code: &str) -> usize {
    [".export_secret(", ".export_keying_material("]
        .into_iter()
        .flat_map(|call| code.match_indices(call))
        .filter(|(at, _)| {
            let call: String = code[*at..].chars().take(160).collect();
            !call.contains("Label::")
        })
        .count()
}

#[test]
fn every_exporter_call_names_a_label() {
    assert_eq!(
        unlabelled_exports("group.export_secret(&crypto, \"mine\", &[], 32)"),
        1
    );
    assert_eq!(
        unlabelled_exports("quic.export_keying_material(&mut out, Label::ProofExporter.text())"),
        0
    );
    for (path, code) in sources(&["proto/src", "client/src", "server/src"]) {
        assert_eq!(unlabelled_exports(&code), 0, "{}", path.display());
    }
}

#[test]
fn what_is_signed_is_a_labelled_digest() {
    // `PersonaPublic::verify` takes 32 bytes, and each caller takes them from a `digest` function.
    let sources = sources(&["proto/src"]);
    let mut verified = 0;
    for (path, code) in &sources {
        if !path.to_string_lossy().contains("proto/src/org") || path.ends_with("sign.rs") {
            continue;
        }
        for (at, _) in code.match_indices(".verify(") {
            let call: String = code[at..].chars().take(80).collect();
            assert!(call.contains("digest("), "{}: {call}", path.display());
            verified += 1;
        }
    }
    assert!(verified >= 3, "{verified}");
}

#[test]
fn every_label_is_used() {
    let sources = sources(&["proto/src", "client/src", "server/src"]);
    for label in Label::ALL {
        let name = format!("Label::{label:?}");
        let word = |code: &str| {
            code.match_indices(&name)
                .any(|(at, _)| !code[at + name.len()..].starts_with(char::is_alphanumeric))
        };
        let used = sources
            .iter()
            .any(|(path, code)| !path.ends_with("label.rs") && word(code));
        assert!(used || RESERVED.contains(label), "{name} is not used anywhere");
    }
}

/// Labels whose users are still to come; this list only shrinks.
const RESERVED: &[Label] = &[Label::Refuge];
