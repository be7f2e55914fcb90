//! Copying data folders.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use anyhow::Context as _;

/// The folder of objects, whose files never change once they have their names.
const OBJECTS: &str = "objects";
/// The database while it is not complete: a folder without `stepwell.db` is no data folder yet.
const PARTIAL: &str = "stepwell.db.part";

/// Copies a data folder into `to`, which must be missing or empty: the database as it is at one moment, and
/// everything beside it. Objects become links to the same bytes where the file system can. The folder may be
/// in use.
///
/// # Errors
/// What cannot be read or written, by name. `to` then holds no database.
pub fn copy(from: &Path, to: &Path) -> anyhow::Result<()> {
    let [database, lock] = store::FILES;
    anyhow::ensure!(
        from.join(database).is_file(),
        "`{}` is no data folder: it has no {database}",
        from.display()
    );
    fs::create_dir_all(to).with_context(|| format!("cannot make `{}`", to.display()))?;
    anyhow::ensure!(
        fs::read_dir(to).with_context(|| to.display().to_string())?.next().is_none(),
        "`{}` is not empty; give a new folder",
        to.display()
    );
    // Objects before the database and again after it: what it names was there before, or comes with the
    // second walk. What it does not name is swept at the first start.
    copy_tree(&from.join(OBJECTS), &to.join(OBJECTS), true)?;
    store::copy(from, &to.join(PARTIAL))?;
    copy_tree(&from.join(OBJECTS), &to.join(OBJECTS), true)?;
    for entry in fs::read_dir(from).with_context(|| from.display().to_string())? {
        let name = entry?.file_name();
        let text = name.to_string_lossy();
        if text != lock && text != OBJECTS && !text.starts_with(database) {
            copy_tree(&from.join(&name), &to.join(&name), false)?;
        }
    }
    fs::rename(to.join(PARTIAL), to.join(database))?;
    fs::File::open(to)?.sync_all().with_context(|| format!("cannot sync `{}`", to.display()))
}

/// Copies a file or a folder; what goes away meanwhile is left out, what is there already stays.
fn copy_tree(from: &Path, to: &Path, link: bool) -> anyhow::Result<()> {
    let told = || format!("cannot copy `{}` to `{}`", from.display(), to.display());
    let kind = match fs::symlink_metadata(from) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        kind => kind.with_context(told)?.file_type(),
    };
    if kind.is_dir() {
        fs::create_dir_all(to).with_context(told)?;
        for entry in fs::read_dir(from).with_context(told)? {
            let name = entry.with_context(told)?.file_name();
            copy_tree(&from.join(&name), &to.join(&name), link)?;
        }
        return fs::File::open(to)?.sync_all().with_context(told);
    }
    if !kind.is_file() || to.exists() || (link && fs::hard_link(from, to).is_ok()) {
        return Ok(());
    }
    match fs::copy(from, to) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        copied => {
            copied.with_context(told)?;
            fs::File::open(to)?.sync_all().with_context(told)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_copy_opens_and_has_the_objects() -> anyhow::Result<()> {
        let folder = tempfile::tempdir()?;
        let (from, to) = (folder.path().join("from"), folder.path().join("to"));
        let store = store::open(&from.display().to_string()).await?;
        for (name, text) in
            [("objects/ab/abc", "bytes"), ("logs/group.log", "line"), ("stepwell.db.old", "")]
        {
            let path = from.join(name);
            fs::create_dir_all(path.parent().context("a folder")?)?;
            fs::write(path, text)?;
        }
        copy(&from, &to)?;
        assert_eq!(fs::read_to_string(to.join("objects/ab/abc"))?, "bytes");
        assert_eq!(fs::read_to_string(to.join("logs/group.log"))?, "line");
        assert!(!to.join("lock").exists() && !to.join(PARTIAL).exists());
        store::open(&to.display().to_string()).await?;
        assert!(format!("{:#}", copy(&from, &to).unwrap_err()).contains("is not empty"));
        let none = copy(&folder.path().join("none"), &folder.path().join("new")).unwrap_err();
        assert!(format!("{none:#}").contains("is no data folder"));
        drop(store);
        Ok(())
    }
}
