//! What operations work with.

use std::path::PathBuf;
use std::sync::Arc;

use asl::Moment;
use engine::Engine;
use store::Store;

use crate::s3::ObjectStore;
use crate::sagemaker::runner::Runner;

/// Gives the time and the dice; the binary has the only real one.
pub trait Clock: Send + Sync + 'static {
    /// Now, with a fresh seed.
    fn moment(&self) -> Moment;
}

/// What the configuration says, as far as services care.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The account of callers who name none.
    pub account: String,
    /// The data folder.
    pub data: PathBuf,
}

/// Shared by every call: the store, the engine, the clock, the settings.
pub struct Context {
    /// Durable rows.
    pub store: Arc<dyn Store>,
    /// Executions.
    pub engine: Arc<Engine>,
    /// S3's buckets and objects.
    pub objects: Arc<ObjectStore>,
    /// Jobs and endpoints.
    pub sagemaker: Arc<Runner>,
    /// The only time and dice.
    pub clock: Arc<dyn Clock>,
    /// Configuration.
    pub settings: Settings,
}
