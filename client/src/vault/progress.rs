//! How far something long has come.

/// How far something long has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Progress {
    /// What is being done, in words.
    pub what: &'static str,
    /// How much of it is done.
    pub done: u64,
    /// How much there is.
    pub total: u64,
    /// It is bytes that are counted.
    pub bytes: bool,
}

/// Who is told of it. Called often: it must be quick.
pub type Tell<'a> = &'a dyn Fn(Progress);

/// For whom nobody waits.
pub fn silent(_: Progress) {}
