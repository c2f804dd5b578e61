//! Intents in, read models out: the only door for every face.
