//! Chance, where somebody has to be first.

/// A lot. Without randomness it is the last one: whoever drew it waits like any other, and comes last.
pub(crate) fn lot() -> u64 {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).map_or(u64::MAX, |()| u64::from_be_bytes(bytes))
}
