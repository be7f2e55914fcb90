//! What would allow what was refused: read out of AWS's own text, so that whoever has the text (a log, an
//! execution's cause, a client) can say it.

use serde_json::{Value, json};

/// `To allow it, add to a policy of ROLE: {"Effect":"Allow",…}`; none for a text that is no refusal, or one
/// that no further statement would lift.
pub fn hint(text: &str) -> Option<String> {
    let refused = Refused::parse(text)?;
    let statement = statement(refused.action, refused.resource);
    match refused.reason {
        Reason::NotAllowed("identity-based policy") => {
            let whose = match refused.principal.split_once(":assumed-role/") {
                Some((_, role)) => format!("the role {}", role.split('/').next()?),
                None => refused.principal.to_owned(),
            };
            Some(format!("To allow it, add to a policy of {whose}: {statement}"))
        }
        Reason::NotAllowed(layer) => Some(format!("To allow it, add to the {layer}: {statement}")),
        Reason::Denied(layer) => Some(format!(
            "A statement with \"Effect\": \"Deny\" in the {layer} must go, or leave this out"
        )),
    }
}

/// The statement that allows an action on a resource.
pub fn statement(action: &str, resource: &str) -> Value {
    json!({ "Effect": "Allow", "Action": action, "Resource": resource })
}

struct Refused<'a> {
    principal: &'a str,
    action: &'a str,
    resource: &'a str,
    reason: Reason<'a>,
}

enum Reason<'a> {
    NotAllowed(&'a str),
    Denied(&'a str),
}

impl<'a> Refused<'a> {
    fn parse(text: &'a str) -> Option<Refused<'a>> {
        let (_, rest) = text.split_once("User: ")?;
        let (principal, rest) = rest.split_once(" is not authorized to perform: ")?;
        let (action, rest) = rest.split_once(" on resource: ")?;
        if let Some((resource, reason)) = rest.split_once(" because no ") {
            let (layer, _) = reason.split_once(" allows the ")?;
            let reason = Reason::NotAllowed(layer);
            return Some(Refused { principal, action, resource, reason });
        }
        let (resource, reason) = rest.split_once(" with an explicit deny in ")?;
        let (_, layer) = reason.split_once(' ')?;
        let layer = [
            "identity-based policy",
            "resource-based policy",
            "permissions boundary",
            "session policy",
        ]
        .into_iter()
        .find(|known| layer.starts_with(known))?;
        Some(Refused { principal, action, resource, reason: Reason::Denied(layer) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_allow_it() {
        let refused = "User: arn:aws:sts::1:assumed-role/work/x is not authorized to perform: sagemaker:CreateModel on resource: arn:aws:sagemaker:us-east-1:1:model/m";
        let cases = [
            (
                format!(
                    "{refused} because no identity-based policy allows the sagemaker:CreateModel action (Service: SageMaker)"
                ),
                r#"To allow it, add to a policy of the role work: {"Effect":"Allow","Action":"sagemaker:CreateModel","Resource":"arn:aws:sagemaker:us-east-1:1:model/m"}"#,
            ),
            (
                format!(
                    "{refused} because no session policy allows the sagemaker:CreateModel action"
                ),
                r#"To allow it, add to the session policy: {"Effect":"Allow","Action":"sagemaker:CreateModel","Resource":"arn:aws:sagemaker:us-east-1:1:model/m"}"#,
            ),
            (
                format!("{refused} with an explicit deny in an identity-based policy"),
                r#"A statement with "Effect": "Deny" in the identity-based policy must go, or leave this out"#,
            ),
        ];
        for (text, expected) in cases {
            assert_eq!(hint(&text).as_deref(), Some(expected), "{text}");
        }
        assert_eq!(hint("Could not find model"), None);
        assert_eq!(hint(refused), None);
    }
}
