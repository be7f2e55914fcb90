//! Model artifacts: the `model.tar.gz` that training writes and containers read.

use std::io;
use std::path::{Path, PathBuf};

use super::jobs;
use crate::{Caller, Context, s3};

/// Packs a folder into a gzipped tar archive.
pub fn pack(from: &Path, archive: &Path) -> io::Result<()> {
    use io::Write;
    let file = io::BufWriter::new(std::fs::File::create(archive)?);
    let mut tar =
        tar::Builder::new(flate2::write::GzEncoder::new(file, flate2::Compression::fast()));
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let name = entry.file_name();
        if entry.file_type()?.is_dir() {
            tar.append_dir_all(&name, entry.path())?;
        } else {
            tar.append_path_with_name(entry.path(), &name)?;
        }
    }
    tar.into_inner()?.finish()?.flush()
}

/// Brings the artifact at `url` into a folder, unpacked. The error is for the user, in AWS's words.
pub async fn unpack(
    context: &Context,
    caller: &Caller,
    url: &str,
    into: &Path,
) -> Result<(), String> {
    let missing = |why: &str| {
        format!(
            "Failed to download model data for container \"container_1\" from URL: \"{url}\". Please ensure that there \
             is an object located at the URL and that the role passed to CreateModel has permissions to download the \
             object. ({why})"
        )
    };
    let location = s3::Location::parse(url).map_err(|error| missing(&error.message))?;
    jobs::may_read(context, caller, &location).await.map_err(|why| missing(&why))?;
    let opened = context.objects.open_object(caller, &location.bucket, &location.key).await;
    let (_, file) = opened.map_err(|error| missing(&error.message))?;
    let folder: PathBuf = into.to_owned();
    let unpacked = tokio::task::spawn_blocking(move || extract(file, &folder)).await;
    unpacked.map_err(|error| error.to_string())?.map_err(|error| {
        format!("The model data at \"{url}\" could not be unpacked: it must be a gzipped tar archive ({error})")
    })
}

/// Unpacks into an empty folder. `tar` refuses entries that lead out of it.
fn extract(file: std::fs::File, into: &Path) -> io::Result<()> {
    match std::fs::remove_dir_all(into) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => std::fs::create_dir_all(into)?,
    }
    let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(io::BufReader::new(file)));
    archive.set_preserve_permissions(false);
    archive.unpack(into)?;
    keep(into)
}

/// Makes a folder's files durable: an endpoint serves them again after the machine went down.
fn keep(folder: &Path) -> io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        match entry.file_type()? {
            kind if kind.is_dir() => keep(&entry.path())?,
            kind if kind.is_file() => std::fs::File::open(entry.path())?.sync_all()?,
            _ => {}
        }
    }
    std::fs::File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_packed_comes_out_again() {
        let folder = tempfile::tempdir().unwrap();
        let (from, archive, into) = (
            folder.path().join("from"),
            folder.path().join("a.tar.gz"),
            folder.path().join("into"),
        );
        std::fs::create_dir_all(from.join("code")).unwrap();
        std::fs::write(from.join("xgboost-model"), b"model").unwrap();
        std::fs::write(from.join("code/inference.py"), b"pass").unwrap();
        pack(&from, &archive).unwrap();
        extract(std::fs::File::open(&archive).unwrap(), &into).unwrap();
        assert_eq!(std::fs::read(into.join("xgboost-model")).unwrap(), b"model");
        assert_eq!(std::fs::read(into.join("code/inference.py")).unwrap(), b"pass");
        assert!(extract(std::fs::File::open(from.join("xgboost-model")).unwrap(), &into).is_err());
    }
}
