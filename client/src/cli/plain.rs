//! Makes other people's words harmless before a terminal meets them. `console` sends everything it prints
//! through here, so that no command can forget it.

use caucus_proto::org::name::is_unsafe;

/// What a tab becomes.
const TAB: &str = "    ";

/// One line: line breaks and everything else that could move a cursor, turn the direction of writing or be
/// invisible becomes a visible `\u{..}`. What only joins or varies the signs before it (emoji, Persian) is left
/// out.
#[must_use]
pub(super) fn line(text: &str) -> String {
    let mut harmless = String::with_capacity(text.len());
    let mut before = ' ';
    for c in text.chars() {
        match c {
            '\t' => harmless.push_str(TAB),
            '\u{fe00}'..='\u{fe0f}' | '\u{200c}' | '\u{200d}' if !before.is_ascii() => {}
            c if is_allowed(c) => harmless.push(c),
            c => harmless.extend(c.escape_unicode()),
        }
        before = c;
    }
    harmless
}

/// A word as a shell takes it, for commands that are shown to be typed.
#[must_use]
pub(super) fn word(text: &str) -> String {
    let harmless = line(text);
    let is_bare = |c: char| c.is_alphanumeric() || matches!(c, '/' | '-' | '_' | '.');
    if !harmless.is_empty() && harmless.chars().all(is_bare) {
        return harmless;
    }
    format!("'{}'", harmless.replace('\'', "'\\''"))
}

/// A text of several lines: its line breaks (`\n`, `\r\n`) are kept apart, each line is harmless.
pub(super) fn lines(text: &str) -> impl Iterator<Item = String> {
    text.trim_end_matches(['\r', '\n'])
        .split('\n')
        .map(|part| line(part.strip_suffix('\r').unwrap_or(part)))
}

/// JSON that was encoded: what is unsafe in its strings becomes `\uXXXX`, which reads back as what it was.
#[must_use]
pub(super) fn json(encoded: &str) -> String {
    let mut harmless = String::with_capacity(encoded.len());
    for c in encoded.chars() {
        if is_allowed(c) {
            harmless.push(c);
        } else {
            let mut units = [0; 2];
            for unit in c.encode_utf16(&mut units) {
                harmless.push_str(&format!("\\u{unit:04x}"));
            }
        }
    }
    harmless
}

/// The allow-list: what reaches a terminal as it is. Private and unassigned-for-ever characters are left to
/// fonts and would look like anything.
const fn is_allowed(c: char) -> bool {
    !is_unsafe(c)
        && !matches!(c, '\u{e000}'..='\u{f8ff}' | '\u{e0000}'..='\u{10ffff}' | '\u{fdd0}'..='\u{fdef}')
        && (c as u32) & 0xfffe != 0xfffe
}
