//! Tags of what a call is for, as condition keys: read only when a policy asks for one.

use super::permission::Need;
use crate::iam::entity;
use crate::iam::policy::{Keys, Policies};
use crate::{Context, Error, sagemaker, stepfunctions};

/// What S3 asks the tags of an object for.
const OF_OBJECTS: &[&str] = &[
    "s3:GetObject",
    "s3:GetObjectAcl",
    "s3:GetObjectAttributes",
    "s3:GetObjectTagging",
    "s3:PutObjectAcl",
    "s3:PutObjectTagging",
    "s3:DeleteObjectTagging",
];

/// Sets the tags of the permission's resource, if a policy asks for any.
///
/// # Errors
/// The store's.
pub(super) async fn set_asked(
    keys: &mut Keys,
    context: &Context,
    need: &Need,
    policies: &Policies,
) -> Result<(), Error> {
    if !policies.asked_keys().any(is_tag) {
        return Ok(());
    }
    let service = need.resource.split(':').nth(2).unwrap_or_default();
    let arn = need.resource.as_str();
    let (prefixes, tags): (&[&str], _) = match service {
        "states" => (&["aws:ResourceTag"], stepfunctions::tags::of(context, arn).await?),
        "sagemaker" => {
            let prefixes = &["aws:ResourceTag", "sagemaker:ResourceTag"];
            (prefixes, sagemaker::tags::of(context, arn).await?)
        }
        "iam" => {
            let tags = entity::find(context, arn).await?.into_iter().flat_map(|found| found.tags);
            let tags = tags.map(|tag| (tag.key, tag.value)).collect();
            (&["aws:ResourceTag", "iam:ResourceTag"], tags)
        }
        "s3" if OF_OBJECTS.contains(&need.action.as_str()) => match place(arn) {
            Some((bucket, key)) => {
                (&["s3:ExistingObjectTag"], context.objects.tags(bucket, key).await?)
            }
            None => return Ok(()),
        },
        _ => return Ok(()),
    };
    for prefix in prefixes {
        for (key, value) in &tags {
            keys.set(&format!("{prefix}/{key}"), value.as_str());
        }
    }
    Ok(())
}

/// Whether a key is one of a resource's tags.
fn is_tag(key: &str) -> bool {
    let (of, _) = key.split_once('/').unwrap_or_default();
    let name = of.split_once(':').map_or("", |(_, name)| name);
    name.eq_ignore_ascii_case("ResourceTag") || name.eq_ignore_ascii_case("ExistingObjectTag")
}

/// Bucket and key of an object's ARN.
fn place(arn: &str) -> Option<(&str, &str)> {
    arn.split_once(":s3:::")?.1.split_once('/')
}
