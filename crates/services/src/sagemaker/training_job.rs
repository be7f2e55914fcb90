//! Training jobs as stored and as described.

use asl::Failure;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::resource::{Kind, Resource, TaskToken, copy_members, seconds};
use crate::integrations::Awaiting;

/// A training job as stored.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct TrainingJob {
    /// CreateTrainingJob's request.
    pub request: Value,
    /// Its ARN.
    pub arn: String,
    /// The name of its folder under `jobs/` in the data folder.
    pub folder: String,
    /// Where it is.
    pub progress: Progress,
    /// Where the artifact was put.
    pub artifacts: Option<String>,
    /// The last value of each metric: name, value, milliseconds.
    pub metrics: Vec<(String, f64, i64)>,
    /// The task that waits for it.
    pub awaiting: Option<Awaiting>,
    /// The task that made it, waiting or not.
    #[serde(default)]
    pub maker: Option<TaskToken>,
}

/// Status, its history and its times: what every kind of job has.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Progress {
    /// `InProgress`, `Stopping`, `Completed`, `Failed`, `Stopped`.
    pub status: String,
    /// SageMaker's secondary status.
    pub secondary: String,
    /// Every secondary status it had.
    pub transitions: Vec<Transition>,
    /// Milliseconds.
    pub created_at: i64,
    /// Milliseconds.
    pub modified_at: i64,
    /// Milliseconds; when its process was started.
    pub started_at: Option<i64>,
    /// Milliseconds.
    pub ended_at: Option<i64>,
    /// At most 1,024 characters.
    pub failure_reason: Option<String>,
}

/// One of SecondaryStatusTransitions. Times are milliseconds.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Transition {
    /// The secondary status.
    pub status: String,
    /// Since when.
    pub start: i64,
    /// Until when.
    pub end: Option<i64>,
    /// For people.
    pub message: String,
}

impl Progress {
    /// A job that was just accepted.
    pub fn new(now: i64) -> Progress {
        let mut progress =
            Progress { status: "InProgress".into(), created_at: now, ..Progress::default() };
        progress.go("Starting", now);
        progress
    }

    /// Enters a secondary status; the one before ends.
    pub fn go(&mut self, secondary: &str, now: i64) {
        if self.secondary == secondary {
            return;
        }
        if let Some(last) = self.transitions.last_mut() {
            last.end.get_or_insert(now);
        }
        self.secondary = secondary.to_owned();
        self.modified_at = now;
        self.transitions.push(Transition {
            status: secondary.to_owned(),
            start: now,
            end: None,
            message: message_of(secondary).to_owned(),
        });
    }

    /// Ends with `status` (`Completed`, `Failed`, `Stopped`) and, where it differs, its own secondary status.
    pub fn end(&mut self, status: &str, secondary: &str, failure_reason: Option<String>, now: i64) {
        self.go(secondary, now);
        if let Some(last) = self.transitions.last_mut() {
            last.end = Some(now);
            if let Some(reason) = &failure_reason {
                last.message.clone_from(reason);
            }
        }
        self.status = status.to_owned();
        self.failure_reason = failure_reason.map(|reason| reason.chars().take(1024).collect());
        self.ended_at = Some(now);
    }

    /// Whether nothing will happen any more.
    pub fn ended(&self) -> bool {
        matches!(self.status.as_str(), "Completed" | "Failed" | "Stopped")
    }
}

/// The text beside a secondary status, as AWS shows it.
fn message_of(secondary: &str) -> &'static str {
    match secondary {
        "Starting" => "Preparing the instances for training",
        "Downloading" => "Downloading input data",
        "Training" => "Training image download completed. Training in progress.",
        "Uploading" => "Uploading generated training model",
        "Completed" => "Training job completed",
        "Stopping" => "Stopping the training job",
        "Stopped" => "Training job stopped",
        "MaxRuntimeExceeded" => "Training job exceeded MaxRuntimeInSeconds provided",
        "Failed" => "Training job failed",
        _ => "",
    }
}

impl Resource for TrainingJob {
    const KIND: Kind = Kind { table: "sagemaker/training-job", arn_word: "training-job" };
    fn name(&self) -> &str {
        self.request["TrainingJobName"].as_str().unwrap_or_default()
    }
}

impl TrainingJob {
    /// DescribeTrainingJob's answer; the output of `createTrainingJob.sync` has the same members.
    pub fn describe(&self) -> Value {
        let mut answer = Map::new();
        copy_members(
            &self.request,
            &[
                "TrainingJobName",
                "HyperParameters",
                "AlgorithmSpecification",
                "RoleArn",
                "InputDataConfig",
                "OutputDataConfig",
                "ResourceConfig",
                "VpcConfig",
                "StoppingCondition",
                "CheckpointConfig",
                "DebugHookConfig",
                "DebugRuleConfigurations",
                "TensorBoardOutputConfig",
                "ExperimentConfig",
                "ProfilerConfig",
                "ProfilerRuleConfigurations",
                "Environment",
                "RetryStrategy",
            ],
            &mut answer,
        );
        // Clients read KmsKeyId without asking whether it is there.
        if let Some(output) = answer.get_mut("OutputDataConfig").and_then(Value::as_object_mut) {
            output.entry("KmsKeyId").or_insert_with(|| json!(""));
            output.entry("CompressionType").or_insert_with(|| json!("GZIP"));
        }
        if let Some(algorithm) =
            answer.get_mut("AlgorithmSpecification").and_then(Value::as_object_mut)
        {
            algorithm.entry("EnableSageMakerMetricsTimeSeries").or_insert_with(|| json!(false));
        }
        for flag in [
            "EnableNetworkIsolation",
            "EnableInterContainerTrafficEncryption",
            "EnableManagedSpotTraining",
        ] {
            answer.insert(flag.into(), json!(self.request[flag].as_bool().unwrap_or(false)));
        }
        answer.insert("TrainingJobArn".into(), json!(self.arn));
        let artifacts = self.artifacts.clone().unwrap_or_default();
        answer.insert("ModelArtifacts".into(), json!({ "S3ModelArtifacts": artifacts }));
        let progress = &self.progress;
        answer.insert("TrainingJobStatus".into(), json!(progress.status));
        answer.insert("SecondaryStatus".into(), json!(progress.secondary));
        if let Some(reason) = &progress.failure_reason {
            answer.insert("FailureReason".into(), json!(reason));
        }
        answer.insert("CreationTime".into(), seconds(progress.created_at));
        answer.insert("LastModifiedTime".into(), seconds(progress.modified_at));
        if let Some(started) = progress.started_at {
            answer.insert("TrainingStartTime".into(), seconds(started));
        }
        if let Some(ended) = progress.ended_at {
            answer.insert("TrainingEndTime".into(), seconds(ended));
            if let Some(started) = progress.started_at {
                // Whole seconds, as AWS bills them.
                let time = ((ended - started).max(0) as u64).div_ceil(1000);
                answer.insert("TrainingTimeInSeconds".into(), json!(time));
                answer.insert("BillableTimeInSeconds".into(), json!(time));
            }
        }
        let transitions: Vec<Value> = progress.transitions.iter().map(transition).collect();
        answer.insert("SecondaryStatusTransitions".into(), Value::Array(transitions));
        if !self.metrics.is_empty() {
            let metrics: Vec<Value> = self
                .metrics
                .iter()
                .map(|(name, value, at)| json!({ "MetricName": name, "Value": value, "Timestamp": seconds(*at) }))
                .collect();
            answer.insert("FinalMetricDataList".into(), Value::Array(metrics));
        }
        answer.insert("ProfilingStatus".into(), json!("Disabled"));
        Value::Object(answer)
    }

    /// What the waiting task is told when the job has ended.
    pub fn outcome(&self) -> Result<Value, Failure> {
        sync_outcome(self.describe(), &self.progress)
    }
}

fn transition(transition: &Transition) -> Value {
    let mut shown = Map::new();
    shown.insert("Status".into(), json!(transition.status));
    shown.insert("StartTime".into(), seconds(transition.start));
    if let Some(end) = transition.end {
        shown.insert("EndTime".into(), seconds(end));
    }
    shown.insert("StatusMessage".into(), json!(transition.message));
    Value::Object(shown)
}

/// A `.sync` task's answer: the description when the job completed, else a failure whose cause is the
/// description as text. Times are milliseconds there.
pub fn sync_outcome(description: Value, progress: &Progress) -> Result<Value, Failure> {
    let described = times_in_milliseconds(description);
    if progress.status == "Completed" {
        return Ok(described);
    }
    Err(Failure { error: Some("States.TaskFailed".into()), cause: Some(described.to_string()) })
}

/// SageMaker's integrations give times as whole milliseconds, where the API gives seconds.
pub fn times_in_milliseconds(value: Value) -> Value {
    match value {
        Value::Object(members) => Value::Object(
            members
                .into_iter()
                .map(|(name, value)| match value.as_f64() {
                    Some(seconds) if name.ends_with("Time") || name == "Timestamp" => {
                        let milliseconds = (seconds * 1000.0).round() as i64;
                        (name, json!(milliseconds))
                    }
                    _ => (name, times_in_milliseconds(value)),
                })
                .collect(),
        ),
        Value::Array(elements) => {
            Value::Array(elements.into_iter().map(times_in_milliseconds).collect())
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transitions_have_no_gaps() {
        let mut progress = Progress::new(1);
        progress.go("Training", 5);
        progress.end("Completed", "Completed", None, 9);
        let spans: Vec<(i64, Option<i64>)> =
            progress.transitions.iter().map(|t| (t.start, t.end)).collect();
        assert_eq!(spans, [(1, Some(5)), (5, Some(9)), (9, Some(9))]);
    }

    #[test]
    fn a_failed_job_fails_its_task_with_the_description() {
        let mut job = TrainingJob { progress: Progress::new(1000), ..TrainingJob::default() };
        job.progress.end("Failed", "Failed", Some("ClientError: no".into()), 2000);
        let failure = job.outcome().unwrap_err();
        assert_eq!(failure.error.as_deref(), Some("States.TaskFailed"));
        let cause: Value = serde_json::from_str(failure.cause.as_deref().unwrap()).unwrap();
        assert_eq!(cause["FailureReason"], "ClientError: no");
        assert_eq!(cause["CreationTime"], 1000);
    }
}
