//! Files that grow: jobs write their logs without asking anybody. Whoever reads to the end of one while
//! somebody looks on has it watched until it has grown, and reads again.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use tokio::sync::{Notify, broadcast};

use super::Change;

/// How often the files are looked at.
const LOOK: Duration = Duration::from_millis(250);
/// So many are watched; of more, those that were read last.
const FILES_MAX: usize = 1000;

/// Files that somebody has read to their end.
#[derive(Default)]
pub(super) struct Growing {
    files: Mutex<Vec<File>>,
    added: Notify,
}

struct File {
    path: PathBuf,
    /// How long it was when it was read.
    length: u64,
    change: Arc<Change>,
}

impl Growing {
    /// Has a file watched that was so long when somebody began to read it.
    pub fn add(&self, path: &Path, length: u64, change: Change) {
        let mut files = self.files();
        if let Some(known) = files.iter_mut().find(|known| known.path == path) {
            // Another reader may have seen less.
            known.length = known.length.min(length);
            return;
        }
        if files.len() == FILES_MAX {
            files.remove(0);
        }
        files.push(File { path: path.to_owned(), length, change: Arc::new(change) });
        drop(files);
        self.added.notify_one();
    }

    /// Tells of files that have grown, for good.
    pub async fn watch(self: Arc<Self>, sender: broadcast::Sender<Arc<Change>>) {
        loop {
            let added = self.added.notified();
            if self.files().is_empty() {
                added.await;
            }
            tokio::time::sleep(LOOK).await;
            if sender.receiver_count() == 0 {
                self.files().clear();
                continue;
            }
            let growing = self.clone();
            let Ok(grown) = tokio::task::spawn_blocking(move || growing.grown()).await else {
                continue;
            };
            for change in grown {
                let _ = sender.send(change);
            }
        }
    }

    /// Takes out what has grown.
    fn grown(&self) -> Vec<Arc<Change>> {
        let looked: Vec<(PathBuf, u64)> =
            self.files().iter().map(|file| (file.path.clone(), length(&file.path))).collect();
        let mut grown = Vec::new();
        self.files().retain(|file| {
            let now = looked.iter().find(|(path, _)| *path == file.path);
            let same = now.is_none_or(|(_, length)| *length == file.length);
            if !same {
                grown.push(file.change.clone());
            }
            same
        });
        grown
    }

    fn files(&self) -> MutexGuard<'_, Vec<File>> {
        self.files.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

/// How long a file is; one that is not there yet, or no more, has nothing in it.
pub(crate) fn length(path: &Path) -> u64 {
    std::fs::metadata(path).map_or(0, |known| known.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_told_of_once_when_it_has_grown() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let change = || Change {
            service: "logs",
            account: "1".into(),
            region: None,
            arn: Some("group".into()),
        };
        let growing = Growing::default();
        growing.add(&path, 0, change());
        assert!(growing.grown().is_empty(), "it is not there yet");
        std::fs::write(&path, "one\n").unwrap();
        assert_eq!(growing.grown().len(), 1);
        std::fs::write(&path, "one\ntwo\n").unwrap();
        assert!(growing.grown().is_empty(), "nobody has read it since");
        // Of two readers one has seen less.
        growing.add(&path, 8, change());
        growing.add(&path, 4, change());
        assert_eq!(growing.grown().len(), 1);
    }
}
