//! What the requests of all kinds of job have in common, checked before anything is stored.

use serde_json::Value;

use super::jobs;
use super::runner::Image;
use crate::{Caller, Context, Error, s3};

/// What runs the image.
///
/// # Errors
/// AWS's refusal of a text that is no image URI; a clear one of an image that is not built in.
pub fn image(context: &Context, image: &str) -> Result<Image, Error> {
    if let Some(known) = context.sagemaker.programs.image(image) {
        return Ok(known);
    }
    if !image.contains(".dkr.ecr.") || !image.contains('/') {
        return Err(Error::validation(format!(
            "Invalid image URI {image}. Please provide a valid Amazon Elastic Container Registry path of the Docker image to run."
        )));
    }
    Err(Error::validation(format!(
        "Stepwell cannot run the image {image}: built in is XGBoost, with the images …/xgboost:TAG and …/sagemaker-xgboost:TAG of any account and region"
    )))
}

/// Only File mode is built.
pub fn file_mode(mode: Option<&str>, what: &str) -> Result<(), Error> {
    match mode {
        // FastFile shows the same files; linking objects costs nothing here.
        None | Some("File" | "FastFile") => Ok(()),
        Some(mode) => Err(Error::validation(format!(
            "Stepwell does not yet support {mode} mode ({what}): use File"
        ))),
    }
}

/// Only one instance is built.
pub fn one_instance(resources: &Value) -> Result<(), Error> {
    let groups = resources["InstanceGroups"].as_array().is_some_and(|groups| !groups.is_empty());
    if groups || resources["InstanceCount"].as_u64().unwrap_or(1) > 1 {
        return Err(Error::validation(
            "Stepwell does not yet run a job on several instances: use InstanceCount 1 without InstanceGroups",
        ));
    }
    Ok(())
}

/// Compressed or wrapped channels are not built.
pub fn uncompressed(channel: &Value, name: &str) -> Result<(), Error> {
    if channel["CompressionType"].as_str().is_some_and(|kind| kind != "None") {
        return Err(Error::validation(format!(
            "Stepwell does not yet decompress input (CompressionType of channel \"{name}\"): use None"
        )));
    }
    if channel["RecordWrapperType"].as_str().is_some_and(|kind| kind != "None") {
        return Err(Error::validation(format!(
            "Stepwell does not yet wrap records (RecordWrapperType of channel \"{name}\"): use None"
        )));
    }
    Ok(())
}

/// A place in S3, as `s3://…` or in https form.
pub fn s3_path(path: Option<&str>, what: &str) -> Result<s3::Location, Error> {
    let path = path.unwrap_or_default();
    s3::Location::parse(path).map_err(|error| {
        Error::validation(format!("{what} `{path}` names no place in S3: {error}"))
    })
}

/// A channel's source: of a kind that is built, with objects in it that the job's role may list.
pub async fn s3_source(
    context: &Context,
    caller: &Caller,
    role: &str,
    source: &Value,
    channel: &str,
) -> Result<(), Error> {
    if !source.is_object() {
        return Err(Error::validation(format!(
            "Stepwell reads training data from S3: give channel \"{channel}\" an S3DataSource"
        )));
    }
    if source["S3DataDistributionType"].as_str() == Some("ShardedByS3Key") {
        return Err(Error::validation(format!(
            "Stepwell does not yet support ShardedByS3Key (channel \"{channel}\"): use FullyReplicated"
        )));
    }
    let kind = source["S3DataType"].as_str().unwrap_or("S3Prefix");
    if !matches!(kind, "S3Prefix" | "ManifestFile") {
        return Err(Error::validation(format!(
            "Stepwell does not yet support S3DataType {kind} (channel \"{channel}\"): use S3Prefix or ManifestFile"
        )));
    }
    let uri = source["S3Uri"].as_str().unwrap_or_default();
    let location = s3_path(Some(uri), &format!("the S3Uri of channel \"{channel}\""))?;
    // The job's role reads it, not whoever makes the job. Models may have none.
    let reader = match role {
        "" => caller.clone(),
        role => Caller {
            account: caller.account.clone(),
            ..Caller::service(role, &caller.region, "SageMaker")
        },
    };
    jobs::objects(context, &reader, source, &location).await.map(drop).map_err(|reason| {
        Error::validation(format!(
            "No S3 objects found under S3 URL \"{uri}\" given in input data source. Please ensure that the bucket \
             exists in the selected region ({}), that objects exist under that S3 prefix, and that the role \"{role}\" \
             has \"s3:ListBucket\" permissions on bucket \"{}\". Error message from S3: {reason}",
            caller.region, location.bucket
        ))
    })
}
