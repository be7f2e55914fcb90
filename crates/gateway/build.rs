//! Puts the built console (`console/dist`, made by `npm run build` there) into the program. Without it the
//! program builds just the same, and its page says how to build the console.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let here = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
    let dist = here.join("../../console/dist");
    // The folder is always there (it holds a .gitignore), so that its change is seen.
    println!("cargo:rerun-if-changed={}", dist.display());
    let mut files = Vec::new();
    if dist.join("index.html.gz").exists() {
        gather(&dist, &dist, &mut files)?;
    }
    files.sort();
    let mut table = "pub(super) static FILES: &[(&str, &[u8])] = &[\n".to_owned();
    for (name, path) in files {
        let path = path.canonicalize()?;
        let _ = writeln!(table, "    ({name:?}, include_bytes!({path:?})),");
    }
    table.push_str("];\n");
    fs::write(PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default()).join("console.rs"), table)
}

/// Every `*.gz`, under its name without it.
fn gather(root: &Path, folder: &Path, into: &mut Vec<(String, PathBuf)>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            gather(root, &path, into)?;
        } else if let Some(name) = path.strip_prefix(root).ok().and_then(Path::to_str)
            && let Some(name) = name.strip_suffix(".gz")
        {
            into.push((name.replace('\\', "/"), path));
        }
    }
    Ok(())
}
