//! Train, save the model, configure, deploy.

use serde_json::{Map, Value, json};

use super::{extract_input, name_of_now};
use crate::inputs::Argument;
use crate::steps::{BuildError, Chain, EndpointConfigStep, EndpointStep, ModelStep, TrainingStep};
use crate::workflow::{Draft, Execution, Live, Workflow};
use crate::{Client, Error, Estimator, TrainingInput};

/// Trains an estimator, creates the model, configures an endpoint and deploys it.
///
/// ```
/// use stepwell_sdk::{Estimator, TrainingInput, template::TrainingPipeline};
///
/// # let estimator = Estimator::new("image", "arn:aws:iam::000000000000:role/stepwell", "ml.m4.xlarge", "s3://bucket/output");
/// let pipeline = TrainingPipeline::new(
///     "big-mart",
///     &estimator,
///     "arn:aws:iam::000000000000:role/stepwell",
///     [("train", TrainingInput::csv("s3://bucket/Train.csv"))],
///     "bucket",
/// )?;
/// let input = pipeline.input("monday", Some([("num_round", 50)].into_iter()));
/// assert_eq!(input["Training"]["TrainingJobName"], "estimator-monday");
/// // pipeline.create(&client).await?.execute(Some("monday")).await?
/// # Ok::<(), stepwell_sdk::steps::BuildError>(())
/// ```
#[derive(Debug, Clone)]
pub struct TrainingPipeline<State = Draft> {
    workflow: Workflow<State>,
    template: Map<String, Value>,
    bucket: String,
}

impl TrainingPipeline<Draft> {
    /// A pipeline `name` whose artifacts go to `s3://BUCKET/NAME/models`. `role` is the state machine's.
    ///
    /// # Errors
    /// A mistake in the definition.
    pub fn new<Channel: AsRef<str>, Input: Into<TrainingInput>>(
        name: impl Into<String>,
        estimator: &Estimator,
        role: impl Into<String>,
        inputs: impl IntoIterator<Item = (Channel, Input)>,
        s3_bucket: impl Into<String>,
    ) -> Result<TrainingPipeline, BuildError> {
        let name = name.into();
        let train = inputs.into_iter().fold(
            TrainingStep::new("Training", estimator, format!("{name}/estimator-source")),
            |step, (channel, input)| step.channel(channel.as_ref(), input),
        );
        let chain = Chain::new()
            .then(train)
            .then(ModelStep::new("Create Model", estimator.model(name.as_str(), "")))
            .then(EndpointConfigStep::new(
                "Configure Endpoint",
                name.as_str(),
                name.as_str(),
                estimator.instance_count,
                estimator.instance_type.as_str(),
            ))
            .then(EndpointStep::new("Deploy", name.as_str(), name.as_str()));
        let (definition, template) = extract_input(chain)?;
        let workflow = Workflow::from_definition(name, definition, role);
        Ok(TrainingPipeline { workflow, template, bucket: s3_bucket.into() })
    }

    /// Creates the state machine, as [`Workflow::create`] does.
    ///
    /// # Errors
    /// AWS's exception.
    pub async fn create(&self, client: &Client) -> Result<TrainingPipeline<Live>, Error> {
        let workflow = self.workflow.create(client).await?;
        Ok(TrainingPipeline {
            workflow,
            template: self.template.clone(),
            bucket: self.bucket.clone(),
        })
    }
}

impl<State> TrainingPipeline<State> {
    /// The pipeline as a workflow.
    pub fn workflow(&self) -> &Workflow<State> {
        &self.workflow
    }

    /// The execution's input for the job `job_name`: endpoint, configuration and model have that name, the training
    /// job has `estimator-` before it. Hyperparameters, when given, replace the estimator's.
    pub fn input<Name: Into<String>, Given: Into<Argument>>(
        &self,
        job_name: &str,
        hyperparameters: Option<impl IntoIterator<Item = (Name, Given)>>,
    ) -> Value {
        let mut input = Value::Object(self.template.clone());
        if let Some(hyperparameters) = hyperparameters {
            let strings = hyperparameters
                .into_iter()
                .map(|(name, value)| (name.into(), value.into().stringly()));
            input["Training"]["HyperParameters"] = strings.collect::<Map<String, Value>>().into();
        }
        let job = format!("estimator-{job_name}");
        let models = format!("s3://{}/{}/models", self.bucket, self.workflow.name());
        input["Training"]["TrainingJobName"] = json!(job);
        input["Training"]["OutputDataConfig"]["S3OutputPath"] = json!(models);
        input["Create Model"]["ModelName"] = json!(job_name);
        input["Create Model"]["PrimaryContainer"]["ModelDataUrl"] =
            json!(format!("{models}/{job}/output/model.tar.gz"));
        input["Configure Endpoint"]["EndpointConfigName"] = json!(job_name);
        input["Configure Endpoint"]["ProductionVariants"][0]["ModelName"] = json!(job_name);
        input["Deploy"]["EndpointConfigName"] = json!(job_name);
        input["Deploy"]["EndpointName"] = json!(job_name);
        input
    }
}

impl TrainingPipeline<Live> {
    /// Runs the pipeline. The execution, the model and the endpoint are named `job_name`, or after the present moment.
    ///
    /// # Errors
    /// AWS's exception, such as `ExecutionAlreadyExists`.
    pub async fn execute(&self, job_name: Option<&str>) -> Result<Execution, Error> {
        self.run(job_name, None::<[(String, Argument); 0]>).await
    }

    /// Runs the pipeline with other hyperparameters than the estimator's.
    ///
    /// # Errors
    /// As [`execute`](TrainingPipeline::execute).
    pub async fn execute_with<Name: Into<String>, Given: Into<Argument>>(
        &self,
        job_name: Option<&str>,
        hyperparameters: impl IntoIterator<Item = (Name, Given)>,
    ) -> Result<Execution, Error> {
        self.run(job_name, Some(hyperparameters)).await
    }

    async fn run<Name: Into<String>, Given: Into<Argument>>(
        &self,
        job_name: Option<&str>,
        hyperparameters: Option<impl IntoIterator<Item = (Name, Given)>>,
    ) -> Result<Execution, Error> {
        let name = job_name.map(str::to_owned).unwrap_or_else(|| name_of_now("training-pipeline"));
        let input = self.input(&name, hyperparameters);
        self.workflow.execute_named(&name, input).await
    }
}
