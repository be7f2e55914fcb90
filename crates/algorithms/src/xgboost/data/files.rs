//! Which files of a channel are data.

use std::path::{Path, PathBuf};

use crate::Failure;

const DEPTH_MAX: usize = 3;

/// The data files under a channel's folder, by path: those whose names begin with `.` or `_` and XGBoost's own
/// cache files are none; folders are walked three deep. A channel may also be a single file.
pub(super) fn data_files(channel: &Path, notes: &mut Vec<String>) -> Result<Vec<PathBuf>, Failure> {
    let mut files = Vec::new();
    if channel.is_file() {
        return Ok(vec![channel.to_owned()]);
    }
    if !channel.exists() {
        return Ok(files);
    }
    let mut too_deep = false;
    walk(channel, 1, &mut files, &mut too_deep)
        .map_err(|(path, error)| Failure::io("read", &path, &error))?;
    if too_deep {
        notes.push(format!(
            "The depth of folder {} exceed the limit {DEPTH_MAX}. Files in deeper sub dirs won't be loaded. Please \
             adjust the folder structure accordingly.",
            channel.display()
        ));
    }
    files.sort();
    Ok(files)
}

type WalkError = (PathBuf, std::io::Error);

fn walk(
    folder: &Path,
    depth: usize,
    files: &mut Vec<PathBuf>,
    too_deep: &mut bool,
) -> Result<(), WalkError> {
    if depth > DEPTH_MAX {
        *too_deep = true;
        return Ok(());
    }
    let at = |error| (folder.to_owned(), error);
    for entry in std::fs::read_dir(folder).map_err(at)? {
        let path = entry.map_err(at)?.path();
        if path.is_dir() {
            walk(&path, depth + 1, files, too_deep)?;
        } else if is_data(&path) && path.metadata().is_ok_and(|file| file.len() > 0) {
            files.push(path);
        }
    }
    Ok(())
}

fn is_data(path: &Path) -> bool {
    let Some(name) = path.file_name().and_then(|name| name.to_str()) else { return false };
    let cache = name.contains(".cache") && (name.contains("dtrain") || name.contains("dval"));
    !name.starts_with('.') && !name.starts_with('_') && !cache
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_data() {
        let folder = tempfile::tempdir().unwrap();
        for name in [
            "b.csv",
            "_SUCCESS",
            ".hidden",
            "a/a.csv",
            "a/b/c.csv",
            "a/b/c/deep.csv",
            "dtrain.cache",
        ] {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "1,2\n").unwrap();
        }
        std::fs::write(folder.path().join("empty.csv"), "").unwrap();
        let mut notes = Vec::new();
        let files = data_files(folder.path(), &mut notes).unwrap();
        let names: Vec<_> = files
            .iter()
            .map(|path| path.strip_prefix(folder.path()).unwrap().display().to_string())
            .collect();
        assert_eq!(names, ["a/a.csv", "a/b/c.csv", "b.csv"]);
        assert_eq!(notes.len(), 1);
        assert!(data_files(&folder.path().join("none"), &mut notes).unwrap().is_empty());
    }
}
