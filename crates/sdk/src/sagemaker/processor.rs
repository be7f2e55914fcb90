//! How a script prepares or checks data.

use serde_json::{Map, Value, json};

use super::tag_list;
use crate::inputs::Argument;

/// A container that prepares or checks data. A [`ProcessingStep`](crate::steps::ProcessingStep) makes a job of it.
///
/// ```
/// use stepwell_sdk::{Processor, image_uri};
///
/// let processor = Processor::new(image_uri("sklearn", "us-east-1", "1.2-1")?, "arn:aws:iam::000000000000:role/stepwell", "ml.m4.xlarge")
///     .entrypoint(["python3", "/opt/ml/processing/input/code/prepare.py"]);
/// # let _ = processor;
/// # Ok::<(), stepwell_sdk::steps::BuildError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Processor {
    image: String,
    role: String,
    pub(crate) entrypoint: Option<Value>,
    cluster: Map<String, Value>,
    max_runtime_seconds: Option<u32>,
    environment: Map<String, Value>,
    network: Option<Value>,
    tags: Vec<Value>,
}

impl Processor {
    /// A processor: its image, the role jobs run under and the type of machine; one machine with 30 GB unless set.
    pub fn new(
        image: impl Into<String>,
        role: impl Into<String>,
        instance_type: impl Into<String>,
    ) -> Self {
        let cluster = [
            ("InstanceCount".to_owned(), json!(1)),
            ("InstanceType".to_owned(), json!(instance_type.into())),
            ("VolumeSizeInGB".to_owned(), json!(30)),
        ];
        Processor {
            image: image.into(),
            role: role.into(),
            entrypoint: None,
            cluster: Map::from_iter(cluster),
            max_runtime_seconds: None,
            environment: Map::new(),
            network: None,
            tags: vec![],
        }
    }

    /// The program and its first arguments, when it is not the image's own.
    pub fn entrypoint<Word: Into<String>>(mut self, words: impl IntoIterator<Item = Word>) -> Self {
        self.entrypoint = Some(words.into_iter().map(|word| Value::String(word.into())).collect());
        self
    }

    /// How many machines work at it.
    pub fn instance_count(mut self, count: u32) -> Self {
        self.cluster.insert("InstanceCount".to_owned(), count.into());
        self
    }

    /// The disk of each machine, in GB.
    pub fn volume_size_gb(mut self, gigabytes: u32) -> Self {
        self.cluster.insert("VolumeSizeInGB".to_owned(), gigabytes.into());
        self
    }

    /// How long the job may run.
    pub fn max_runtime_seconds(mut self, seconds: u32) -> Self {
        self.max_runtime_seconds = Some(seconds);
        self
    }

    /// An environment variable of the container.
    pub fn environment(mut self, name: impl Into<String>, value: impl Into<Argument>) -> Self {
        self.environment.insert(name.into(), value.into().0);
        self
    }

    /// The API's `NetworkConfig`.
    pub fn network(mut self, config: Value) -> Self {
        self.network = Some(config);
        self
    }

    /// A tag of the job.
    pub fn tag(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.tags.extend(tag_list([(key, value)]));
        self
    }

    /// The request for a processing job, without its name, inputs and outputs.
    pub(crate) fn request(&self) -> Map<String, Value> {
        let mut application = json!({ "ImageUri": self.image });
        if let Some(entrypoint) = &self.entrypoint {
            application["ContainerEntrypoint"] = entrypoint.clone();
        }
        let mut request = Map::new();
        request.insert("AppSpecification".to_owned(), application);
        request.insert("RoleArn".to_owned(), self.role.clone().into());
        request.insert("ProcessingResources".to_owned(), json!({ "ClusterConfig": self.cluster }));
        if let Some(seconds) = self.max_runtime_seconds {
            request
                .insert("StoppingCondition".to_owned(), json!({ "MaxRuntimeInSeconds": seconds }));
        }
        if !self.environment.is_empty() {
            request.insert("Environment".to_owned(), self.environment.clone().into());
        }
        if let Some(network) = &self.network {
            request.insert("NetworkConfig".to_owned(), network.clone());
        }
        if !self.tags.is_empty() {
            request.insert("Tags".to_owned(), self.tags.clone().into());
        }
        request
    }
}

/// Data brought into the container before it starts.
///
/// ```
/// use stepwell_sdk::ProcessingInput;
///
/// let input = ProcessingInput::new("raw", "s3://bucket/raw", "/opt/ml/processing/input");
/// # let _ = input;
/// ```
#[derive(Debug, Clone)]
pub struct ProcessingInput {
    pub(crate) request: Value,
}

impl ProcessingInput {
    /// All objects under the URI, as files under `local_path`.
    pub fn new(
        name: impl Into<String>,
        s3_uri: impl Into<Argument>,
        local_path: impl Into<Argument>,
    ) -> Self {
        ProcessingInput {
            request: json!({
                "InputName": name.into(),
                "AppManaged": false,
                "S3Input": {
                    "S3Uri": s3_uri.into().0,
                    "LocalPath": local_path.into().0,
                    "S3DataType": "S3Prefix",
                    "S3InputMode": "File",
                    "S3DataDistributionType": "FullyReplicated",
                    "S3CompressionType": "None",
                },
            }),
        }
    }

    /// Sets another member of the API's `S3Input`, such as `S3InputMode`.
    pub fn with(mut self, member: &str, value: impl Into<Argument>) -> Self {
        self.request["S3Input"][member] = value.into().0;
        self
    }
}

/// Data taken out of the container when it is done.
#[derive(Debug, Clone)]
pub struct ProcessingOutput {
    pub(crate) request: Value,
}

impl ProcessingOutput {
    /// The files under `local_path`, as objects under the URI.
    pub fn new(
        name: impl Into<String>,
        local_path: impl Into<Argument>,
        s3_uri: impl Into<Argument>,
    ) -> Self {
        ProcessingOutput {
            request: json!({
                "OutputName": name.into(),
                "AppManaged": false,
                "S3Output": {
                    "S3Uri": s3_uri.into().0,
                    "LocalPath": local_path.into().0,
                    "S3UploadMode": "EndOfJob",
                },
            }),
        }
    }

    /// Uploads files while they are written, not at the end only.
    pub fn continuous(mut self) -> Self {
        self.request["S3Output"]["S3UploadMode"] = "Continuous".into();
        self
    }
}
