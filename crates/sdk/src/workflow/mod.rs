//! Workflows: a definition with a name and a role, created on a server, executed, watched.

mod cloudformation;
mod execution;
mod graph;
mod picture;
mod progress;

use std::sync::Arc;
use std::time::SystemTime;

use serde_json::{Map, Value, json};

pub use execution::{Execution, ExecutionDescription, ExecutionStatus};
pub use graph::Graph;
pub use picture::Picture;
pub use progress::{Progress, StateProgress, StateStatus};

use crate::Error;
use crate::client::{Client, partition, unique_name};
use crate::inputs::ExecutionInput;
use crate::log;
use crate::steps::{BuildError, Chain, machine};

/// A workflow: a state machine's definition with its name and role.
///
/// It begins as a draft, which needs no server; [`create`](Workflow::create) makes it [`Live`], and only then
/// can it be executed.
///
/// ```no_run
/// use serde_json::json;
/// use stepwell_sdk::inputs::{ExecutionInput, Type};
/// use stepwell_sdk::steps::Pass;
/// use stepwell_sdk::{Client, Workflow};
///
/// # async fn run() -> Result<(), stepwell_sdk::Error> {
/// let client = Client::local("http://127.0.0.1:4566")?;
/// let inputs = ExecutionInput::new([("Name", Type::String)]);
/// let workflow = Workflow::new("greet", Pass::new("Greet"), "arn:aws:iam::000000000000:role/stepwell")?
///     .execution_input(&inputs)
///     .create(&client)
///     .await?;
/// let execution = workflow.execute(json!({ "Name": "Ada" })).await?;
/// println!("{:?}", execution.output(true).await?);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct Workflow<State = Draft> {
    name: String,
    role: String,
    /// Machine-level fields that stand before the states.
    head: Map<String, Value>,
    body: Arc<Value>,
    inputs: Option<ExecutionInput>,
    tags: Vec<Value>,
    state: State,
}

/// A workflow that no server knows of.
#[derive(Debug, Clone, Copy)]
pub struct Draft;

/// A workflow that is a state machine on a server.
#[derive(Debug, Clone)]
pub struct Live {
    client: Client,
    arn: String,
    differs: bool,
}

/// One entry of [`Workflow::list`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkflowSummary {
    /// The state machine's name.
    pub name: String,
    /// Its ARN.
    pub arn: String,
    /// When it was created.
    pub created: Option<SystemTime>,
}

impl Workflow<Draft> {
    /// A workflow that runs `definition`, a chain or a single step, under the IAM role `role` (its ARN).
    ///
    /// # Errors
    /// The first mistake in the definition.
    pub fn new(
        name: impl Into<String>,
        definition: impl Into<Chain>,
        role: impl Into<String>,
    ) -> Result<Workflow, BuildError> {
        let body = definition.into().definition()?;
        Ok(Workflow::from_definition(name, body, role))
    }

    /// A workflow of a definition that is already Amazon States Language, such as a file's.
    ///
    /// ```
    /// let text = r#"{ "StartAt": "Done", "States": { "Done": { "Type": "Succeed" } } }"#;
    /// let workflow = stepwell_sdk::Workflow::from_definition("done", text.parse()?, "arn:aws:iam::000000000000:role/stepwell");
    /// assert_eq!(workflow.definition()["StartAt"], "Done");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn from_definition(
        name: impl Into<String>,
        definition: Value,
        role: impl Into<String>,
    ) -> Workflow {
        Workflow {
            name: name.into(),
            role: role.into(),
            head: Map::new(),
            body: Arc::new(definition),
            inputs: None,
            tags: vec![],
            state: Draft,
        }
    }

    /// Checks every input against the placeholders' schema before an execution is started.
    pub fn execution_input(mut self, inputs: &ExecutionInput) -> Self {
        self.inputs = Some(inputs.clone());
        self
    }

    /// A note for the reader of the definition.
    pub fn comment(self, comment: impl Into<String>) -> Self {
        self.with("Comment", comment.into())
    }

    /// Ends executions with `States.Timeout` after so many seconds.
    pub fn timeout_seconds(self, seconds: u32) -> Self {
        self.with("TimeoutSeconds", seconds)
    }

    /// The version of the States Language.
    pub fn version(self, version: impl Into<String>) -> Self {
        self.with("Version", version.into())
    }

    /// A tag of the state machine.
    pub fn tag(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.tags.push(json!({ "key": key.into(), "value": value.into() }));
        self
    }

    fn with(mut self, field: &str, value: impl Into<Value>) -> Self {
        self.head.insert(field.to_owned(), value.into());
        self
    }

    /// Creates the state machine. When one of the same name and content is there, it is that one. When one of
    /// the same name but another definition is there, the workflow is attached to it with a warning, and
    /// [`differs`](Workflow::differs) says so until it is updated.
    ///
    /// # Errors
    /// AWS's exception, such as `InvalidDefinition`.
    pub async fn create(&self, client: &Client) -> Result<Workflow<Live>, Error> {
        let request = json!({
            "name": self.name, "definition": self.text_for(client), "roleArn": self.role, "tags": self.tags,
        });
        let (arn, differs) = match client.call("stepfunctions", "CreateStateMachine", request).await
        {
            Ok(answer) => {
                let arn = text(&answer, "stateMachineArn", "CreateStateMachine")?;
                log::info(&format!("Workflow `{}` is created: {arn}", self.name));
                (arn, false)
            }
            // The ARN stands between quotes in the message, and nowhere else.
            Err(Error::Service(refusal)) if refusal.code == "StateMachineAlreadyExists" => {
                match refusal.message.split('\'').nth(1) {
                    Some(arn) => {
                        log::warning(&format!(
                            "a workflow named `{}` already exists with another definition; update() replaces it: {arn}",
                            self.name
                        ));
                        (arn.to_owned(), true)
                    }
                    None => return Err(Error::Service(refusal)),
                }
            }
            Err(error) => return Err(error),
        };
        Ok(self.live(Live { client: client.clone(), arn, differs }))
    }

    fn live(&self, state: Live) -> Workflow<Live> {
        let Workflow { name, role, head, body, inputs, tags, state: Draft } = self.clone();
        Workflow { name, role, head, body, inputs, tags, state }
    }
}

impl<State> Workflow<State> {
    /// The workflow's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The ARN of the role it runs under.
    pub fn role(&self) -> &str {
        &self.role
    }

    /// The definition in the Amazon States Language.
    pub fn definition(&self) -> Value {
        let mut definition = self.head.clone();
        if let Value::Object(body) = self.body.as_ref() {
            definition.extend(body.clone());
        }
        definition.into()
    }

    /// The definition as text, indented when `pretty`.
    pub fn to_json(&self, pretty: bool) -> String {
        let definition = self.definition();
        if pretty { format!("{definition:#}") } else { definition.to_string() }
    }

    /// The definition as it is sent: resources are named in the partition of the client's region.
    fn text_for(&self, client: &Client) -> String {
        let text = self.to_json(true);
        match partition(client.region()) {
            "aws" => text,
            partition => text.replace(
                r#""Resource": "arn:aws:states:::"#,
                &format!(r#""Resource": "arn:{partition}:states:::"#),
            ),
        }
    }

    /// A CloudFormation template (YAML) that creates this workflow.
    ///
    /// ```
    /// use stepwell_sdk::{Workflow, steps::Pass};
    ///
    /// let workflow = Workflow::new("greet", Pass::new("Greet"), "arn:aws:iam::000000000000:role/stepwell")?;
    /// assert!(workflow.cloudformation_template(None).contains("Type: AWS::StepFunctions::StateMachine"));
    /// # Ok::<(), stepwell_sdk::steps::BuildError>(())
    /// ```
    pub fn cloudformation_template(&self, description: Option<&str>) -> String {
        cloudformation::template(&self.name, &self.role, &self.definition(), description)
    }

    /// A picture of the states and the ways between them. It prints as text, shows itself in a notebook,
    /// and is an image, a file or Mermaid by its [`picture`](Graph::picture).
    ///
    /// ```
    /// use stepwell_sdk::{Workflow, steps::Pass};
    ///
    /// let workflow = Workflow::new("greet", Pass::new("Greet"), "arn:aws:iam::000000000000:role/stepwell")?;
    /// println!("{}", workflow.render_graph());
    /// # Ok::<(), stepwell_sdk::steps::BuildError>(())
    /// ```
    pub fn render_graph(&self) -> Graph
    where
        State: Server,
    {
        Graph::new(self.definition(), self.state.client())
    }
}

/// What a workflow knows of servers.
pub trait Server: private::Sealed {
    #[doc(hidden)]
    fn client(&self) -> Option<&Client>;
}

impl Server for Draft {
    fn client(&self) -> Option<&Client> {
        None
    }
}

impl Server for Live {
    fn client(&self) -> Option<&Client> {
        Some(&self.client)
    }
}

mod private {
    pub trait Sealed {}
    impl Sealed for super::Draft {}
    impl Sealed for super::Live {}
}

impl Workflow<Live> {
    /// The workflow that is the state machine `arn`.
    ///
    /// # Errors
    /// `StateMachineDoesNotExist` when there is none.
    pub async fn attach(client: &Client, arn: &str) -> Result<Workflow<Live>, Error> {
        let request = json!({ "stateMachineArn": arn });
        let found = client.call("stepfunctions", "DescribeStateMachine", request).await?;
        let text = |member| text(&found, member, "DescribeStateMachine");
        let definition =
            serde_json::from_str(&text("definition")?).map_err(|error| Error::Answer {
                service: "stepfunctions".to_owned(),
                operation: "DescribeStateMachine".to_owned(),
                reason: format!("the definition is not JSON: {error}"),
            })?;
        let draft = Workflow::from_definition(text("name")?, definition, text("roleArn")?);
        Ok(draft.live(Live {
            client: client.clone(),
            arn: text("stateMachineArn")?,
            differs: false,
        }))
    }

    /// The state machines of the account and region, at most `max_items`.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn list(client: &Client, max_items: usize) -> Result<Vec<WorkflowSummary>, Error> {
        let request = json!({ "maxResults": 1000 });
        let found = client
            .call_all("stepfunctions", "ListStateMachines", request, "stateMachines", max_items)
            .await?;
        let text =
            |value: &Value, member: &str| value[member].as_str().unwrap_or_default().to_owned();
        let summaries = found.iter().map(|machine| WorkflowSummary {
            name: text(machine, "name"),
            arn: text(machine, "stateMachineArn"),
            created: execution::moment(&machine["creationDate"]),
        });
        Ok(summaries.collect())
    }

    /// The state machine's ARN.
    pub fn arn(&self) -> &str {
        &self.state.arn
    }

    /// Whether the server has another definition under this name, which [`overwrite`](Workflow::overwrite) or
    /// [`update`](Workflow::update) replaces.
    pub fn differs(&self) -> bool {
        self.state.differs
    }

    /// Replaces the definition. Executions under way keep the old one.
    ///
    /// # Errors
    /// A mistake in the definition, or AWS's exception.
    pub async fn update(&mut self, definition: impl Into<Chain>) -> Result<(), Error> {
        self.body = Arc::new(machine(&definition.into(), Map::new())?);
        self.overwrite().await
    }

    /// Replaces the role.
    ///
    /// # Errors
    /// AWS's exception.
    pub async fn update_role(&mut self, role: impl Into<String>) -> Result<(), Error> {
        self.role = role.into();
        self.overwrite().await
    }

    /// Puts this workflow's definition and role in place of the server's.
    ///
    /// # Errors
    /// AWS's exception.
    pub async fn overwrite(&mut self) -> Result<(), Error> {
        let request = json!({
            "stateMachineArn": self.state.arn,
            "definition": self.text_for(&self.state.client),
            "roleArn": self.role,
        });
        self.state.client.call("stepfunctions", "UpdateStateMachine", request).await?;
        self.state.differs = false;
        log::info(&format!(
            "Workflow `{}` is updated; new executions use the new definition",
            self.name
        ));
        Ok(())
    }

    /// Starts an execution with a name made for it. A `null` input is AWS's default, `{}`.
    ///
    /// # Errors
    /// [`Error::Schema`] when the input does not fit, before anything is sent; else AWS's exception.
    pub async fn execute(&self, input: impl Into<Value>) -> Result<Execution, Error> {
        // A name of our own makes the request repeatable when its answer is lost.
        self.execute_named(&unique_name(), input).await
    }

    /// Starts an execution with a name, which is unique for the state machine for 90 days.
    ///
    /// # Errors
    /// As [`execute`](Workflow::execute), and `ExecutionAlreadyExists` when the name was used with another input.
    pub async fn execute_named(
        &self,
        name: &str,
        input: impl Into<Value>,
    ) -> Result<Execution, Error> {
        let input = input.into();
        if let Some(inputs) = &self.inputs {
            inputs.validate(&input)?;
        }
        let mut request = json!({ "stateMachineArn": self.state.arn, "name": name });
        if !input.is_null() {
            request["input"] = format!("{input:#}").into();
        }
        let answer = self.state.client.call("stepfunctions", "StartExecution", request).await?;
        let arn = text(&answer, "executionArn", "StartExecution")?;
        log::info(&format!("Execution is started: {arn}"));
        Ok(Execution::new(
            &self.state.client,
            arn,
            name.to_owned(),
            &answer["startDate"],
            self.definition(),
        ))
    }

    /// The executions, newest first, at most `max_items`, and only those of one status when it is given.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn list_executions(
        &self,
        status: Option<ExecutionStatus>,
        max_items: usize,
    ) -> Result<Vec<Execution>, Error> {
        let mut request = json!({ "stateMachineArn": self.state.arn, "maxResults": 1000 });
        if let Some(status) = status {
            request["statusFilter"] = status.as_str().into();
        }
        let client = &self.state.client;
        let found = client
            .call_all("stepfunctions", "ListExecutions", request, "executions", max_items)
            .await?;
        let definition = self.definition();
        let text =
            |value: &Value, member: &str| value[member].as_str().unwrap_or_default().to_owned();
        let executions = found.iter().map(|found| {
            let (arn, name) = (text(found, "executionArn"), text(found, "name"));
            Execution::new(client, arn, name, &found["startDate"], definition.clone())
        });
        Ok(executions.collect())
    }

    /// Deletes the state machine. Running executions are ended.
    ///
    /// # Errors
    /// AWS's exception.
    pub async fn delete(self) -> Result<(), Error> {
        let request = json!({ "stateMachineArn": self.state.arn });
        self.state.client.call("stepfunctions", "DeleteStateMachine", request).await?;
        log::info(&format!("Workflow `{}` is marked for deletion", self.name));
        Ok(())
    }
}

fn text(answer: &Value, member: &str, operation: &str) -> Result<String, Error> {
    match answer[member].as_str() {
        Some(text) => Ok(text.to_owned()),
        None => Err(Error::Answer {
            service: "stepfunctions".to_owned(),
            operation: operation.to_owned(),
            reason: format!("it has no {member}"),
        }),
    }
}
