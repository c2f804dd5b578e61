//! `caucus`: one program per person.

use std::process::ExitCode;

fn main() -> ExitCode {
    caucus_client::cli::main()
}
