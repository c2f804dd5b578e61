//! The encrypted local store of one person.
