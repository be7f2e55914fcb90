//! A data folder has one process at a time.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::Path;

use crate::StoreError;

/// The folder is ours until this is dropped, or the process ends in whatever way.
pub(super) struct Held(#[expect(dead_code, reason = "the open file carries the lock")] File);

impl Held {
    /// Takes the folder, which is made if it is missing.
    pub(super) fn take(folder: &Path) -> Result<Held, StoreError> {
        let unavailable = |reason: std::io::Error| StoreError::Unavailable {
            at: folder.display().to_string(),
            reason: reason.to_string(),
        };
        std::fs::create_dir_all(folder).map_err(unavailable)?;
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(folder.join("lock"))
            .map_err(unavailable)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut pid = String::new();
                let _ = file.read_to_string(&mut pid);
                return Err(StoreError::Held {
                    at: folder.display().to_string(),
                    pid: pid.trim().parse().unwrap_or(0),
                });
            }
            Err(TryLockError::Error(reason)) => return Err(unavailable(reason)),
        }
        // The number is for people only, so a disk too full to write it is no reason to stay closed.
        let _ = file.set_len(0);
        let _ = file.rewind();
        let _ = writeln!(file, "{}", std::process::id());
        Ok(Held(file))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_holder_is_told_who_has_it_and_the_next_gets_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("data");
        let held = Held::take(&path).unwrap();
        match Held::take(&path) {
            Err(StoreError::Held { pid, .. }) => assert_eq!(pid, std::process::id()),
            other => panic!("{:?}", other.map(|_| ())),
        }
        drop(held);
        Held::take(&path).unwrap();
    }
}
