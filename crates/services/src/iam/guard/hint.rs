//! What would allow what was refused: read out of AWS's own text, so that whoever has the text (a log, an
//! execution's cause, a client) can say it.

use serde_json::{Value, json};

use super::machine_role::LOG_DELIVERY;

/// `To allow it, add to a policy of ROLE: {"Effect":"Allow",…}`; none for a text that is no refusal, or one
/// that no further statement would lift.
pub fn hint(text: &str) -> Option<String> {
    hint_of(text, None)
}

/// As [`hint`], with the service that a role was to be handed to, if that is known.
pub(super) fn hint_of(text: &str, passed_to: Option<&str>) -> Option<String> {
    let Some(refused) = Refused::parse(text) else { return without_user(text) };
    let mut statement = statement(refused.action, refused.resource);
    let passed_to = passed_to.or_else(|| service_of(text));
    if let Some(service) = passed_to.filter(|_| refused.action == "iam:PassRole") {
        statement["Condition"] = json!({ "StringEquals": { "iam:PassedToService": service } });
    }
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

/// The refusals that have words of their own.
fn without_user(text: &str) -> Option<String> {
    let between = |front: &str, end: &str| {
        let (_, rest) = text.split_once(front)?;
        Some(rest.split_once(end)?.0)
    };
    let own = "To allow it, add to a policy of the state machine's role";
    if let Some(endpoint) =
        between("not authorized to perform states:InvokeHTTPEndpoint on API Endpoint ", ". Ensure")
    {
        let mut statement = statement("states:InvokeHTTPEndpoint", "*");
        statement["Condition"] = json!({ "StringEquals": { "states:HTTPEndpoint": endpoint } });
        return Some(format!("{own}: {statement}"));
    }
    if let Some(role) = between("The role ", " is not authorized to assume the task state's role, ")
    {
        let (_, target) = text.split_once("the task state's role, ")?;
        let target = target.split_whitespace().next()?.trim_end_matches('.');
        let name = role.rsplit('/').next()?;
        return Some(format!(
            "To allow it, add to a policy of the role {name}: {}, and let the trust policy of {target} name \
             {role}",
            statement("sts:AssumeRole", target)
        ));
    }
    if text.contains("is not authorized to access the Log Destination") {
        let statement = json!({ "Effect": "Allow", "Action": LOG_DELIVERY, "Resource": "*" });
        return Some(format!("{own}: {statement}"));
    }
    None
}

/// The service that told, as it takes roles, where an integration's cause names it.
fn service_of(text: &str) -> Option<&'static str> {
    let (_, told) = text.split_once("(Service: ")?;
    let name = told.split([';', ',']).next()?;
    let known = [
        ("AmazonSageMaker", "sagemaker.amazonaws.com"),
        ("SageMaker", "sagemaker.amazonaws.com"),
        ("AWSLambda", "lambda.amazonaws.com"),
        ("Lambda", "lambda.amazonaws.com"),
        ("Sfn", "states.amazonaws.com"),
    ];
    known.iter().find(|(service, _)| *service == name).map(|(_, principal)| *principal)
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
        let passed = "User: arn:aws:sts::1:assumed-role/work/x is not authorized to perform: iam:PassRole on resource: arn:aws:iam::1:role/job because no identity-based policy allows the iam:PassRole action";
        let told = format!(
            "{passed} (Service: AmazonSageMaker; Status Code: 400; Error Code: AccessDeniedException)"
        );
        for (text, service) in [(told.as_str(), None), (passed, Some("sagemaker.amazonaws.com"))] {
            assert_eq!(
                hint_of(text, service).as_deref(),
                Some(
                    r#"To allow it, add to a policy of the role work: {"Effect":"Allow","Action":"iam:PassRole","Resource":"arn:aws:iam::1:role/job","Condition":{"StringEquals":{"iam:PassedToService":"sagemaker.amazonaws.com"}}}"#
                )
            );
        }
        for (text, part) in [
            (
                "AWS Step Functions is not authorized to perform states:InvokeHTTPEndpoint on API Endpoint https://a.b/c. Ensure that …",
                r#""Condition":{"StringEquals":{"states:HTTPEndpoint":"https://a.b/c"}}"#,
            ),
            (
                "The role arn:aws:iam::1:role/x/work is not authorized to assume the task state's role, arn:aws:iam::2:role/theirs.",
                r#"of the role work: {"Effect":"Allow","Action":"sts:AssumeRole","Resource":"arn:aws:iam::2:role/theirs"}, and let the trust policy of arn:aws:iam::2:role/theirs name arn:aws:iam::1:role/x/work"#,
            ),
            (
                "The state machine IAM Role is not authorized to access the Log Destination",
                r#""Action":["logs:CreateLogDelivery""#,
            ),
        ] {
            assert!(hint(text).is_some_and(|hint| hint.contains(part)), "{text}: {:?}", hint(text));
        }
        assert_eq!(hint("Could not find model"), None);
        assert_eq!(hint(refused), None);
    }
}
