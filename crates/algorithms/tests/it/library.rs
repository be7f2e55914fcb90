//! Where the tests find XGBoost: `STEPWELL_XGBOOST_LIB`, the active virtual environment, the project's.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use algorithms::xgboost::installed::INSTALL_COMMAND;
use algorithms::xgboost::{Installed, find};

/// The installed libraries; none is a reason to skip.
pub fn installed() -> Option<Vec<Installed>> {
    static FOUND: OnceLock<Vec<Installed>> = OnceLock::new();
    let found = FOUND.get_or_init(|| {
        let top = Path::new(env!("CARGO_MANIFEST_DIR"))
            .ancestors()
            .nth(2)
            .map(Path::to_owned)
            .unwrap_or_default();
        let mut candidates: Vec<PathBuf> = Vec::new();
        candidates.extend(std::env::var_os("STEPWELL_XGBOOST_LIB").map(PathBuf::from));
        candidates.extend(std::env::var_os("VIRTUAL_ENV").map(PathBuf::from));
        candidates.extend([".venv", ".build/venv", ".build"].map(|name| top.join(name)));
        find(&candidates)
    });
    if found.is_empty() {
        eprintln!(
            "skipped: no XGBoost library found (set STEPWELL_XGBOOST_LIB, or run: {INSTALL_COMMAND})"
        );
        return None;
    }
    Some(found.clone())
}
