//! Train a preprocessor, run the data through it, train on the result, deploy both as one endpoint.

use serde_json::{Map, Value, json};

use super::{extract_input, name_of_now};
use crate::inputs::Argument;
use crate::steps::{
    BuildError, Chain, EndpointConfigStep, EndpointStep, ModelStep, Task, TrainingStep,
    TransformStep,
};
use crate::workflow::{Draft, Execution, Live, Workflow};
use crate::{Client, Error, Estimator, TrainingInput, Transformer};

/// Trains a preprocessor, transforms the training data with it, trains an estimator on the result, and deploys
/// the two behind one endpoint, which takes raw data.
///
/// ```
/// use stepwell_sdk::{Estimator, template::InferencePipeline};
///
/// # let role = "arn:aws:iam::000000000000:role/stepwell";
/// # let preprocessor = Estimator::new("sklearn", role, "ml.m4.xlarge", "s3://bucket/output");
/// # let estimator = Estimator::new("xgboost", role, "ml.m4.xlarge", "s3://bucket/output");
/// let pipeline = InferencePipeline::new("big-mart", &preprocessor, &estimator, role, "s3://bucket/Train.csv", "bucket")?
///     .content_type("text/csv");
/// assert_eq!(pipeline.workflow().definition()["StartAt"], "Train Preprocessor");
/// let input = pipeline.input("monday");
/// assert_eq!(input["Create Pipeline Model"]["Containers"].as_array().map(Vec::len), Some(2));
/// # Ok::<(), stepwell_sdk::steps::BuildError>(())
/// ```
#[derive(Debug, Clone)]
pub struct InferencePipeline<State = Draft> {
    workflow: Workflow<State>,
    template: Map<String, Value>,
    bucket: String,
}

impl InferencePipeline<Draft> {
    /// A pipeline `name` on the training data at `train`, whose artifacts go to `s3://BUCKET/NAME`. `role` is
    /// the state machine's.
    ///
    /// # Errors
    /// A mistake in the definition.
    pub fn new(
        name: impl Into<String>,
        preprocessor: &Estimator,
        estimator: &Estimator,
        role: impl Into<String>,
        train: &str,
        s3_bucket: impl Into<String>,
    ) -> Result<InferencePipeline, BuildError> {
        let name = name.into();
        let name = name.as_str();
        let transformer = Transformer::new(preprocessor.instance_type.as_str(), "")
            .instance_count(preprocessor.instance_count)
            .max_payload_mb(20);
        let containers: Vec<Value> =
            [preprocessor, estimator].iter().map(|part| part.model(name, "").container()).collect();
        let pipeline_model = Task::new("Create Pipeline Model", "arn:aws:states:::sagemaker:createModel").parameters(
            json!({ "ModelName": name, "Containers": containers, "ExecutionRoleArn": estimator.role }),
        );
        let chain = Chain::new()
            .then(
                TrainingStep::new(
                    "Train Preprocessor",
                    preprocessor,
                    format!("{name}/preprocessor-source"),
                )
                .channel("train", train),
            )
            .then(ModelStep::new("Create Preprocessor Model", preprocessor.model(name, "")))
            .then(TransformStep::new("Transform Input", &transformer, name, name, train))
            .then(
                TrainingStep::new("Training", estimator, format!("{name}/estimator-source"))
                    .channel("train", TrainingInput::new(train)),
            )
            .then(pipeline_model)
            .then(EndpointConfigStep::new(
                "Configure Endpoint",
                name,
                name,
                estimator.instance_count,
                estimator.instance_type.as_str(),
            ))
            .then(EndpointStep::new("Deploy", name, name));
        let (definition, template) = extract_input(chain)?;
        let workflow = Workflow::from_definition(name, definition, role);
        Ok(InferencePipeline { workflow, template, bucket: s3_bucket.into() })
    }

    /// The media type of the training data, which the preprocessor's model is sent.
    pub fn content_type(self, content_type: &str) -> Self {
        self.with("ContentType", content_type)
    }

    /// How the training data is compressed.
    pub fn compression_type(self, compression: &str) -> Self {
        self.with("CompressionType", compression)
    }

    fn with(mut self, member: &str, value: &str) -> Self {
        if let Some(transform) = self.template.get_mut("Transform Input") {
            transform["TransformInput"][member] = value.into();
        }
        self
    }

    /// Creates the state machine, as [`Workflow::create`] does.
    ///
    /// # Errors
    /// AWS's exception.
    pub async fn create(&self, client: &Client) -> Result<InferencePipeline<Live>, Error> {
        let workflow = self.workflow.create(client).await?;
        Ok(InferencePipeline {
            workflow,
            template: self.template.clone(),
            bucket: self.bucket.clone(),
        })
    }
}

impl<State> InferencePipeline<State> {
    /// The pipeline as a workflow.
    pub fn workflow(&self) -> &Workflow<State> {
        &self.workflow
    }

    /// The execution's input for the job `job_name`: endpoint, configuration and model have that name, the
    /// jobs have `preprocessor-` and `estimator-` before it.
    pub fn input(&self, job_name: &str) -> Value {
        let mut input = Value::Object(self.template.clone());
        let root = format!("s3://{}/{}", self.bucket, self.workflow.name());
        let models = format!("{root}/models");
        let (preprocessor, estimator) =
            (format!("preprocessor-{job_name}"), format!("estimator-{job_name}"));
        let transformed = format!("{root}/preprocessor-transform-{job_name}/transform");
        for (state, job) in [("Train Preprocessor", &preprocessor), ("Training", &estimator)] {
            let train = &mut input[state];
            train["TrainingJobName"] = json!(job);
            train["OutputDataConfig"]["S3OutputPath"] = json!(models);
            if train["DebugHookConfig"].is_object() {
                train["DebugHookConfig"]["S3OutputPath"] = json!(format!("{models}/debug"));
            }
            // Script containers are told the job's name as JSON text.
            if train["HyperParameters"]["sagemaker_job_name"].is_string() {
                train["HyperParameters"]["sagemaker_job_name"] = json!(format!("\"{job}\""));
            }
        }
        let artifact = |job: &str| json!(format!("{models}/{job}/output/model.tar.gz"));
        input["Create Preprocessor Model"]["ModelName"] = json!(preprocessor);
        input["Create Preprocessor Model"]["PrimaryContainer"]["ModelDataUrl"] =
            artifact(&preprocessor);
        input["Transform Input"]["ModelName"] = json!(preprocessor);
        input["Transform Input"]["TransformJobName"] = json!(preprocessor);
        input["Transform Input"]["TransformOutput"]["S3OutputPath"] = json!(transformed);
        input["Training"]["InputDataConfig"] =
            json!([TrainingInput::new(transformed).channel("train")]);
        input["Create Pipeline Model"]["ModelName"] = json!(job_name);
        input["Create Pipeline Model"]["Containers"][0]["ModelDataUrl"] = artifact(&preprocessor);
        input["Create Pipeline Model"]["Containers"][1]["ModelDataUrl"] = artifact(&estimator);
        input["Configure Endpoint"]["EndpointConfigName"] = json!(job_name);
        input["Configure Endpoint"]["ProductionVariants"][0]["ModelName"] = json!(job_name);
        input["Deploy"]["EndpointConfigName"] = json!(job_name);
        input["Deploy"]["EndpointName"] = json!(job_name);
        input
    }
}

impl InferencePipeline<Live> {
    /// Runs the pipeline. The execution, the model and the endpoint are named `job_name`, or after the present moment.
    ///
    /// # Errors
    /// AWS's exception, such as `ExecutionAlreadyExists`.
    pub async fn execute(&self, job_name: Option<&str>) -> Result<Execution, Error> {
        let name = job_name.map(str::to_owned).unwrap_or_else(|| name_of_now("inference-pipeline"));
        self.workflow.execute_named(&name, self.input(&name)).await
    }

    /// Runs the pipeline with other hyperparameters than the estimator's.
    ///
    /// # Errors
    /// As [`execute`](InferencePipeline::execute).
    pub async fn execute_with<Name: Into<String>, Given: Into<Argument>>(
        &self,
        job_name: Option<&str>,
        hyperparameters: impl IntoIterator<Item = (Name, Given)>,
    ) -> Result<Execution, Error> {
        let name = job_name.map(str::to_owned).unwrap_or_else(|| name_of_now("inference-pipeline"));
        let mut input = self.input(&name);
        let strings =
            hyperparameters.into_iter().map(|(name, value)| (name.into(), value.into().stringly()));
        input["Training"]["HyperParameters"] = strings.collect::<Map<String, Value>>().into();
        self.workflow.execute_named(&name, input).await
    }
}
