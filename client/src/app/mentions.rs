//! Mentions: `@Name` of somebody of the room in what was said. They are read out of the words where these are shown; nothing
//! of them is sent or kept.

use caucus_proto::id::PersonaId;
use caucus_proto::org::{Name, State};

/// Most signs in a text that are taken for the beginning of a mention.
const MOST: usize = 32;

/// Whom a text names, everybody once, in order. Names may hold blanks: the longest that fits counts.
pub(super) fn mentioned<'a>(state: &'a State, text: &str) -> Vec<(&'a PersonaId, &'a Name)> {
    let mut found = Vec::new();
    if !text.contains('@') {
        return found;
    }
    let mut before = None;
    let mut signs = 0;
    for (at, c) in text.char_indices() {
        let begins = c == '@' && !before.is_some_and(char::is_alphanumeric);
        before = Some(c);
        if !begins {
            continue;
        }
        signs += 1;
        if signs > MOST {
            break;
        }
        let rest = text.get(at + 1..).unwrap_or_default();
        let named = state
            .people
            .iter()
            .filter(|(_, person)| person.is_present() && begins_with(rest, &person.name))
            .max_by_key(|(_, person)| person.name.as_str().len());
        if let Some((persona, person)) = named
            && !found.iter().any(|(known, _)| *known == persona)
        {
            found.push((persona, &person.name));
        }
    }
    found
}

/// Whether a text names this person.
pub(super) fn mentions(state: &State, text: &str, persona: &PersonaId) -> bool {
    mentioned(state, text).iter().any(|(named, _)| *named == persona)
}

/// Whether a text begins with a name, and the name ends there.
fn begins_with(text: &str, name: &Name) -> bool {
    let length = name.as_str().chars().count();
    let end = text.char_indices().nth(length).map_or(text.len(), |(at, _)| at);
    let Some((head, rest)) = text.split_at_checked(end) else {
        return false;
    };
    head.chars().count() == length
        && name.is_like(head)
        && !rest
            .chars()
            .next()
            .is_some_and(|c| c.is_alphanumeric() || c == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn begins(text: &str, name: &str) -> bool {
        begins_with(text, &Name::new(name).unwrap())
    }

    #[test]
    fn a_name_is_found_whatever_its_case_and_only_where_it_ends() {
        for (text, name, is) in [
            ("ana: hello", "Ana", true),
            ("ANA", "Ana", true),
            ("Ana María, come", "Ana María", true),
            ("Ana Mar", "Ana María", false),
            ("Anabel", "Ana", false),
            ("Ana_1", "Ana", false),
            ("Ана.", "Ана", true),
            ("", "Ana", false),
            ("An", "Ana", false),
            (" na x", "na", false),
        ] {
            assert_eq!(begins(text, name), is, "{text:?} {name:?}");
        }
    }
}
