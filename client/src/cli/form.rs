//! Forms as a person writes them: the fields that a directive asks for, and what is reported in them.

use std::collections::BTreeMap;

use crate::app::{FieldWord, FormField};

/// What choices begin with.
const CHOICE: &str = "choice:";

/// A field, from `How many tenants?=number`.
///
/// # Errors
/// What would be right.
pub(super) fn field(text: &str) -> Result<FormField, String> {
    let wrong = || {
        "write what is asked, = and what it takes: \"How many?=number\", \"Met?=yes/no\", \"Mood=choice:good,bad\" or \"Notes=text\""
            .to_owned()
    };
    let (label, takes) = text.split_once('=').ok_or_else(wrong)?;
    let (label, takes) = (label.trim(), takes.trim());
    if label.is_empty() {
        return Err(wrong());
    }
    let takes = match takes.to_lowercase().as_str() {
        "text" => FieldWord::Text {},
        "number" => FieldWord::Number {},
        "yes/no" | "yes-no" | "yesno" => FieldWord::YesNo {},
        word if word.starts_with(CHOICE) => FieldWord::Choice {
            of: choices(takes.get(CHOICE.len()..).unwrap_or_default())?,
        },
        _ => return Err(wrong()),
    };
    Ok(FormField {
        label: label.to_owned(),
        takes,
    })
}

fn choices(text: &str) -> Result<Vec<String>, String> {
    let of: Vec<String> = text.split(',').map(|choice| choice.trim().to_owned()).collect();
    if of.len() < 2 || of.iter().any(String::is_empty) {
        return Err("give at least two choices, with commas between: \"Mood=choice:good,bad\"".to_owned());
    }
    Ok(of)
}

/// What is reported in a field, from `How many tenants?=12`.
///
/// # Errors
/// What would be right.
pub(super) fn value(text: &str) -> Result<(String, String), String> {
    let (label, value) = text
        .split_once('=')
        .filter(|(label, _)| !label.trim().is_empty())
        .ok_or_else(|| "write what was asked, = and the answer: \"How many?=12\"".to_owned())?;
    Ok((label.trim().to_owned(), value.trim().to_owned()))
}

/// Values by label.
///
/// # Errors
/// The label that is answered twice.
pub(super) fn values(given: Vec<(String, String)>) -> Result<BTreeMap<String, String>, String> {
    let mut values = BTreeMap::<String, String>::new();
    for (label, value) in given {
        if values.keys().any(|known| known.eq_ignore_ascii_case(&label)) {
            return Err(label);
        }
        values.insert(label, value);
    }
    Ok(values)
}

/// What a field takes, in words.
#[must_use]
pub(super) fn takes(field: &FormField) -> String {
    match &field.takes {
        FieldWord::Text {} => "words".to_owned(),
        FieldWord::Number {} => "a number".to_owned(),
        FieldWord::YesNo {} => "yes or no".to_owned(),
        FieldWord::Choice { of } => format!("one of: {}", of.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(label: &str, takes: FieldWord) -> FormField {
        FormField {
            label: label.to_owned(),
            takes,
        }
    }

    #[test]
    fn a_field_is_a_label_and_what_it_takes() {
        assert_eq!(
            field("How many tenants?=number"),
            Ok(made("How many tenants?", FieldWord::Number {}))
        );
        assert_eq!(field(" Met? = Yes/No "), Ok(made("Met?", FieldWord::YesNo {})));
        assert_eq!(field("Notes=text"), Ok(made("Notes", FieldWord::Text {})));
        let of = vec!["good".to_owned(), "so = so".to_owned(), "Übel".to_owned()];
        assert_eq!(
            field("Mood=choice:good, so = so,Übel"),
            Ok(made("Mood", FieldWord::Choice { of }))
        );
        for wrong in [
            "",
            "Notes",
            "Notes=",
            "=text",
            "Notes=words",
            "a=b=number",
            "Mood=choice:",
            "Mood=choice:good",
            "Mood=choice:good,,bad",
            "Mood=choice good,bad",
        ] {
            assert!(field(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_value_is_a_label_and_an_answer_and_no_label_is_answered_twice() {
        let pair = |label: &str, value: &str| (label.to_owned(), value.to_owned());
        assert_eq!(value("How many?=12"), Ok(pair("How many?", "12")));
        assert_eq!(value("Notes= a = b "), Ok(pair("Notes", "a = b")));
        assert_eq!(value("Notes="), Ok(pair("Notes", "")));
        for wrong in ["", "12", "=12", " =12"] {
            assert!(value(wrong).is_err(), "{wrong}");
        }
        let given = vec![pair("Met?", "yes"), pair("How many?", "12")];
        assert_eq!(values(given.clone()), Ok(BTreeMap::from_iter(given)));
        let twice = vec![pair("Met?", "yes"), pair("met?", "no")];
        assert_eq!(values(twice), Err("met?".to_owned()));
    }
}
