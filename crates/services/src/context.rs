//! What operations work with.

use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use asl::{Limits, Moment, Timestamp};
use engine::Engine;
use models::validate::Lengths;
use store::Store;

use crate::audit::Audit;
use crate::changes::Changes;
use crate::elsewhere::Elsewhere;
use crate::iam::guard::Guard;
use crate::integrations::Mocks;
use crate::quotas::Throttle;
use crate::s3::ObjectStore;
use crate::sagemaker::runner::Runner;
use crate::stepfunctions::{self, AccountLimits, Background};
use crate::sts::Issuers;
use crate::sts::sign_in::SignIn;

/// Gives the time and the dice; the binary has the only real one.
pub trait Clock: Send + Sync + 'static {
    /// Now, with a fresh seed.
    fn moment(&self) -> Moment;

    /// Waits until this time has come.
    fn reached(&self, at: Timestamp) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(async move {
            while let ahead @ 1.. = at.0 - self.moment().now.0 {
                // In steps: the clock may be set, and a suspended machine sleeps longer than it meant to.
                let step = u64::try_from(ahead).unwrap_or_default().min(1000);
                tokio::time::sleep(Duration::from_millis(step)).await;
            }
        })
    }
}

/// What the configuration says, as far as services care.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The account of callers who name none.
    pub account: String,
    /// The data folder.
    pub data: PathBuf,
    /// The bounds of definitions and executions.
    pub limits: Limits,
    /// What of them the model's checks of requests look at.
    pub lengths: Lengths,
    /// How much an account may have of state machines, executions and the like.
    pub account_limits: AccountLimits,
    /// Answers of tasks for tests.
    pub mocks: Option<Arc<Mocks>>,
    /// Services that answer elsewhere.
    pub elsewhere: Arc<Elsewhere>,
    /// Whom people sign in with.
    pub sign_in: Option<SignIn>,
}

impl Settings {
    /// With AWS's bounds.
    pub fn new(account: impl Into<String>, data: impl Into<PathBuf>) -> Settings {
        Settings {
            account: account.into(),
            data: data.into(),
            limits: Limits::default(),
            lengths: Lengths::default(),
            account_limits: AccountLimits::default(),
            mocks: None,
            elsewhere: Arc::default(),
            sign_in: None,
        }
    }

    /// With these services elsewhere.
    pub fn with_elsewhere(mut self, elsewhere: Elsewhere) -> Settings {
        self.elsewhere = Arc::new(elsewhere);
        self
    }

    /// With these answers of tasks.
    pub fn with_mocks(mut self, mocks: Option<Arc<Mocks>>) -> Settings {
        self.mocks = mocks;
        self
    }

    /// With an identity provider to sign in with.
    pub fn with_sign_in(mut self, sign_in: Option<SignIn>) -> Settings {
        self.sign_in = sign_in;
        self
    }

    /// With these bounds of accounts.
    pub fn with_account_limits(mut self, limits: AccountLimits) -> Settings {
        self.account_limits = limits;
        self
    }

    /// With these bounds, also in the checks of requests.
    pub fn with_limits(mut self, limits: Limits) -> Settings {
        self.limits = limits;
        self.lengths = stepfunctions::lengths(&limits);
        self
    }
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
    /// What Step Functions does beside answering calls.
    pub stepfunctions: Arc<Background>,
    /// Tells whoever looks on what has changed.
    pub changes: Changes,
    /// Whether callers may.
    pub iam: Arc<Guard>,
    /// Who called what.
    pub audit: Audit,
    /// Whose word is taken for who somebody is.
    pub issuers: Issuers,
    /// How often they may.
    pub throttle: Arc<Throttle>,
    /// The only time and dice.
    pub clock: Arc<dyn Clock>,
    /// Configuration.
    pub settings: Settings,
}
