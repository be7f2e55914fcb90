//! A Task's `Resource`.

use super::Reader;
use super::fields::Object;
use crate::definition::Pattern;
use crate::event::TaskTarget;

/// Services with an optimised integration, and whether they wait for jobs (`.sync`) and callbacks.
const SERVICES: [(&str, bool, bool); 23] = [
    ("apigateway", false, true),
    ("athena", true, false),
    ("aws-sdk", false, true),
    ("batch", true, false),
    ("bedrock", true, true),
    ("bedrock-agentcore", false, false),
    ("codebuild", true, false),
    ("databrew", true, false),
    ("dynamodb", false, false),
    ("ecs", true, true),
    ("eks", true, true),
    ("elasticmapreduce", true, false),
    ("emr-containers", true, false),
    ("emr-serverless", true, false),
    ("events", false, true),
    ("glue", true, false),
    ("http", false, false),
    ("lambda", false, true),
    ("mediaconvert", true, false),
    ("sagemaker", true, false),
    ("sns", false, true),
    ("sqs", false, true),
    ("states", true, true),
];

impl Reader {
    /// The resource as written, understood, and how it is waited for.
    pub(super) fn resource(&mut self, object: &Object) -> Option<(String, TaskTarget, Pattern)> {
        let text = self.text(object, "Resource")?;
        let place = object.place("Resource");
        let parts: Vec<&str> = text.splitn(6, ':').collect();
        let ["arn", partition, service, _, _, rest] = parts[..] else {
            self.schema("Value is not a valid resource ARN", place);
            return None;
        };
        if partition.is_empty() || service.is_empty() || rest.is_empty() {
            self.schema("Value is not a valid resource ARN", place);
            return None;
        }
        let arn = text.to_owned();
        match service {
            "lambda" if rest.starts_with("function:") => {
                Some((arn.clone(), TaskTarget::Lambda { arn }, Pattern::RequestResponse))
            }
            "states" if rest.starts_with("activity:") => {
                if self.options.express {
                    self.schema("Express state machine does not support Activity ARN", place);
                    return None;
                }
                if object.has("Credentials") {
                    self.schema(
                        "The field 'Credentials' is not supported for activities",
                        object.place("Credentials"),
                    );
                }
                Some((arn.clone(), TaskTarget::Activity { arn }, Pattern::TaskToken))
            }
            "states" => self.integration(text, rest, place),
            _ => {
                self.schema(format!("The resource provided {text} is not recognized"), place);
                None
            }
        }
    }

    fn integration(
        &mut self,
        text: &str,
        rest: &str,
        place: String,
    ) -> Option<(String, TaskTarget, Pattern)> {
        let unrecognized = |reader: &mut Reader| {
            reader.schema(format!("The resource provided {text} is not recognized"), place.clone());
        };
        let Some((mut service, mut action)) = rest.split_once(':') else {
            unrecognized(self);
            return None;
        };
        if service == "aws-sdk" {
            let Some((name, call)) = action.split_once(':') else {
                unrecognized(self);
                return None;
            };
            service = &rest[.."aws-sdk:".len() + name.len()];
            action = call;
        }
        let (call, pattern) = match action.split_once('.') {
            None => (action, Pattern::RequestResponse),
            Some((call, "sync")) => (call, Pattern::Sync),
            Some((call, "sync:2")) => (call, Pattern::Sync2),
            Some((call, "waitForTaskToken")) => (call, Pattern::TaskToken),
            Some(_) => {
                unrecognized(self);
                return None;
            }
        };
        let family = if service.starts_with("aws-sdk:") { "aws-sdk" } else { service };
        let known = SERVICES.iter().find(|(name, ..)| *name == family);
        let possible = known.is_some_and(|(_, sync, token)| match pattern {
            Pattern::RequestResponse => true,
            Pattern::Sync => *sync,
            Pattern::Sync2 => family == "states",
            Pattern::TaskToken => *token,
        });
        if !possible || call.is_empty() {
            unrecognized(self);
            return None;
        }
        if self.options.express && pattern != Pattern::RequestResponse {
            let shown = if pattern == Pattern::TaskToken { ".waitForTaskToken" } else { ".sync" };
            self.schema(
                format!("Express state machine does not support '{shown}' service integration"),
                place,
            );
            return None;
        }
        let target =
            TaskTarget::Integration { service: service.to_owned(), action: action.to_owned() };
        Some((text.to_owned(), target, pattern))
    }
}
