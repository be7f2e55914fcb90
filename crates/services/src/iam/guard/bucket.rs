//! Buckets as the guard sees them: whose they are, and what their policies say. Read from the store once and
//! kept until a bucket, or a policy of one, changes.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::compiled;
use crate::iam::policy::{Kind, Named};
use crate::{Context, Error};

/// A bucket.
pub(super) struct Known {
    /// Whose.
    pub account: String,
    /// Its policy, if it has one.
    pub policy: Option<Named>,
    /// The policy lets everybody in, and the bucket may not be public: others' accounts stay out.
    pub restricted: bool,
}

/// Buckets at hand. More than this many at once are not kept.
const KEPT_MAX: usize = 10_000;

/// By name: the generation in which it was read, and the bucket if there is one.
type Kept = HashMap<String, (u64, Option<Arc<Known>>)>;

/// Buckets by name; that there is none of a name is kept, too.
#[derive(Default)]
pub(super) struct Buckets {
    generation: AtomicU64,
    kept: Mutex<Kept>,
}

impl Buckets {
    /// Everything is read again.
    pub fn forget(&self) {
        self.generation.fetch_add(1, Ordering::SeqCst);
    }

    /// The bucket that an ARN of S3's names.
    pub async fn of_arn(&self, context: &Context, arn: &str) -> Result<Option<Arc<Known>>, Error> {
        match bucket_of(arn) {
            Some(name) => self.of(context, name).await,
            None => Ok(None),
        }
    }

    /// The bucket of this name.
    pub async fn of(&self, context: &Context, name: &str) -> Result<Option<Arc<Known>>, Error> {
        let generation = self.generation.load(Ordering::SeqCst);
        {
            let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some((of, known)) = kept.get(name)
                && *of == generation
            {
                return Ok(known.clone());
            }
        }
        let known = context.objects.any_bucket(name).await?.map(|(bucket, _)| {
            let policy = bucket.policy.as_deref();
            let policy = policy.and_then(|text| compiled("bucket policy", text, Kind::Resource));
            let is_public = policy.as_ref().is_some_and(|policy| policy.document.is_public());
            let restricted = is_public && bucket.public_access.restrict_public_buckets;
            Arc::new(Known { account: bucket.account, policy, restricted })
        });
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= KEPT_MAX {
            kept.clear();
        }
        kept.insert(name.to_owned(), (generation, known.clone()));
        Ok(known)
    }
}

/// The bucket's name in an ARN of S3's; none for another ARN, and for all buckets.
fn bucket_of(arn: &str) -> Option<&str> {
    let (_, place) = arn.split_once(":s3:::")?;
    let name = place.split('/').next()?;
    (!name.is_empty() && !name.contains('*')).then_some(name)
}
