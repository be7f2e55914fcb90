//! Which XGBoost libraries are installed, and which of them a job gets.

use std::path::{Path, PathBuf};

use super::library::Library;
use super::version::{Series, Version};
use crate::Failure;

/// The version that stands in where an image's own series is not installed.
pub const DEFAULT_VERSION: Version = Version { major: 3, minor: 0, patch: 5 };

/// The one command that installs a library where Stepwell finds it: the project's virtual environment.
pub const INSTALL_COMMAND: &str =
    "python3 -m venv .venv && .venv/bin/python -m pip install --no-deps xgboost-cpu==3.0.5";

/// What the process of a job or an endpoint must be started with. OpenMP reads it when the library is loaded, so
/// it cannot be set later. Without it idle threads spin: on busy CPUs a training takes ten times as long
/// (measured: 4.5 s against 0.42 s for 100 rounds on 8,500 × 12 rows, two threads, load 11 on two CPUs).
pub const CHILD_ENVIRONMENT: &[(&str, &str)] = &[("OMP_WAIT_POLICY", "PASSIVE")];

/// A library that could be loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Installed {
    /// The shared object.
    pub path: PathBuf,
    /// Its version.
    pub version: Version,
}

/// The library a job gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// The library.
    pub installed: Installed,
    /// A line for the job's log if it is not of the series that was asked for.
    pub warning: Option<String>,
}

/// What a job asks of the library.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Wish {
    /// The series of the image's tag.
    pub series: Option<Series>,
    /// Nothing but that series will do.
    pub exact: bool,
    /// Libraries older than this cannot be used (the version that wrote the model).
    pub at_least: Option<Version>,
    /// Libraries of this series and later cannot be used (they no longer read the model's format).
    pub before: Option<Series>,
}

/// The names the shared object has on Linux, macOS and Windows.
pub const LIBRARY_NAMES: [&str; 3] = ["libxgboost.so", "libxgboost.dylib", "xgboost.dll"];

/// The libraries among `candidates`, in their order, each once. A candidate is a shared object, a folder with
/// one, or anything above it that a Python installation makes: a virtual environment, a `site-packages`.
/// What is not there or cannot be read as a library is passed over.
pub fn find(candidates: &[PathBuf]) -> Vec<Installed> {
    let mut found: Vec<Installed> = Vec::new();
    for path in candidates.iter().flat_map(|candidate| shared_objects(candidate)) {
        let path = path.canonicalize().unwrap_or(path);
        if found.iter().any(|known| known.path == path) {
            continue;
        }
        if let Some(version) = described_version(&path).or_else(|| Library::probe(&path).ok()) {
            found.push(Installed { path, version });
        }
    }
    found
}

/// The library for a wish: of the asked series, else the default version, else the nearest newer one, else the
/// newest. Without any, the error says what to do.
pub fn choose(installed: &[Installed], wish: Wish) -> Result<Choice, Failure> {
    let mut usable: Vec<&Installed> = installed
        .iter()
        .filter(|library| {
            wish.at_least.is_none_or(|least| library.version.series() >= least.series())
        })
        .filter(|library| wish.before.is_none_or(|series| library.version.series() < series))
        .collect();
    // A stable sort: of equal versions the one found first stays first.
    usable.sort_by_key(|library| library.version);
    let of_series = |series: Series| {
        let newest = usable
            .iter()
            .filter(|library| library.version.series() == series)
            .map(|library| library.version)
            .max()?;
        usable.iter().find(|library| library.version == newest)
    };
    if let Some(library) = wish.series.and_then(of_series) {
        return Ok(Choice { installed: (*library).clone(), warning: None });
    }
    let has_series =
        |series: Series| installed.iter().any(|library| library.version.series() == series);
    if let Some(series) = wish.series.filter(|series| wish.exact && !has_series(*series)) {
        return Err(Failure::platform(format!(
            "XGBoost {series} is not installed{}, and --xgboost-exact lets nothing else stand in. \
             Install an `xgboost-cpu` (from 2.1.1) or `xgboost` package of that series, or leave the option out",
            listing(installed)
        )));
    }
    let newest_or =
        |library: Option<&&Installed>| library.or(usable.last()).map(|library| (*library).clone());
    let standing_in = newest_or(
        usable
            .iter()
            .find(|library| library.version == DEFAULT_VERSION)
            .or_else(|| usable.iter().find(|library| library.version > DEFAULT_VERSION)),
    );
    // Exactly the series is wanted and there, but it cannot read the model: nothing may stand in.
    let Some(library) = standing_in.filter(|_| !(wish.exact && wish.series.is_some())) else {
        return Err(match wish.at_least {
            _ if wish.before.is_some() && !installed.is_empty() => Failure::platform(format!(
                "the model is in XGBoost's old binary format, which 3.1 and later cannot read{}. Install a library \
                 that can with: {INSTALL_COMMAND}",
                listing(installed)
            )),
            Some(least) if !installed.is_empty() => Failure::platform(format!(
                "the model was written by XGBoost {least} and {} libraries are {}{}; an older library would answer wrong \
                 predictions without a word. Install it with: {}",
                if wish.exact { "newer" } else { "only older" },
                if wish.exact { "refused by --xgboost-exact" } else { "installed" },
                listing(installed),
                INSTALL_COMMAND.replace("3.0.5", &least.to_string())
            )),
            _ => Failure::platform(format!(
                "XGBoost's library (libxgboost) was not found. Install it with: {INSTALL_COMMAND}"
            )),
        });
    };
    let warning = wish.series.map(|series| {
        format!(
            "the image asks for XGBoost {series}, which is not installed; XGBoost {} stands in",
            library.version
        )
    });
    Ok(Choice { installed: library, warning })
}

fn listing(installed: &[Installed]) -> String {
    if installed.is_empty() {
        return String::new();
    }
    let versions: Vec<_> = installed.iter().map(|library| library.version.to_string()).collect();
    format!(" (found: {})", versions.join(", "))
}

fn shared_objects(candidate: &Path) -> Vec<PathBuf> {
    if candidate.is_file() {
        return vec![candidate.to_owned()];
    }
    let mut folders =
        vec![candidate.to_owned(), candidate.join("xgboost/lib"), candidate.join("lib")];
    // Several versions side by side: `lib/3.0.5/…`, and a virtual environment's `lib/python3.11/site-packages`.
    for parent in [candidate.to_owned(), candidate.join("lib"), candidate.join("Lib")] {
        for folder in subfolders(&parent) {
            folders.push(folder.join("xgboost/lib"));
            folders.push(folder.join("site-packages/xgboost/lib"));
            folders.push(folder);
        }
    }
    folders
        .iter()
        .flat_map(|folder| LIBRARY_NAMES.iter().map(|name| folder.join(name)))
        .filter(|path| path.is_file())
        .collect()
}

fn subfolders(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut folders: Vec<_> =
        entries.flatten().map(|entry| entry.path()).filter(|path| path.is_dir()).collect();
    folders.sort();
    folders
}

/// The version in the `VERSION` file of the Python package around the shared object, or the one its folder is
/// named by (`lib/3.0.5/libxgboost.so`). They are believed in preference to asking the object, because asking
/// means loading, and two loaded versions disturb one another.
fn described_version(path: &Path) -> Option<Version> {
    let folder = path.parent()?;
    let of_package =
        || Version::parse(&std::fs::read_to_string(folder.parent()?.join("VERSION")).ok()?);
    of_package().or_else(|| Version::parse(folder.file_name()?.to_str()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn installed(versions: &[&str]) -> Vec<Installed> {
        versions
            .iter()
            .map(|version| Installed {
                path: format!("/x/{version}").into(),
                version: Version::parse(version).unwrap(),
            })
            .collect()
    }

    #[test]
    fn the_series_of_the_tag_wins_then_the_default() {
        for (have, tag, at_least, expected) in [
            (&["3.2.0", "3.0.5", "2.1.4"][..], "3.0-5", None, "3.0.5"),
            (&["3.2.0", "3.0.5", "1.7.6"], "1.7-1", None, "1.7.6"),
            (&["3.2.0", "3.0.5", "2.1.4"], "1.7-1", None, "3.0.5 stands in"),
            (&["3.2.0", "2.1.4"], "1.7-1", None, "3.2.0 stands in"),
            (&["2.1.1", "2.1.4"], "0.90-1-cpu-py3", None, "2.1.4 stands in"),
            (&["3.0.5", "1.7.6"], "1.7-1", Some("3.0.5"), "3.0.5 stands in"),
            (&["3.0.5"], "3.0-5", Some("3.2.0"), "error: the model was written by XGBoost 3.2.0"),
            (&[], "3.0-5", None, "error: XGBoost's library (libxgboost) was not found"),
        ] {
            let wish = Wish {
                series: Series::of_tag(tag),
                at_least: at_least.and_then(Version::parse),
                ..Wish::default()
            };
            let answer = match choose(&installed(have), wish) {
                Ok(Choice { installed, warning: None }) => installed.version.to_string(),
                Ok(Choice { installed, warning: Some(_) }) => {
                    format!("{} stands in", installed.version)
                }
                Err(failure) => format!("error: {}", failure.message),
            };
            assert!(answer.starts_with(expected), "{have:?} {tag}: {answer}");
        }
    }

    #[test]
    fn exact_refuses_a_stand_in() {
        let wish = Wish { series: Series::of_tag("1.7-1"), exact: true, ..Wish::default() };
        let failure = choose(&installed(&["3.0.5"]), wish).unwrap_err();
        assert!(
            failure.message.starts_with("XGBoost 1.7 is not installed (found: 3.0.5)"),
            "{}",
            failure.message
        );
    }

    #[test]
    fn the_version_file_beside_the_library_is_believed() {
        let folder = tempfile::tempdir().unwrap();
        let package = folder.path().join("lib/python3.11/site-packages/xgboost");
        std::fs::create_dir_all(package.join("lib")).unwrap();
        std::fs::write(package.join("VERSION"), "2.1.4\n").unwrap();
        std::fs::write(package.join("lib/libxgboost.so"), "").unwrap();
        let found = find(&[
            folder.path().join("nothing"),
            folder.path().to_owned(),
            package.join("lib/libxgboost.so"),
        ]);
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].version.to_string(), "2.1.4");
        let bare = folder.path().join("data/lib/3.2.0");
        std::fs::create_dir_all(&bare).unwrap();
        std::fs::write(bare.join("libxgboost.so"), "").unwrap();
        let found = find(&[folder.path().join("data/lib")]);
        assert_eq!(
            found.iter().map(|library| library.version.to_string()).collect::<Vec<_>>(),
            ["3.2.0"]
        );
    }
}
