//! `cargo demo`: a cell, from founding to removal, with real processes on this machine. It shows what each
//! person sees and what the relay sees, and ends with 0 only if every check held.

fn main() {
    std::process::exit(caucus_tests::demo::run());
}
