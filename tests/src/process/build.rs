//! The two programs, freshly built with the profile of whoever asks.

use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

/// The folder that holds `caucus` and `caucus-relay`, built now if they are stale.
///
/// # Panics
/// If they cannot be built.
pub fn binaries() -> &'static PathBuf {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let exe = std::env::current_exe().expect("this program's place");
        let mut folder = exe.parent().expect("a folder").to_path_buf();
        if folder.ends_with("deps") {
            folder.pop();
        }
        let mut build = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        build
            .args(["build", "--quiet", "--workspace", "--bins"])
            .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
        if folder.ends_with("release") {
            build.arg("--release");
        }
        let built = build.status().expect("cargo");
        assert!(built.success(), "the two programs do not build");
        folder
    })
}
