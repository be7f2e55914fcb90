//! Where data and models of an account go, and under which role.

use std::path::Path;

use serde_json::json;

use crate::Error;
use crate::client::{Client, partition};
use crate::log;

/// Where data and models of an account go by default.
///
/// ```no_run
/// use stepwell_sdk::{Client, Session};
///
/// # async fn run() -> Result<(), stepwell_sdk::Error> {
/// let client = Client::from_env()?;
/// let session = Session::new(&client);
/// let bucket = session.default_bucket().await?;
/// let uri = session.upload("Train.csv", &bucket, "big-mart").await?;
/// assert_eq!(uri, format!("s3://{bucket}/big-mart/Train.csv"));
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct Session {
    client: Client,
}

impl Session {
    /// A session of `client`.
    pub fn new(client: &Client) -> Self {
        Session { client: client.clone() }
    }

    /// The account's bucket in this region, `sagemaker-REGION-ACCOUNT`, made when it is not there yet.
    ///
    /// # Errors
    /// AWS's exception when the caller is not known, or may not make or use the bucket.
    pub async fn default_bucket(&self) -> Result<String, Error> {
        let account = self.account().await?;
        let bucket = format!("sagemaker-{}-{account}", self.client.region());
        if !self.client.s3().bucket_exists(&bucket).await? {
            match self.client.s3().create_bucket(&bucket).await {
                Ok(()) => log::info(&format!("Bucket `{bucket}` is created")),
                // Someone else of the same account was faster.
                Err(error)
                    if error.is("BucketAlreadyOwnedByYou") || error.is("OperationAborted") => {}
                Err(error) => return Err(error),
            }
        }
        Ok(bucket)
    }

    /// Uploads a file under `prefix` and gives its URI.
    ///
    /// # Errors
    /// [`Error::File`] when it cannot be read, and AWS's exception when it cannot be written.
    pub async fn upload(
        &self,
        path: impl AsRef<Path>,
        bucket: &str,
        prefix: &str,
    ) -> Result<String, Error> {
        let path = path.as_ref();
        let name = path.file_name().ok_or_else(|| Error::File {
            path: path.to_owned(),
            source: std::io::Error::new(std::io::ErrorKind::InvalidInput, "it has no file name"),
        })?;
        let name = name.to_string_lossy();
        let prefix = prefix.trim_matches('/');
        let key = if prefix.is_empty() { name.into_owned() } else { format!("{prefix}/{name}") };
        self.client.s3().put_file(bucket, &key, path).await?;
        Ok(format!("s3://{bucket}/{key}"))
    }

    /// The number of the account the caller belongs to.
    ///
    /// # Errors
    /// AWS's exception when the caller is not known.
    pub async fn account(&self) -> Result<String, Error> {
        let identity = self.client.call("sts", "GetCallerIdentity", json!({})).await?;
        match identity["Account"].as_str() {
            Some(account) => Ok(account.to_owned()),
            None => Err(unreadable("GetCallerIdentity", "it has no Account")),
        }
    }
}

/// The ARN of the role the caller acts under, for the jobs it has run.
///
/// ```no_run
/// # async fn run(client: stepwell_sdk::Client) -> Result<(), stepwell_sdk::Error> {
/// let role = stepwell_sdk::execution_role(&client).await?;
/// assert_eq!(role, "arn:aws:iam::000000000000:role/stepwell");
/// # Ok(()) }
/// ```
///
/// # Errors
/// [`Error::Unexpected`] when the caller is a user and not a role; AWS's exception when it may not ask.
pub async fn execution_role(client: &Client) -> Result<String, Error> {
    let identity = client.call("sts", "GetCallerIdentity", json!({})).await?;
    let arn =
        identity["Arn"].as_str().ok_or_else(|| unreadable("GetCallerIdentity", "it has no Arn"))?;
    let Some((_, assumed)) = arn.split_once(":assumed-role/") else {
        return Err(Error::Unexpected {
            what: "the caller".to_owned(),
            status: format!("`{arn}`"),
            reason: Some(
                "only a role has an execution role; give the ARN of one instead".to_owned(),
            ),
        });
    };
    let name = assumed.split('/').next().unwrap_or_default();
    match client.call("iam", "GetRole", json!({ "RoleName": name })).await {
        Ok(answer) => match answer["Role"]["Arn"].as_str() {
            Some(arn) => Ok(arn.to_owned()),
            None => Err(unreadable("GetRole", "it has no Role.Arn")),
        },
        // A caller that may not read IAM still knows its own role, save for a path in it.
        Err(error) if error.is("AccessDenied") || error.is("AccessDeniedException") => {
            let account = arn.split(':').nth(4).unwrap_or_default();
            log::warning(&format!(
                "the caller may not ask for its role `{name}`; the ARN is guessed"
            ));
            Ok(format!("arn:{}:iam::{account}:role/{name}", partition(client.region())))
        }
        Err(error) => Err(error),
    }
}

fn unreadable(operation: &str, reason: &str) -> Error {
    let service = if operation == "GetRole" { "iam" } else { "sts" };
    Error::Answer {
        service: service.to_owned(),
        operation: operation.to_owned(),
        reason: reason.to_owned(),
    }
}
