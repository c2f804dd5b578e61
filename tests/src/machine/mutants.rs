//! Laws and rules of the machine, broken one at a time (`cargo mutants-of-laws`).

/// A law or rule, the file of `proto/src/org`, what stands there once, and what is put there.
pub type Mutant = (&'static str, &'static str, &'static str, &'static str);

/// Each breaks one law or rule.
pub const MUTANTS: &[Mutant] = &[
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
        "let few = recent.div_ceil(3).max(3);",
        "let few = recent.div_ceil(3).max(1);",
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
    ("11", "apply.rs", "let uncut = !at.cut;", "let uncut = false;"),
    ("11", "apply.rs", "*uncut = false;", "*uncut = true;"),
    (
        "12",
        "apply.rs",
        "Effect::Removed { persona, .. } => self.remove(persona, Some(*author)),",
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
        "self.set(place, leaf((&key, record)));",
        "self.set(place, leaf(&key)); let _ = record;",
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
        ".is_some_and(Person::is_leaving);",
        ".is_some_and(Person::is_seated);",
    ),
    (
        "18",
        "judge.rs",
        "if self.annex.is_some() && deed.governs() {",
        "if false {",
    ),
    (
        "18",
        "roster.rs",
        "mine != signed.claim.roster {",
        "mine.position != signed.claim.roster.position {",
    ),
    ("18", "roster.rs", "if !after(annex.number) {", "if false {"),
    (
        "18",
        "roster.rs",
        "if carrier == signer && others.count() > usize::from(self.charter().absent) {",
        "if carrier == signer && others.count() > 1_000 {",
    ),
    (
        "18",
        "roster.rs",
        "if !self.person(carrier).is_some_and(governs) {",
        "if false {",
    ),
    (
        "18",
        "roster.rs",
        "verified.map_err(|_| Denied::NoAuthority)",
        "verified.or(Ok(()))",
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
    (
        "unity",
        "principles.rs",
        "text.version != accepted.version ||",
        "",
    ),
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
    (
        "11",
        "replace.rs",
        "self.lost && (self.is_awaited() || (self.leaf.is_some() && self.older == 0))",
        "false",
    ),
    (
        "13",
        "replace.rs",
        "if persona == *author {\n            return Err(Denied::OwnCase);\n        }\n        self.with_word",
        "self.with_word",
    ),
    (
        "13",
        "replace.rs",
        "if persona == *author {\n            return Err(Denied::OwnCase);\n        }\n        let claimant",
        "let claimant",
    ),
    (
        "replacing",
        "replace.rs",
        "person.heard >= claim.since",
        "person.spoke >= claim.since",
    ),
    (
        "replacing",
        "replace.rs",
        "if self.is_contradicted(&claim) {",
        "if false {",
    ),
    (
        "replacing",
        "replace.rs",
        "person.claims.filter(|claim| claim.persona == *persona);",
        "person.claims;",
    ),
    (
        "replacing",
        "replace.rs",
        "if claimant.joined.0.saturating_add(u64::from(rule.days) * DAY) > self.now().0 {",
        "if false {",
    ),
    (
        "replacing",
        "replace.rs",
        "self.vouchers(claimant, author).len())?;",
        "self.vouchers(claimant, author).len() + 1)?;",
    ),
    (
        "replacing",
        "judge.rs",
        ".is_some_and(|person| person.claims.is_some())",
        ".is_some_and(|_| false)",
    ),
    (
        "keys",
        "judge.rs",
        "ops.path.is_some_and(|key| key != person.key)",
        "false",
    ),
    (
        "keys",
        "judge.rs",
        "self.person(persona).is_some_and(|p| p.key == key)",
        "self.person(persona).is_some_and(|p| p.has_key(&key))",
    ),
    (
        "keys",
        "replace.rs",
        "if !person.former.is_empty() {",
        "if false {",
    ),
    ("keys", "replace.rs", "if self.knows_key(&key) {", "if false {"),
    ("keys", "replace.rs", ".map_err(|_| Denied::Unproven)?;", ".ok();"),
    ("keys", "replace.rs", "&& person.older == 0", ""),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fs;
    use std::path::Path;

    use super::*;

    #[test]
    fn every_mutant_of_a_law_breaks_what_stands_there_once() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../proto/src/org");
        let mut by_law: BTreeMap<&str, usize> = BTreeMap::new();
        for (law, file, from, to) in MUTANTS {
            let text = fs::read_to_string(folder.join(file)).expect("a source");
            assert_eq!(text.matches(from).count(), 1, "law {law}: {file}: {from}");
            assert_ne!(from, to);
            *by_law.entry(law).or_default() += 1;
        }
        assert!(by_law.values().all(|count| *count >= 2), "{by_law:?}");
    }
}
