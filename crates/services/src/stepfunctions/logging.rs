//! `loggingConfiguration`: checked, completed with AWS's defaults, kept.

use serde_json::{Value, json};

use crate::{Caller, Context, Error, logs};

/// The configuration as DescribeStateMachine shows it.
///
/// # Errors
/// `InvalidLoggingConfiguration`: a level without a destination, a destination that does not exist.
pub(super) async fn complete(
    context: &Context,
    caller: &Caller,
    given: Option<Value>,
) -> Result<Value, Error> {
    let mut configuration = given.unwrap_or_else(|| json!({}));
    let Some(members) = configuration.as_object_mut() else {
        return Err(invalid("it must be an object"));
    };
    members.entry("level").or_insert_with(|| "OFF".into());
    members.entry("includeExecutionData").or_insert(false.into());
    let off = members["level"] == "OFF";
    let destinations = members.get("destinations").and_then(Value::as_array);
    let destinations = destinations.map(Vec::as_slice).unwrap_or_default();
    match destinations {
        [] if off => {}
        [destination] => {
            let arn = &destination["cloudWatchLogsLogGroup"]["logGroupArn"];
            let group = arn.as_str().and_then(|arn| arn.split_once(":log-group:"));
            let group = group.map(|(_, group)| group.trim_end_matches(":*"));
            match group {
                Some(group) if logs::group_exists(context, caller, group).await? => {}
                _ => return Err(invalid("Log Destination not found.")),
            }
        }
        _ => return Err(invalid("Must specify exactly one Log Destination.")),
    }
    Ok(configuration)
}

fn invalid(reason: &str) -> Error {
    Error::new("InvalidLoggingConfiguration", format!("Invalid Logging Configuration: {reason}"))
}
