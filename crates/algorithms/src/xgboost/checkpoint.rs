//! Checkpoints: `xgboost-checkpoint.N` after round N, the last five kept, and training that goes on from them.

use std::path::{Path, PathBuf};

use super::train::write_file;
use crate::Failure;

const NAME: &str = "xgboost-checkpoint.";
const KEPT_MAX: usize = 5;

/// The newest checkpoint's model and its round.
pub(super) fn latest(folder: &Path) -> Result<Option<(Vec<u8>, usize)>, Failure> {
    let Some((round, path)) = all(folder).pop() else { return Ok(None) };
    let bytes = std::fs::read(&path).map_err(|error| Failure::io("read", &path, &error))?;
    Ok(Some((bytes, round)))
}

/// Writes a checkpoint and removes those that are too old.
pub(super) fn save(folder: &Path, round: usize, model: &[u8]) -> Result<(), Failure> {
    write_file(&folder.join(format!("{NAME}{round}")), model)?;
    let checkpoints = all(folder);
    for (_, path) in checkpoints.iter().rev().skip(KEPT_MAX) {
        std::fs::remove_file(path).map_err(|error| Failure::io("remove", path, &error))?;
    }
    Ok(())
}

/// All checkpoints, the oldest first.
fn all(folder: &Path) -> Vec<(usize, PathBuf)> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut found: Vec<_> = entries
        .flatten()
        .filter_map(|entry| {
            let round = entry.file_name().to_str()?.strip_prefix(NAME)?.parse().ok()?;
            Some((round, entry.path()))
        })
        .collect();
    found.sort();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_five_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(latest(folder.path()).unwrap(), None);
        for round in 0..12 {
            save(folder.path(), round, &[round as u8]).unwrap();
        }
        assert_eq!(latest(folder.path()).unwrap(), Some((vec![11], 11)));
        assert_eq!(
            all(folder.path()).iter().map(|(round, _)| *round).collect::<Vec<_>>(),
            [7, 8, 9, 10, 11]
        );
    }
}
