//! `caucus`: one program per person.

fn main() {}
