//! The SageMaker steps of the chapter: train, transform, save a model, deploy it, tune, process.

use serde_json::{Value, json};

use super::state::{State, methods};
use super::task::task;
use crate::inputs::{Argument, Placeholder};
use crate::sagemaker::{
    Estimator, Model, ProcessingInput, ProcessingOutput, Processor, TrainingInput, Transformer,
    Tuner, tag_list,
};

/// The methods of steps that start a job.
macro_rules! job {
    ($type:ty, $resource:literal) => {
        impl $type {
            /// Whether the state waits until the job has ended (it does unless told otherwise), or goes on once
            /// it is created. Only a state that waited gives the job's results on.
            pub fn wait_for_completion(mut self, wait: bool) -> Self {
                self.state.set("Resource", resource($resource, wait));
                self
            }

            /// The trial and experiment the job belongs to: the API's `ExperimentConfig`.
            pub fn experiment_config(mut self, config: impl Into<Argument>) -> Self {
                self.state.parameters_mut().insert("ExperimentConfig".to_owned(), config.into().0);
                self
            }
        }
        tags!($type);
    };
}

macro_rules! tags {
    ($type:ty) => {
        impl $type {
            /// Tags of what the step creates, beside those already set.
            pub fn tags<Key: Into<String>, Text: Into<String>>(
                mut self,
                tags: impl IntoIterator<Item = (Key, Text)>,
            ) -> Self {
                let list = self.state.parameters_mut().entry("Tags").or_insert_with(|| json!([]));
                if let Value::Array(list) = list {
                    list.extend(tag_list(tags));
                }
                self
            }
        }
    };
}

fn resource(action: &str, wait: bool) -> String {
    format!("arn:aws:states:::sagemaker:{action}{}", if wait { ".sync" } else { "" })
}

fn step(name: impl Into<String>, resource: String, parameters: Value) -> State {
    let mut state = task(name, resource);
    state.set("Parameters", parameters);
    state
}

/// Trains a model.
///
/// ```
/// use stepwell_sdk::inputs::ExecutionInput;
/// use stepwell_sdk::steps::{Chain, ModelStep, TrainingStep};
/// # use stepwell_sdk::Estimator;
/// # let estimator = Estimator::new("image", "role", "ml.m4.xlarge", "s3://bucket/output");
///
/// let inputs = ExecutionInput::default();
/// let train = TrainingStep::new("Train Step", &estimator, inputs.get("JobName"))
///     .channel("train", "s3://bucket/Train.csv");
/// let save = ModelStep::new("Save model", train.expected_model());
/// let definition = Chain::new().then(train).then(save).definition()?;
/// assert_eq!(
///     definition["States"]["Save model"]["Parameters"]["PrimaryContainer"]["ModelDataUrl.$"],
///     "$['ModelArtifacts']['S3ModelArtifacts']"
/// );
/// # Ok::<(), stepwell_sdk::steps::BuildError>(())
/// ```
#[derive(Debug, Clone)]
pub struct TrainingStep {
    state: State,
    estimator: Estimator,
    job_name: Argument,
}
methods!(TrainingStep: common, paths, next, merged, selector, result, errors, timeouts);
job!(TrainingStep, "createTrainingJob");

impl TrainingStep {
    /// A step that runs a training job of `estimator`. Job names are unique in an account and region, so
    /// they are best a placeholder.
    pub fn new(
        name: impl Into<String>,
        estimator: &Estimator,
        job_name: impl Into<Argument>,
    ) -> Self {
        let job_name = job_name.into();
        let mut request = estimator.request();
        request["TrainingJobName"] = job_name.0.clone();
        let state = step(name, resource("createTrainingJob", true), request);
        TrainingStep { state, estimator: estimator.clone(), job_name }
    }

    /// A channel of training data. XGBoost reads `train` and, for its metrics, `validation`.
    pub fn channel(mut self, name: &str, input: impl Into<TrainingInput>) -> Self {
        push_channel(self.state.parameters_mut(), name, input.into());
        self
    }

    /// Overrides one of the estimator's hyperparameters.
    pub fn hyperparameter(mut self, name: &str, value: impl Into<Argument>) -> Self {
        let all = self.state.parameters_mut().entry("HyperParameters").or_insert_with(|| json!({}));
        all[name] = value.into().stringly();
        self
    }

    /// Takes all hyperparameters from a placeholder, in place of the estimator's.
    pub fn hyperparameters_from(mut self, placeholder: &Placeholder) -> Self {
        self.state.parameters_mut().insert("HyperParameters".to_owned(), placeholder.into());
        self
    }

    /// Where in S3 the model goes, in place of the estimator's path.
    pub fn output_data_path(mut self, s3_uri: impl Into<Argument>) -> Self {
        let output =
            self.state.parameters_mut().entry("OutputDataConfig").or_insert_with(|| json!({}));
        output["S3OutputPath"] = s3_uri.into().0;
        self
    }

    /// The model this step is going to train, named as the job. It is for the step that follows. Where
    /// [`result_path`](TrainingStep::result_path) puts the job, when it is set before, is taken into account.
    pub fn expected_model(&self) -> Model {
        let result_path =
            self.state.fields.get("ResultPath").and_then(Value::as_str).unwrap_or("$");
        let members = result_path.split('.').skip(1).filter(|member| !member.is_empty());
        let job = members.fold(self.output(), |place, member| place.get(member));
        let data = job.get("ModelArtifacts").get("S3ModelArtifacts");
        self.estimator.model(self.job_name.clone(), data)
    }
}

fn push_channel(parameters: &mut serde_json::Map<String, Value>, name: &str, input: TrainingInput) {
    let channels = parameters.entry("InputDataConfig").or_insert_with(|| json!([]));
    if let Value::Array(channels) = channels {
        channels.retain(|channel| channel["ChannelName"] != name);
        channels.push(input.channel(name));
    }
}

/// Runs a batch of data through a model.
///
/// ```
/// use stepwell_sdk::Transformer;
/// use stepwell_sdk::inputs::ExecutionInput;
/// use stepwell_sdk::steps::{Chain, TransformStep};
///
/// let inputs = ExecutionInput::default();
/// let transformer = Transformer::new("ml.m4.xlarge", "s3://bucket/scores").assemble_with("Line").accept("text/csv");
/// let score = TransformStep::new("Score", &transformer, inputs.get("JobName"), inputs.get("ModelName"), "s3://bucket/test.csv")
///     .content_type("text/csv")
///     .split_type("Line")
///     .input_filter("$[1:]")
///     .join_source("Input")
///     .output_filter("$[0,-1]");
/// let definition = Chain::from(score).definition()?;
/// assert_eq!(definition["States"]["Score"]["Parameters"]["DataProcessing"]["JoinSource"], "Input");
/// # Ok::<(), stepwell_sdk::steps::BuildError>(())
/// ```
#[derive(Debug, Clone)]
pub struct TransformStep {
    state: State,
}
methods!(TransformStep: common, paths, next, merged, selector, result, errors, timeouts);
job!(TransformStep, "createTransformJob");

impl TransformStep {
    /// A step that runs the objects under `data`, an S3 URI, through the model.
    pub fn new(
        name: impl Into<String>,
        transformer: &Transformer,
        job_name: impl Into<Argument>,
        model_name: impl Into<Argument>,
        data: impl Into<Argument>,
    ) -> Self {
        let mut request = transformer.request();
        request.insert("TransformJobName".to_owned(), job_name.into().0);
        request.insert("ModelName".to_owned(), model_name.into().0);
        let source =
            json!({ "S3DataSource": { "S3DataType": "S3Prefix", "S3Uri": data.into().0 } });
        request.insert("TransformInput".to_owned(), json!({ "DataSource": source }));
        TransformStep { state: step(name, resource("createTransformJob", true), request.into()) }
    }

    /// `ManifestFile` reads the list of objects from the URI, `S3Prefix` takes it as a prefix.
    pub fn data_type(self, data_type: impl Into<Argument>) -> Self {
        self.with(&["TransformInput", "DataSource", "S3DataSource", "S3DataType"], data_type)
    }

    /// The media type of the data.
    pub fn content_type(self, content_type: impl Into<Argument>) -> Self {
        self.with(&["TransformInput", "ContentType"], content_type)
    }

    /// How the data is compressed: `Gzip` or `None`.
    pub fn compression_type(self, compression: impl Into<Argument>) -> Self {
        self.with(&["TransformInput", "CompressionType"], compression)
    }

    /// What parts records: `Line`, `RecordIO`, `TFRecord` or `None`.
    pub fn split_type(self, split: impl Into<Argument>) -> Self {
        self.with(&["TransformInput", "SplitType"], split)
    }

    /// The part of each record the model sees, as a JSONPath such as `$[1:]`.
    pub fn input_filter(self, path: impl Into<Argument>) -> Self {
        self.with(&["DataProcessing", "InputFilter"], path)
    }

    /// The part of each joined record that is written, as a JSONPath such as `$[0,-1]`.
    pub fn output_filter(self, path: impl Into<Argument>) -> Self {
        self.with(&["DataProcessing", "OutputFilter"], path)
    }

    /// `Input` puts each record before its prediction, `None` does not.
    pub fn join_source(self, source: impl Into<Argument>) -> Self {
        self.with(&["DataProcessing", "JoinSource"], source)
    }

    fn with(mut self, path: &[&str], value: impl Into<Argument>) -> Self {
        if let [first, rest @ ..] = path {
            let first = self.state.parameters_mut().entry(*first).or_insert_with(|| json!({}));
            *rest.iter().fold(first, |here, name| &mut here[*name]) = value.into().0;
        }
        self
    }
}

/// Creates a model from an artifact, most often of the training step before.
///
/// ```
/// use stepwell_sdk::Model;
/// use stepwell_sdk::steps::{Chain, ModelStep};
///
/// let model = Model::new("big-mart", "image", "role").data("s3://bucket/model.tar.gz");
/// let definition = Chain::from(ModelStep::new("Save model", model)).definition()?;
/// assert_eq!(definition["States"]["Save model"]["Resource"], "arn:aws:states:::sagemaker:createModel");
/// # Ok::<(), stepwell_sdk::steps::BuildError>(())
/// ```
#[derive(Debug, Clone)]
pub struct ModelStep {
    state: State,
}
methods!(ModelStep: common, paths, next, merged, selector, result, errors, timeouts);
tags!(ModelStep);

impl ModelStep {
    /// A step that creates `model`.
    pub fn new(name: impl Into<String>, model: Model) -> Self {
        ModelStep { state: step(name, resource("createModel", false), model.request()) }
    }

    /// Another name for the model.
    pub fn model_name(mut self, name: impl Into<Argument>) -> Self {
        self.state.parameters_mut().insert("ModelName".to_owned(), name.into().0);
        self
    }
}

/// Creates an endpoint configuration: which model on which machines.
///
/// ```
/// use stepwell_sdk::steps::{Chain, EndpointConfigStep};
///
/// let configure = EndpointConfigStep::new("Create Endpoint Config", "big-mart", "big-mart", 1, "ml.m4.xlarge");
/// let definition = Chain::from(configure).definition()?;
/// let variants = &definition["States"]["Create Endpoint Config"]["Parameters"]["ProductionVariants"];
/// assert_eq!(variants[0]["VariantName"], "AllTraffic");
/// # Ok::<(), stepwell_sdk::steps::BuildError>(())
/// ```
#[derive(Debug, Clone)]
pub struct EndpointConfigStep {
    state: State,
}
methods!(EndpointConfigStep: common, paths, next, merged, selector, result, errors, timeouts);
tags!(EndpointConfigStep);

impl EndpointConfigStep {
    /// A step that creates a configuration with one variant, `AllTraffic`.
    pub fn new(
        name: impl Into<String>,
        endpoint_config_name: impl Into<Argument>,
        model_name: impl Into<Argument>,
        initial_instance_count: impl Into<Argument>,
        instance_type: impl Into<Argument>,
    ) -> Self {
        let request = json!({
            "EndpointConfigName": endpoint_config_name.into().0,
            "ProductionVariants": [{
                "InitialInstanceCount": initial_instance_count.into().0,
                "InstanceType": instance_type.into().0,
                "ModelName": model_name.into().0,
                "VariantName": "AllTraffic",
            }],
        });
        EndpointConfigStep { state: step(name, resource("createEndpointConfig", false), request) }
    }

    /// Another name for the variant.
    pub fn variant_name(mut self, name: impl Into<Argument>) -> Self {
        let variants = self.state.parameters_mut().get_mut("ProductionVariants");
        if let Some(variant) = variants.and_then(|variants| variants.get_mut(0)) {
            variant["VariantName"] = name.into().0;
        }
        self
    }

    /// Keeps requests and answers: the API's `DataCaptureConfig`.
    pub fn data_capture_config(mut self, config: impl Into<Argument>) -> Self {
        self.state.parameters_mut().insert("DataCaptureConfig".to_owned(), config.into().0);
        self
    }
}

/// Creates an endpoint, or puts another configuration behind one that is there.
///
/// ```
/// use stepwell_sdk::steps::{Chain, EndpointStep};
///
/// let swap = EndpointStep::update("New model", "big-mart", "big-mart-2");
/// let definition = Chain::from(swap).definition()?;
/// assert_eq!(definition["States"]["New model"]["Resource"], "arn:aws:states:::sagemaker:updateEndpoint");
/// # Ok::<(), stepwell_sdk::steps::BuildError>(())
/// ```
#[derive(Debug, Clone)]
pub struct EndpointStep {
    state: State,
}
methods!(EndpointStep: common, paths, next, merged, selector, result, errors, timeouts);
tags!(EndpointStep);

impl EndpointStep {
    /// A step that creates an endpoint. It goes on while the endpoint is still being created.
    pub fn new(
        name: impl Into<String>,
        endpoint_name: impl Into<Argument>,
        endpoint_config_name: impl Into<Argument>,
    ) -> Self {
        EndpointStep::made(
            "createEndpoint",
            name,
            endpoint_name.into(),
            endpoint_config_name.into(),
        )
    }

    /// A step that puts another configuration behind an endpoint, which answers all the while.
    pub fn update(
        name: impl Into<String>,
        endpoint_name: impl Into<Argument>,
        endpoint_config_name: impl Into<Argument>,
    ) -> Self {
        EndpointStep::made(
            "updateEndpoint",
            name,
            endpoint_name.into(),
            endpoint_config_name.into(),
        )
    }

    fn made(action: &str, name: impl Into<String>, endpoint: Argument, config: Argument) -> Self {
        let request = json!({ "EndpointConfigName": config.0, "EndpointName": endpoint.0 });
        EndpointStep { state: step(name, resource(action, false), request) }
    }
}

/// Searches for good hyperparameters.
///
/// ```
/// use stepwell_sdk::steps::{Chain, TuningStep};
/// use stepwell_sdk::{Estimator, Objective, Tuner};
///
/// # let estimator = Estimator::new("image", "role", "ml.m4.xlarge", "s3://bucket/output");
/// let tuner = Tuner::new(&estimator, Objective::Minimize, "validation:rmse").continuous("eta", 0.05, 0.5);
/// let tune = TuningStep::new("Tune", &tuner, "tune-big-mart").channel("train", "s3://bucket/Train.csv");
/// let definition = Chain::from(tune).definition()?;
/// assert_eq!(definition["States"]["Tune"]["Resource"], "arn:aws:states:::sagemaker:createHyperParameterTuningJob.sync");
/// # Ok::<(), stepwell_sdk::steps::BuildError>(())
/// ```
#[derive(Debug, Clone)]
pub struct TuningStep {
    state: State,
}
methods!(TuningStep: common, paths, next, merged, selector, result, errors, timeouts);
job!(TuningStep, "createHyperParameterTuningJob");

impl TuningStep {
    /// A step that runs a tuning job.
    pub fn new(name: impl Into<String>, tuner: &Tuner, job_name: impl Into<Argument>) -> Self {
        let mut request = tuner.request();
        request["HyperParameterTuningJobName"] = job_name.into().0;
        TuningStep { state: step(name, resource("createHyperParameterTuningJob", true), request) }
    }

    /// A channel of the data every training job gets.
    pub fn channel(mut self, name: &str, input: impl Into<TrainingInput>) -> Self {
        if let Some(Value::Object(definition)) =
            self.state.parameters_mut().get_mut("TrainingJobDefinition")
        {
            push_channel(definition, name, input.into());
        }
        self
    }
}

/// Prepares or checks data with a container.
///
/// ```
/// use stepwell_sdk::steps::{Chain, ProcessingStep};
/// use stepwell_sdk::{ProcessingInput, ProcessingOutput, Processor};
///
/// let processor = Processor::new("image", "role", "ml.m4.xlarge").entrypoint(["python3", "/code/prepare.py"]);
/// let prepare = ProcessingStep::new("Prepare", &processor, "prepare-big-mart")
///     .input(ProcessingInput::new("raw", "s3://bucket/raw", "/opt/ml/processing/input"))
///     .output_to(ProcessingOutput::new("train", "/opt/ml/processing/train", "s3://bucket/train"))
///     .arguments(["--test-share", "0.2"]);
/// let definition = Chain::from(prepare).definition()?;
/// assert_eq!(definition["States"]["Prepare"]["Parameters"]["ProcessingInputs"][0]["InputName"], "raw");
/// # Ok::<(), stepwell_sdk::steps::BuildError>(())
/// ```
#[derive(Debug, Clone)]
pub struct ProcessingStep {
    state: State,
}
methods!(ProcessingStep: common, paths, next, merged, selector, result, errors, timeouts);
job!(ProcessingStep, "createProcessingJob");

impl ProcessingStep {
    /// A step that runs a processing job.
    pub fn new(
        name: impl Into<String>,
        processor: &Processor,
        job_name: impl Into<Argument>,
    ) -> Self {
        let mut request = processor.request();
        request.insert("ProcessingJobName".to_owned(), job_name.into().0);
        ProcessingStep { state: step(name, resource("createProcessingJob", true), request.into()) }
    }

    /// Data brought into the container.
    pub fn input(mut self, input: ProcessingInput) -> Self {
        let inputs =
            self.state.parameters_mut().entry("ProcessingInputs").or_insert_with(|| json!([]));
        if let Value::Array(inputs) = inputs {
            inputs.push(input.request);
        }
        self
    }

    /// Data taken out of the container.
    pub fn output_to(mut self, output: ProcessingOutput) -> Self {
        let outputs = &mut self.output_config()["Outputs"];
        match outputs {
            Value::Array(outputs) => outputs.push(output.request),
            _ => *outputs = json!([output.request]),
        }
        self
    }

    /// The key that encrypts all outputs.
    pub fn output_kms_key(mut self, key: impl Into<Argument>) -> Self {
        self.output_config()["KmsKeyId"] = key.into().0;
        self
    }

    /// The arguments of the container's program.
    pub fn arguments<Word: Into<String>>(self, words: impl IntoIterator<Item = Word>) -> Self {
        let words: Value = words.into_iter().map(|word| Value::String(word.into())).collect();
        self.application("ContainerArguments", words)
    }

    /// The arguments of the container's program, all of them from a placeholder.
    pub fn arguments_from(self, placeholder: &Placeholder) -> Self {
        self.application("ContainerArguments", placeholder.into())
    }

    /// The container's program, all words of it from a placeholder.
    pub fn entrypoint_from(self, placeholder: &Placeholder) -> Self {
        self.application("ContainerEntrypoint", placeholder.into())
    }

    fn application(mut self, member: &str, value: Value) -> Self {
        let application =
            self.state.parameters_mut().entry("AppSpecification").or_insert_with(|| json!({}));
        application[member] = value;
        self
    }

    fn output_config(&mut self) -> &mut Value {
        self.state
            .parameters_mut()
            .entry("ProcessingOutputConfig")
            .or_insert_with(|| json!({ "Outputs": [] }))
    }
}
