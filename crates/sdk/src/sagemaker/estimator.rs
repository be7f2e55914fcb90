//! How a model is trained: the algorithm, the machines, the hyperparameters.

use serde_json::{Map, Value, json};

use super::{Model, tag_list};
use crate::inputs::Argument;

/// How a model is trained. A [`TrainingStep`](crate::steps::TrainingStep) makes a training job of it.
///
/// ```
/// use stepwell_sdk::{Estimator, image_uri};
///
/// let xgboost = Estimator::new(
///     image_uri("xgboost", "us-east-1", "1.7-1")?,
///     "arn:aws:iam::000000000000:role/stepwell",
///     "ml.m4.xlarge",
///     "s3://slytherins-test/output",
/// )
/// .hyperparameter("objective", "reg:squarederror")
/// .hyperparameter("num_round", 100)
/// .hyperparameter("eta", 0.2);
/// assert_eq!(xgboost.request()["HyperParameters"]["eta"], "0.2");
/// # Ok::<(), stepwell_sdk::steps::BuildError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Estimator {
    pub(crate) image: String,
    pub(crate) role: String,
    pub(crate) instance_type: String,
    pub(crate) instance_count: u32,
    pub(crate) hyperparameters: Map<String, Value>,
    pub(crate) environment: Map<String, Value>,
    output_path: Value,
    volume_size_gb: u32,
    max_run_seconds: u32,
    input_mode: String,
    output_kms_key: Option<String>,
    debug_hook: bool,
    metric_definitions: Vec<Value>,
    checkpoints: Option<Value>,
    spot_wait_seconds: Option<u32>,
    vpc: Option<Value>,
    pub(crate) tags: Vec<Value>,
}

impl Estimator {
    /// An estimator: the training image, the role jobs run under, the type of machine, and where in S3 the
    /// model goes. One machine with 30 GB, for at most a day, unless set otherwise.
    pub fn new(
        image: impl Into<String>,
        role: impl Into<String>,
        instance_type: impl Into<String>,
        output_path: impl Into<Argument>,
    ) -> Self {
        Estimator {
            image: image.into(),
            role: role.into(),
            instance_type: instance_type.into(),
            instance_count: 1,
            hyperparameters: Map::new(),
            environment: Map::new(),
            output_path: output_path.into().0,
            volume_size_gb: 30,
            max_run_seconds: 24 * 60 * 60,
            input_mode: "File".to_owned(),
            output_kms_key: None,
            debug_hook: true,
            metric_definitions: vec![],
            checkpoints: None,
            spot_wait_seconds: None,
            vpc: None,
            tags: vec![],
        }
    }

    /// Sets one hyperparameter: text, a number, a boolean or a placeholder.
    pub fn hyperparameter(mut self, name: impl Into<String>, value: impl Into<Argument>) -> Self {
        self.hyperparameters.insert(name.into(), value.into().stringly());
        self
    }

    /// Sets several hyperparameters.
    pub fn hyperparameters<Name: Into<String>, Given: Into<Argument>>(
        self,
        hyperparameters: impl IntoIterator<Item = (Name, Given)>,
    ) -> Self {
        hyperparameters
            .into_iter()
            .fold(self, |estimator, (name, value)| estimator.hyperparameter(name, value))
    }

    /// How many machines train together.
    pub fn instance_count(mut self, count: u32) -> Self {
        self.instance_count = count;
        self
    }

    /// The disk of each machine, in GB.
    pub fn volume_size_gb(mut self, gigabytes: u32) -> Self {
        self.volume_size_gb = gigabytes;
        self
    }

    /// How long the job may run.
    pub fn max_run_seconds(mut self, seconds: u32) -> Self {
        self.max_run_seconds = seconds;
        self
    }

    /// How the data reaches the algorithm: `File`, `Pipe` or `FastFile`.
    pub fn input_mode(mut self, mode: impl Into<String>) -> Self {
        self.input_mode = mode.into();
        self
    }

    /// Uses spare capacity and waits for it so long, running time included.
    pub fn spot(mut self, max_wait_seconds: u32) -> Self {
        self.spot_wait_seconds = Some(max_wait_seconds);
        self
    }

    /// Where checkpoints are kept, in S3 and in the container.
    pub fn checkpoints(mut self, s3_uri: &str, local_path: &str) -> Self {
        self.checkpoints = Some(json!({ "LocalPath": local_path, "S3Uri": s3_uri }));
        self
    }

    /// The key that encrypts the model.
    pub fn output_kms_key(mut self, key: impl Into<String>) -> Self {
        self.output_kms_key = Some(key.into());
        self
    }

    /// Whether the job saves tensors for SageMaker Debugger beside its output, as the Python SDK asks for; on unless set.
    pub fn debug_hook(mut self, on: bool) -> Self {
        self.debug_hook = on;
        self
    }

    /// A metric to read from the job's log: its name and a regular expression with one group.
    pub fn metric_definition(mut self, name: &str, regex: &str) -> Self {
        self.metric_definitions.push(json!({ "Name": name, "Regex": regex }));
        self
    }

    /// An environment variable of the training container, and of the model made from it.
    pub fn environment(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.environment.insert(name.into(), Value::String(value.into()));
        self
    }

    /// The network of the job.
    pub fn vpc(mut self, subnets: &[&str], security_group_ids: &[&str]) -> Self {
        self.vpc = Some(json!({ "Subnets": subnets, "SecurityGroupIds": security_group_ids }));
        self
    }

    /// A tag of the job.
    pub fn tag(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.tags.extend(tag_list([(key, value)]));
        self
    }

    /// A model of this estimator's image and role whose artifact is at `data`.
    pub fn model(&self, name: impl Into<Argument>, data: impl Into<Argument>) -> Model {
        let mut model = Model::new(name, self.image.clone(), self.role.clone()).data(data);
        model.environment = self.environment.clone();
        if let Some(vpc) = &self.vpc {
            model.vpc = Some(vpc.clone());
        }
        model
    }

    /// The request for a training job, without its name and inputs.
    pub fn request(&self) -> Value {
        let mut request = self.base();
        if !self.hyperparameters.is_empty() {
            request["HyperParameters"] = self.hyperparameters.clone().into();
        }
        if self.debug_hook {
            request["DebugHookConfig"] = json!({ "S3OutputPath": self.output_path });
        }
        if !self.environment.is_empty() {
            request["Environment"] = self.environment.clone().into();
        }
        if !self.tags.is_empty() {
            request["Tags"] = self.tags.clone().into();
        }
        request
    }

    /// What a training job and a tuning job's definition have in common.
    pub(crate) fn base(&self) -> Value {
        let mut request = json!({
            "AlgorithmSpecification": { "TrainingImage": self.image, "TrainingInputMode": self.input_mode },
            "OutputDataConfig": { "S3OutputPath": self.output_path },
            "StoppingCondition": { "MaxRuntimeInSeconds": self.max_run_seconds },
            "ResourceConfig": {
                "VolumeSizeInGB": self.volume_size_gb,
                "InstanceCount": self.instance_count,
                "InstanceType": self.instance_type,
            },
            "RoleArn": self.role,
        });
        if let Some(key) = &self.output_kms_key {
            request["OutputDataConfig"]["KmsKeyId"] = key.clone().into();
        }
        if !self.metric_definitions.is_empty() {
            request["AlgorithmSpecification"]["MetricDefinitions"] =
                self.metric_definitions.clone().into();
        }
        if let Some(vpc) = &self.vpc {
            request["VpcConfig"] = vpc.clone();
        }
        if let Some(seconds) = self.spot_wait_seconds {
            request["EnableManagedSpotTraining"] = true.into();
            request["StoppingCondition"]["MaxWaitTimeInSeconds"] = seconds.into();
        }
        if let Some(checkpoints) = &self.checkpoints {
            request["CheckpointConfig"] = checkpoints.clone();
        }
        request
    }
}
