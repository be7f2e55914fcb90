//! A Task's `Resource`.

use super::Reader;
use super::fields::Object;
use crate::definition::Pattern;
use crate::event::TaskTarget;

/// Services with an optimised integration and what they answer, with whether it can be waited for as a job
/// (`.sync`) or by a callback. A service of which AWS may have more than is listed here has `*`.
const SERVICES: [(&str, &[Calls]); 23] = [
    ("apigateway", &[Calls(&["invoke"], false, true)]),
    (
        "athena",
        &[
            Calls(&["startQueryExecution"], true, false),
            Calls(&["stopQueryExecution", "getQueryExecution", "getQueryResults"], false, false),
        ],
    ),
    ("aws-sdk", &[Calls(&["*"], false, true)]),
    ("batch", &[Calls(&["submitJob"], true, false)]),
    ("bedrock", &[Calls(&["*"], true, true)]),
    ("bedrock-agentcore", &[Calls(&["*"], false, false)]),
    ("codebuild", &[Calls(&["*"], true, false)]),
    ("databrew", &[Calls(&["startJobRun"], true, false)]),
    ("dynamodb", &[Calls(&["getItem", "putItem", "updateItem", "deleteItem"], false, false)]),
    ("ecs", &[Calls(&["runTask"], true, true)]),
    ("eks", &[Calls(&["*"], true, true)]),
    ("elasticmapreduce", &[Calls(&["*"], true, false)]),
    ("emr-containers", &[Calls(&["*"], true, false)]),
    ("emr-serverless", &[Calls(&["*"], true, false)]),
    ("events", &[Calls(&["putEvents"], false, true)]),
    ("glue", &[Calls(&["startJobRun"], true, false)]),
    ("http", &[Calls(&["invoke"], false, false)]),
    ("lambda", &[Calls(&["invoke"], false, true)]),
    ("mediaconvert", &[Calls(&["createJob"], true, false)]),
    (
        "sagemaker",
        &[
            Calls(
                &[
                    "createTrainingJob",
                    "createTransformJob",
                    "createHyperParameterTuningJob",
                    "createProcessingJob",
                    "createLabelingJob",
                ],
                true,
                false,
            ),
            Calls(
                &["createModel", "createEndpointConfig", "createEndpoint", "updateEndpoint"],
                false,
                false,
            ),
        ],
    ),
    ("sns", &[Calls(&["publish"], false, true)]),
    ("sqs", &[Calls(&["sendMessage"], false, true)]),
    ("states", &[Calls(&["startExecution"], true, true)]),
];

/// Calls that are waited for alike: their names, as jobs, by callbacks.
struct Calls(&'static [&'static str], bool, bool);

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
                self.schema(unrecognized(text), place);
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
        let Some((mut service, mut action)) = rest.split_once(':') else {
            self.schema(unrecognized(text), place);
            return None;
        };
        if service == "aws-sdk" {
            let Some((name, call)) = action.split_once(':') else {
                self.schema(unrecognized(text), place);
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
                self.schema(unrecognized(text), place);
                return None;
            }
        };
        let family = if service.starts_with("aws-sdk:") { "aws-sdk" } else { service };
        let calls = SERVICES.iter().find(|(name, _)| *name == family).map_or(&[][..], |(_, it)| it);
        let possible = calls.iter().any(|Calls(names, sync, token)| {
            let named = names.iter().any(|name| *name == call || *name == "*");
            named
                && match pattern {
                    Pattern::RequestResponse => true,
                    Pattern::Sync => *sync,
                    Pattern::Sync2 => family == "states",
                    Pattern::TaskToken => *token,
                }
        });
        if !possible {
            // It is understood all the same: a definition that was stored may hold it.
            self.schema(unrecognized(text), place);
        } else if self.options.express && pattern != Pattern::RequestResponse {
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

fn unrecognized(resource: &str) -> String {
    format!(
        "The resource provided {resource} is not recognized. The value is not a valid resource ARN, or the resource is not available in this region."
    )
}
