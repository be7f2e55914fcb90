//! How a batch of data is run through a model.

use serde_json::{Map, Value, json};

use crate::inputs::Argument;

/// How a batch of data is run through a model. A [`TransformStep`](crate::steps::TransformStep) makes a job of it.
///
/// ```
/// use stepwell_sdk::Transformer;
///
/// let transformer = Transformer::new("ml.m4.xlarge", "s3://slytherins-test/transform").assemble_with("Line").accept("text/csv");
/// # let _ = transformer;
/// ```
#[derive(Debug, Clone)]
pub struct Transformer {
    output: Map<String, Value>,
    resources: Value,
    more: Map<String, Value>,
}

impl Transformer {
    /// A transformer: the type of machine, one of them, and where in S3 the results go.
    pub fn new(instance_type: impl Into<Argument>, output_path: impl Into<Argument>) -> Self {
        Transformer {
            output: Map::from_iter([("S3OutputPath".to_owned(), output_path.into().0)]),
            resources: json!({ "InstanceCount": 1, "InstanceType": instance_type.into().0 }),
            more: Map::new(),
        }
    }

    /// How many machines work at it.
    pub fn instance_count(mut self, count: u32) -> Self {
        self.resources["InstanceCount"] = count.into();
        self
    }

    /// How results are put together: `Line` or `None`.
    pub fn assemble_with(mut self, how: impl Into<Argument>) -> Self {
        self.output.insert("AssembleWith".to_owned(), how.into().0);
        self
    }

    /// The media type of the results.
    pub fn accept(mut self, content_type: impl Into<Argument>) -> Self {
        self.output.insert("Accept".to_owned(), content_type.into().0);
        self
    }

    /// The key that encrypts the results.
    pub fn output_kms_key(mut self, key: impl Into<Argument>) -> Self {
        self.output.insert("KmsKeyId".to_owned(), key.into().0);
        self
    }

    /// `MultiRecord` puts as many records as fit into a request, `SingleRecord` one.
    pub fn strategy(self, strategy: impl Into<Argument>) -> Self {
        self.with("BatchStrategy", strategy)
    }

    /// How many requests are under way at once on each machine.
    pub fn max_concurrent_transforms(self, requests: u32) -> Self {
        self.with("MaxConcurrentTransforms", requests)
    }

    /// The largest request, in MB.
    pub fn max_payload_mb(self, megabytes: u32) -> Self {
        self.with("MaxPayloadInMB", megabytes)
    }

    /// An environment variable of the serving container.
    pub fn environment(mut self, name: impl Into<String>, value: impl Into<Argument>) -> Self {
        let environment = self.more.entry("Environment").or_insert_with(|| json!({}));
        environment[name.into()] = value.into().0;
        self
    }

    fn with(mut self, member: &str, value: impl Into<Argument>) -> Self {
        self.more.insert(member.to_owned(), value.into().0);
        self
    }

    /// The request for a transform job, without its name, model and input.
    pub(crate) fn request(&self) -> Map<String, Value> {
        let mut request = Map::new();
        request.insert("TransformOutput".to_owned(), self.output.clone().into());
        request.insert("TransformResources".to_owned(), self.resources.clone());
        request.extend(self.more.clone());
        request
    }
}
