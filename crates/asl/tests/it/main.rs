//! One binary for the crate's tests from outside.

mod bounds;
mod cases;
mod diagnostics;
mod graph;
mod history;
mod jsonata_states;
mod jsonata_suite;
mod properties;
mod recorded;
mod recorded_histories;
mod reference;
mod test_state;
mod world;

/// A file or folder of the reference material that may lie in `shared/` beside the repository.
fn shared(path: &str) -> Option<std::path::PathBuf> {
    let crate_folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    crate_folder
        .ancestors()
        .skip(2)
        .map(|above| above.join("shared").join(path))
        .find(|path| path.exists())
}
