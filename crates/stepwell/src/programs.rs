//! What this program can run: the built-in algorithms, in child processes of itself.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use services::sagemaker::runner::{Image, Programs};

use crate::config::Config;

/// Tells a child where to look for the XGBoost library before anywhere else.
pub const XGBOOST_LIB: &str = "STEPWELL_XGBOOST_LIB";
/// Tells a child to refuse another version than the one wanted.
pub const XGBOOST_EXACT: &str = "STEPWELL_XGBOOST_EXACT";
/// Tells a child where the data folder is.
pub const DATA: &str = "STEPWELL_DATA";

/// The built-in algorithms.
pub struct OwnPrograms {
    executable: PathBuf,
    environment: Vec<(String, String)>,
}

impl OwnPrograms {
    /// With what the configuration says of libraries.
    pub fn new(config: &Config) -> anyhow::Result<OwnPrograms> {
        let executable = std::env::current_exe().context("cannot find this program's own file")?;
        let mut environment = vec![(DATA.to_owned(), config.data.display().to_string())];
        let of_library = algorithms::xgboost::CHILD_ENVIRONMENT.iter();
        environment.extend(of_library.map(|(name, value)| (name.to_string(), value.to_string())));
        if let Some(path) = &config.xgboost_lib {
            environment.push((XGBOOST_LIB.to_owned(), path.display().to_string()));
        }
        if config.xgboost_exact {
            environment.push((XGBOOST_EXACT.to_owned(), "1".to_owned()));
        }
        Ok(OwnPrograms { executable, environment })
    }
}

impl Programs for OwnPrograms {
    fn image(&self, image: &str) -> Option<Image> {
        let found = algorithms::for_image(image)?;
        let metrics = found
            .algorithm
            .metrics()
            .iter()
            .map(|metric| (metric.name.clone(), metric.regex.clone()))
            .collect();
        Some(Image { algorithm: found.algorithm.name.to_owned(), metrics })
    }

    fn executable(&self) -> PathBuf {
        self.executable.clone()
    }

    fn environment(&self) -> Vec<(String, String)> {
        self.environment.clone()
    }
}

/// Where the XGBoost library may be, best first: the variable, beside the program, the data folder's
/// `lib`, the active virtual environment, the project's.
pub fn xgboost_candidates() -> Vec<PathBuf> {
    let variable =
        |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let mut candidates: Vec<PathBuf> = variable(XGBOOST_LIB).into_iter().collect();
    let program = std::env::current_exe().unwrap_or_default();
    if let Some(folder) = program.parent() {
        candidates.push(folder.join("lib"));
        candidates.push(folder.to_owned());
    }
    candidates.extend(variable(DATA).map(|data| data.join("lib")));
    // The project's: of the folder one is in, and of the checkout whose `target/release` this program lies in.
    let projects = [Path::new("")].into_iter().chain(program.ancestors().skip(2).take(2));
    let projects = projects.flat_map(|folder| [folder.join(".venv"), folder.join("venv")]);
    for environment in variable("VIRTUAL_ENV").into_iter().chain(projects) {
        candidates.extend(
            site_packages(&environment).into_iter().map(|packages| packages.join("xgboost/lib")),
        );
    }
    candidates
}

/// `lib/python3.*/site-packages` of a virtual environment.
fn site_packages(environment: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(environment.join("lib")) else { return Vec::new() };
    let pythons = entries.flatten().map(|entry| entry.path().join("site-packages"));
    pythons.filter(|packages| packages.is_dir()).collect()
}
