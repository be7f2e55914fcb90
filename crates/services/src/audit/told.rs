//! What may be told of a request or an answer: everything but secrets, unless it is too long.

use models::{Kind, Service, ShapeId};
use serde_json::{Map, Value};

/// What stands in the place of a value that the model calls sensitive, as CloudTrail has it.
const HIDDEN: &str = "HIDDEN_DUE_TO_SECURITY_REASONS";
/// Members that are left out altogether, as secrets that AWS's models do not always mark.
const SECRETS: [&str; 3] = ["SecretAccessKey", "SessionToken", "Password"];
/// CloudTrail leaves out what is longer.
const BYTES_MAX: usize = 100 << 10;

/// The members without secrets, and how many bytes they have about. None if there is too much of them.
pub(super) fn told(
    service: &Service,
    shape: Option<ShapeId>,
    members: &Value,
) -> Option<(Value, usize)> {
    let shape = shape.filter(|_| members.as_object().is_some_and(|members| !members.is_empty()))?;
    let mut bytes = 0;
    let told = tell(service, shape, members, &mut bytes)?;
    let is_empty = told.as_object().is_some_and(Map::is_empty);
    (!is_empty).then_some((told, bytes))
}

fn tell(service: &Service, shape: ShapeId, value: &Value, bytes: &mut usize) -> Option<Value> {
    let shape = service.shape(shape);
    *bytes += 8;
    if shape.sensitive && !value.is_null() {
        return Some(HIDDEN.into());
    }
    let told = match (&shape.kind, value) {
        (Kind::Structure(structure), Value::Object(members)) => {
            let mut told = Map::new();
            for (name, value) in members {
                let Some(member) = structure.member(name) else { continue };
                if value.is_null() || member.streaming || SECRETS.contains(&name.as_str()) {
                    continue;
                }
                *bytes += name.len();
                told.insert(name.clone(), tell(service, member.shape, value, bytes)?);
            }
            Value::Object(told)
        }
        (Kind::List { member, .. }, Value::Array(items)) => {
            let items = items.iter().map(|item| tell(service, member.shape, item, bytes));
            Value::Array(items.collect::<Option<_>>()?)
        }
        (Kind::Map { value: of, .. }, Value::Object(entries)) => {
            let mut told = Map::new();
            for (key, value) in entries {
                *bytes += key.len();
                told.insert(key.clone(), tell(service, of.shape, value, bytes)?);
            }
            Value::Object(told)
        }
        (Kind::Timestamp(_), Value::Number(seconds)) => date(seconds.as_f64().unwrap_or_default()),
        (Kind::Blob, _) => HIDDEN.into(),
        (_, Value::String(text)) => {
            *bytes += text.len();
            if *bytes > BYTES_MAX {
                return None;
            }
            value.clone()
        }
        _ => value.clone(),
    };
    (*bytes <= BYTES_MAX).then_some(told)
}

/// `Nov 22, 2026, 8:15:51 PM`.
fn date(seconds: f64) -> Value {
    let at = jiff::Timestamp::from_millisecond((seconds * 1000.0) as i64).unwrap_or_default();
    at.strftime("%b %-d, %Y, %-I:%M:%S %p").to_string().into()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn request(service: &str, operation: &str, members: &Value) -> Option<Value> {
        let model = models::service(service).unwrap();
        told(model, model.operation(operation).unwrap().input, members).map(|(told, _)| told)
    }

    #[test]
    fn secrets_are_hidden_and_the_rest_is_told() {
        let members = json!({ "stateMachineArn": "a", "name": "n", "input": "{\"card\": 4111}" });
        assert_eq!(
            request("stepfunctions", "StartExecution", &members),
            Some(json!({ "stateMachineArn": "a", "name": "n", "input": HIDDEN }))
        );
        let members =
            json!({ "RoleArn": "r", "RoleSessionName": "s", "WebIdentityToken": "e.y.J" });
        assert_eq!(
            request("sts", "AssumeRoleWithWebIdentity", &members),
            Some(json!({ "RoleArn": "r", "RoleSessionName": "s", "WebIdentityToken": HIDDEN }))
        );
        let members = json!({ "Tags": [{ "Key": "k", "Value": "v" }], "UserName": "u" });
        assert_eq!(request("iam", "CreateUser", &members), Some(members));
        let model = models::service("sts").unwrap();
        let answer = json!({ "Credentials": {
            "AccessKeyId": "ASIA", "SecretAccessKey": "x", "SessionToken": "y", "Expiration": 1795378551,
        } });
        let output = model.operation("AssumeRole").unwrap().output;
        let expiration = "Nov 22, 2026, 8:15:51 PM";
        let wanted = json!({ "Credentials": { "AccessKeyId": "ASIA", "Expiration": expiration } });
        assert_eq!(told(model, output, &answer).map(|(told, _)| told), Some(wanted));
    }

    #[test]
    fn what_is_too_long_is_left_out() {
        let members = json!({ "UserName": "u".repeat(BYTES_MAX) });
        assert_eq!(request("iam", "CreateUser", &members), None);
        assert_eq!(request("iam", "ListRoles", &json!({})), None);
    }
}
