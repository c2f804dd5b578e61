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
    (
        "10",
        "apply.rs",
        "self.fill_seats(at.position);\n            }\n            if at.cut",
        "}\n            if at.cut",
    ),
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
        "line.rotate_left(passed);",
        "let _ = passed;",
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
    (
        "8",
        "poll.rs",
        "            .ok_or(Denied::NoVoter)?;\n        if self.now() >= poll.until {",
        "            .cloned().unwrap_or_default();\n        if self.now() >= poll.until {",
    ),
    (
        "8",
        "poll.rs",
        "voter.ballot.is_some() || here || !poll.kept.leavers",
        "here || !poll.kept.leavers",
    ),
    (
        "8",
        "proposal.rs",
        "proposal.version = proposal.version.saturating_add(1);",
        "",
    ),
    (
        "9",
        "poll.rs",
        "rule: &poll.rule,",
        "rule: self.charter().polls.of(proposal.subject.matter()),",
    ),
    ("9", "amend.rs", "if charter == now {", "if false {"),
    (
        "9",
        "amend.rs",
        "charter.spheres != now.spheres || charter.governing",
        "charter.governing",
    ),
    (
        "10",
        "poll.rs",
        "Subject::Charter { charter } => rule.stricter(&charter.polls.rules),",
        "Subject::Charter { .. } => rule,",
    ),
    (
        "10",
        "poll.rs",
        "Subject::Charter { charter } => absent.min(charter.absent),",
        "Subject::Charter { .. } => absent,",
    ),
    (
        "10",
        "rules.rs",
        "share.least(voters).min(awaited.max(half))",
        "share.least(voters).min(awaited)",
    ),
    (
        "10",
        "mandate.rs",
        "if able.len() > self.missed(office) {",
        "if !able.is_empty() {",
    ),
    (
        "10",
        "charter.rs",
        ".max().unwrap_or(0) < least",
        ".sum::<u16>() < least",
    ),
    (
        "13",
        "poll.rs",
        "let other = |id: &PersonaId| subject.about() != Some(id);",
        "let other = |_: &PersonaId| true;",
    ),
    (
        "13",
        "poll.rs",
        "if subject.about() == Some(author) {",
        "if false {",
    ),
    (
        "13",
        "poll.rs",
        "if proposal.subject.about() == Some(author) {",
        "if false {",
    ),
    (
        "20",
        "finality.rs",
        "    part: 2,\n    of: 3,",
        "    part: 1,\n    of: 2,",
    ),
    (
        "20",
        "finality.rs",
        ".filter(|seen| *seen > self.finality.seated && *seen < at.position)",
        ".filter(|seen| *seen < at.position)",
    ),
    (
        "20",
        "finality.rs",
        "*seen > self.finality.seated && *seen < at.position",
        "*seen > self.finality.seated",
    ),
    ("20", "apply.rs", " if !effects.iter().any(Effect::is_said)", ""),
    (
        "20",
        "finality.rs",
        "let share = if light { Share::HALF } else { MOST };",
        "let share = Share::HALF; let _ = light;",
    ),
    (
        "20",
        "finality.rs",
        ".is_some_and(|active| now.saturating_sub(active.0) <= days)",
        ".is_some()",
    ),
    (
        "grace",
        "finality.rs",
        "self.now() >= closed.poll.grace(closed.at) &&",
        "",
    ),
    (
        "grace",
        "poll.rs",
        "if self.now() >= poll.grace(closed.at) {",
        "if false {",
    ),
    (
        "missing",
        "poll.rs",
        "voter.ballot.is_some() || voter.missed ||",
        "voter.missed ||",
    ),
    ("missing", "poll.rs", "            voter.missed = true;", ""),
    (
        "sealed",
        "poll.rs",
        "(Some(_), None) if now >= poll.grace(poll.until) => return Ok(Moved::Void),",
        "",
    ),
    (
        "sealed",
        "poll.rs",
        "(Some(key), Some(secret)) if ballot_key(secret) != Ok(key) => return Err(Denied::WrongSecret),",
        "",
    ),
    (
        "sealed",
        "ballot.rs",
        "[poll.as_bytes(), voter.as_bytes()].concat()",
        "{ let _ = voter; poll.as_bytes().to_vec() }",
    ),
    (
        "support",
        "poll.rs",
        "let awaited = could.saturating_sub(usize::from(self.charter().absent));",
        "let awaited = could;",
    ),
    (
        "support",
        "poll.rs",
        "if proposal.by != *author || have < needed {",
        "if have < needed {",
    ),
    (
        "quorum",
        "count.rs",
        "passed: quorum && decided,",
        "passed: decided,",
    ),
    (
        "quorum",
        "count.rs",
        "let quorum = cast >=",
        "let quorum = cast + 1 >=",
    ),
    (
        "rotation",
        "mandate.rs",
        "after: Option<Turn>) -> Vec<PersonaId> {\n        let holds",
        "_: Option<Turn>) -> Vec<PersonaId> {\n        let after = None;\n        let holds",
    ),
    (
        "rotation",
        "mandate.rs",
        "if willing.len() > away { willing } else { able }",
        "able",
    ),
    (
        "terms",
        "proposal.rs",
        "if candidates.iter().any(|id| self.has_served(office, id)) {",
        "if false {",
    ),
    (
        "terms",
        "finality.rs",
        "able.contains(id) && !self.has_served(*office, id);",
        "able.contains(id);",
    ),
    (
        "terms",
        "finality.rs",
        "holders.is_empty() || !self.is_elected(*office)",
        "holders.is_empty()",
    ),
    (
        "recall",
        "apply.rs",
        "                    person.aside.push(*office);",
        "",
    ),
    (
        "recall",
        "apply.rs",
        "Effect::Recalled { office, holder } => {\n                self.vacate(*office, holder);",
        "Effect::Recalled { office, holder } => {",
    ),
    (
        "ties",
        "count.rs",
        "weakest.last().copied()",
        "weakest.first().copied()",
    ),
    (
        "ties",
        "count.rs",
        "for round in rounds.iter().rev() {",
        "for round in rounds {",
    ),
    (
        "ties",
        "count.rs",
        "(core::cmp::Reverse(**votes), *option)",
        "(core::cmp::Reverse(**votes), core::cmp::Reverse(*option))",
    ),
    (
        "remarks",
        "remark.rs",
        "if message.author != *author {",
        "if false {",
    ),
    (
        "remarks",
        "remark.rs",
        "message.filter(|message| message.id == of.id)",
        "message.filter(|message| message.id == message.id)",
    ),
    (
        "remarks",
        "remark.rs",
        "if self.pins.len() >= MOST_PINS =>",
        "if self.pins.len() > MOST_PINS =>",
    ),
    (
        "remarks",
        "remark.rs",
        "self.with_power(author, Power::Facilitate)?;",
        "",
    ),
    (
        "whispers",
        "whisper.rs",
        "if sealed.len() != SEALED_WORDS {",
        "if sealed.len() > SEALED_WORDS {",
    ),
    (
        "whispers",
        "whisper.rs",
        "whispered.0 == today && whispered.1 >= WHISPERS_A_DAY",
        "whispered.0 == today && whispered.1 > WHISPERS_A_DAY",
    ),
    (
        "whispers",
        "whisper.rs",
        "let before = if day == today { before } else { 0 };",
        "let _ = day;",
    ),
    (
        "introductions",
        "between/liaison.rs",
        "made.consents.contains_key(&number) {",
        "false {",
    ),
    (
        "introductions",
        "between/liaison.rs",
        "made.is_open(now) && made.links.contains(&link)",
        "made.is_open(now)",
    ),
    (
        "introductions",
        "between/liaison.rs",
        "if asked.consented.is_some() {",
        "if false {",
    ),
    (
        "introductions",
        "between/liaison.rs",
        "if self.asked(link, number)?.consented != Some(*author) {",
        "if self.asked(link, number)?.consented.is_none() {",
    ),
    (
        "introductions",
        "between/liaison.rs",
        "asked.consented.ok_or(Denied::NotNext)?;",
        "let _ = asked;",
    ),
    (
        "introductions",
        "between/liaison.rs",
        "if !self.root_holders().contains(author) {",
        "if false {",
    ),
    (
        "introductions",
        "between/liaison.rs",
        "*introduction <= latest",
        "*introduction == latest",
    ),
    (
        "introductions",
        "between/liaison.rs",
        "if !over.we.directives {",
        "if false {",
    ),
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
