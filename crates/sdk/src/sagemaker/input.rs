//! Where training data is and what it is.

use serde_json::{Value, json};

use crate::inputs::Argument;

/// Training data in S3, for one channel of a training job.
///
/// ```
/// use stepwell_sdk::TrainingInput;
///
/// let input = TrainingInput::csv("s3://slytherins-test/Train.csv");
/// assert_eq!(input, TrainingInput::new("s3://slytherins-test/Train.csv").content_type("text/csv"));
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct TrainingInput {
    config: Value,
}

impl TrainingInput {
    /// All objects whose key begins with the URI's, on every machine. The URI may be a placeholder.
    pub fn new(s3_uri: impl Into<Argument>) -> Self {
        let source = json!({
            "S3DataType": "S3Prefix",
            "S3Uri": s3_uri.into().0,
            "S3DataDistributionType": "FullyReplicated",
        });
        TrainingInput { config: json!({ "DataSource": { "S3DataSource": source } }) }
    }

    /// CSV data: the label first, no header.
    pub fn csv(s3_uri: impl Into<Argument>) -> Self {
        TrainingInput::new(s3_uri).content_type("text/csv")
    }

    /// The media type of the data.
    pub fn content_type(self, content_type: impl Into<Argument>) -> Self {
        self.with("ContentType", content_type)
    }

    /// `ShardedByS3Key` gives each machine a part of the objects, `FullyReplicated` all of them.
    pub fn distribution(mut self, distribution: impl Into<Argument>) -> Self {
        self.config["DataSource"]["S3DataSource"]["S3DataDistributionType"] = distribution.into().0;
        self
    }

    /// `ManifestFile` reads the list of objects from the URI, `S3Prefix` takes it as a prefix.
    pub fn s3_data_type(mut self, data_type: impl Into<Argument>) -> Self {
        self.config["DataSource"]["S3DataSource"]["S3DataType"] = data_type.into().0;
        self
    }

    /// How the data is compressed: `Gzip` or `None`.
    pub fn compression(self, compression: impl Into<Argument>) -> Self {
        self.with("CompressionType", compression)
    }

    /// How this channel reaches the algorithm, when it is not the estimator's way.
    pub fn input_mode(self, mode: impl Into<Argument>) -> Self {
        self.with("InputMode", mode)
    }

    /// Shuffles the order of the objects at each epoch.
    pub fn shuffle(mut self, seed: u64) -> Self {
        self.config["ShuffleConfig"] = json!({ "Seed": seed });
        self
    }

    fn with(mut self, member: &str, value: impl Into<Argument>) -> Self {
        self.config[member] = value.into().0;
        self
    }

    pub(crate) fn channel(&self, name: &str) -> Value {
        let mut channel = self.config.clone();
        channel["ChannelName"] = name.into();
        channel
    }
}

/// The URI of the data, without a media type.
impl From<&str> for TrainingInput {
    fn from(s3_uri: &str) -> Self {
        TrainingInput::new(s3_uri)
    }
}

impl From<String> for TrainingInput {
    fn from(s3_uri: String) -> Self {
        TrainingInput::new(s3_uri)
    }
}

impl From<crate::inputs::Placeholder> for TrainingInput {
    fn from(s3_uri: crate::inputs::Placeholder) -> Self {
        TrainingInput::new(s3_uri)
    }
}
