//! `encryptionConfiguration`: checked, completed, kept. Data is not encrypted with the key: what lies in
//! the data folder is as safe as the folder. But where KMS answers elsewhere, a key is asked for there, and
//! one that cannot be used refuses what AWS would refuse.

use asl::Header;
use remote::Problem;
use serde_json::{Value, json};

use super::machine;
use crate::{Caller, Context, Error, elsewhere};

/// How long AWS uses a data key, unless told.
const REUSE_SECONDS: u64 = 300;

/// The configuration of what is made, as descriptions show it.
///
/// # Errors
/// `InvalidEncryptionConfiguration`: a customer's key that is not named, cannot exist, or is none to
/// encrypt with; `KmsAccessDeniedException`, `KmsThrottlingException`: KMS's, where it answers elsewhere.
pub(super) async fn complete(
    context: &Context,
    caller: &Caller,
    given: Option<Value>,
) -> Result<Option<Value>, Error> {
    let Some(mut configuration) = given else { return Ok(None) };
    if configuration["type"] != "CUSTOMER_MANAGED_KMS_KEY" {
        return Ok(Some(configuration));
    }
    let Some(key) = configuration["kmsKeyId"].as_str().map(str::to_owned) else {
        return Err(invalid("kmsKeyId must be set for the type CUSTOMER_MANAGED_KMS_KEY"));
    };
    if !could_exist(&key, &caller.region) {
        return Err(invalid(&format!("there can be no KMS key '{key}' in {}", caller.region)));
    }
    if let Some(members) = configuration.as_object_mut() {
        members.entry("kmsDataKeyReusePeriodSeconds").or_insert(REUSE_SECONDS.into());
    }
    if let Some(metadata) = described(context, caller, &key).await? {
        let told = |name: &str| metadata[name].as_str().unwrap_or_default();
        if told("KeyState") != "Enabled" {
            return Err(invalid(&format!("the KMS key '{key}' is not active")));
        }
        let symmetric = matches!(told("KeySpec"), "" | "SYMMETRIC_DEFAULT");
        if !symmetric || told("KeyUsage") != "ENCRYPT_DECRYPT" {
            return Err(invalid(&format!("the KMS key '{key}' is not symmetric")));
        }
    }
    Ok(Some(configuration))
}

/// Refuses the use of what is encrypted with a key that KMS elsewhere does not let anyone use.
///
/// # Errors
/// `KmsInvalidStateException`, `KmsAccessDeniedException`, `KmsThrottlingException`.
pub(super) async fn check_usable(
    context: &Context,
    caller: &Caller,
    configuration: Option<&Value>,
) -> Result<(), Error> {
    let Some(key) = configuration.and_then(|configuration| configuration["kmsKeyId"].as_str())
    else {
        return Ok(());
    };
    let Some(metadata) = described(context, caller, key).await? else { return Ok(()) };
    let state = match metadata["KeyState"].as_str().unwrap_or_default() {
        "Enabled" => return Ok(()),
        "Disabled" => "DISABLED",
        "PendingDeletion" | "PendingReplicaDeletion" => "PENDING_DELETION",
        "PendingImport" => "PENDING_IMPORT",
        "Creating" | "Updating" => "CREATING",
        _ => "UNAVAILABLE",
    };
    let message = format!("The KMS key '{key}' is not in a valid state: {state}");
    Err(Error::new("KmsInvalidStateException", message).with("kmsKeyState", state))
}

/// As [`check_usable`], of an execution's state machine.
pub(super) async fn check_readable(
    context: &Context,
    caller: &Caller,
    execution: &Header,
) -> Result<(), Error> {
    if context.settings.elsewhere.endpoint("kms").is_none() {
        return Ok(());
    }
    let configuration = machine::encryption_of(context, execution).await?;
    check_usable(context, caller, configuration.as_ref()).await
}

/// What KMS says of a key; nothing where no KMS is configured.
async fn described(context: &Context, caller: &Caller, key: &str) -> Result<Option<Value>, Error> {
    if context.settings.elsewhere.endpoint("kms").is_none() {
        return Ok(None);
    }
    let asked = json!({ "KeyId": key });
    match elsewhere::ask(context, caller, "kms", "DescribeKey", &asked).await {
        Ok(mut answer) => Ok(Some(answer.members["KeyMetadata"].take())),
        Err(Problem::Refused(refusal)) => {
            let code = match &*refusal.code {
                "ThrottlingException" | "LimitExceededException" => "KmsThrottlingException",
                _ => "KmsAccessDeniedException",
            };
            Err(Error::new(code, refusal.message.clone()))
        }
        Err(problem) => Err(Error::internal(format!("KMS could not be asked: {problem}"))),
    }
}

/// Whether a key could have this name: an id, an alias, the ARN of one.
fn could_exist(key: &str, region: &str) -> bool {
    let name = match key.strip_prefix("arn:") {
        None => key,
        Some(arn) => {
            let parts: Vec<&str> = arn.splitn(5, ':').collect();
            match parts[..] {
                [_, "kms", of, account, name]
                    if of == region
                        && account.len() == 12
                        && account.bytes().all(|byte| byte.is_ascii_digit()) =>
                {
                    match name.strip_prefix("key/") {
                        Some(id) => id,
                        None if name.starts_with("alias/") => name,
                        None => return false,
                    }
                }
                _ => return false,
            }
        }
    };
    if let Some(alias) = name.strip_prefix("alias/") {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"/_-".contains(&byte);
        return !alias.is_empty() && alias.bytes().all(allowed);
    }
    let hex = |text: &str, length: usize| {
        text.len() == length && text.bytes().all(|byte| byte.is_ascii_hexdigit())
    };
    match name.strip_prefix("mrk-") {
        Some(id) => hex(id, 32),
        None => {
            let parts: Vec<&str> = name.split('-').collect();
            let lengths = [8, 4, 4, 4, 12];
            parts.len() == 5 && parts.iter().zip(lengths).all(|(part, length)| hex(part, length))
        }
    }
}

fn invalid(reason: &str) -> Error {
    Error::new(
        "InvalidEncryptionConfiguration",
        format!("Invalid Encryption Configuration: {reason}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn some_keys_cannot_exist() {
        let id = "1234abcd-12ab-34cd-56ef-1234567890ab";
        let arn = |region: &str, name: &str| format!("arn:aws:kms:{region}:000000000000:{name}");
        let could = [
            id.to_owned(),
            "mrk-1234abcd12ab34cd56ef1234567890ab".to_owned(),
            "alias/mine".to_owned(),
            arn("us-east-1", &format!("key/{id}")),
            arn("us-east-1", "alias/mine/too"),
        ];
        for key in could {
            assert!(could_exist(&key, "us-east-1"), "{key}");
        }
        let could_not = [
            String::new(),
            "mine".to_owned(),
            "alias/".to_owned(),
            "alias/a b".to_owned(),
            format!("{id}0"),
            arn("eu-west-1", &format!("key/{id}")),
            arn("us-east-1", id),
            format!("arn:aws:s3:us-east-1:000000000000:key/{id}"),
            format!("arn:aws:kms:us-east-1:0:key/{id}"),
        ];
        for key in could_not {
            assert!(!could_exist(&key, "us-east-1"), "{key}");
        }
    }
}
