//! Models: what an endpoint or a transform job loads. CreateModel, DescribeModel, ListModels, DeleteModel.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use store::{Batch, Expect};

use super::resource::{
    self, Kind, ListRequest, Listed, Resource, TaskToken, copy_members, seconds,
};
use super::tags;
use crate::operation::operation;
use crate::{Caller, Context, Error, Operation};

/// A model as stored.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Model {
    /// CreateModel's request.
    pub request: Value,
    /// Its ARN.
    pub arn: String,
    /// Milliseconds.
    pub created_at: i64,
    /// The task that made it.
    #[serde(default)]
    pub maker: Option<TaskToken>,
}

impl Resource for Model {
    const KIND: Kind = Kind { table: "sagemaker/model", arn_word: "model" };
    fn name(&self) -> &str {
        self.request["ModelName"].as_str().unwrap_or_default()
    }
}

/// The container of a model that serves it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Container {
    /// The image's URI.
    pub image: String,
    /// Where the artifact is, if the image needs one.
    pub model_data_url: Option<String>,
    /// Environment variables.
    pub environment: Vec<(String, String)>,
}

impl Model {
    /// The container that serves it: PrimaryContainer, or the only one of Containers.
    pub fn container(&self) -> Container {
        let single = self.request["Containers"].get(0);
        let container =
            self.request.get("PrimaryContainer").filter(|value| value.is_object()).or(single);
        let Some(container) = container else { return Container::default() };
        let text = |name: &str| container[name].as_str().map(str::to_owned);
        let environment = container["Environment"].as_object().map(|variables| {
            variables
                .iter()
                .map(|(name, value)| (name.clone(), value.as_str().unwrap_or_default().to_owned()))
                .collect()
        });
        Container {
            image: text("Image").unwrap_or_default(),
            model_data_url: text("ModelDataUrl").filter(|url| !url.is_empty()),
            environment: environment.unwrap_or_default(),
        }
    }
}

/// CreateModel.
pub const CREATE: Operation = operation!("CreateModel", create_model);
/// DescribeModel.
pub const DESCRIBE: Operation = operation!("DescribeModel", describe_model);
/// ListModels.
pub const LIST: Operation = operation!("ListModels", list_models);
/// DeleteModel.
pub const DELETE: Operation = operation!("DeleteModel", delete_model);

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ByName {
    model_name: String,
}

async fn create_model(context: &Context, caller: &Caller, request: Value) -> Result<Value, Error> {
    let name = request["ModelName"].as_str().unwrap_or_default().to_owned();
    let containers = request["Containers"].as_array().map_or(0, Vec::len);
    let primary = request.get("PrimaryContainer").is_some_and(Value::is_object);
    if !primary && containers == 0 {
        return Err(Error::validation("Either PrimaryContainer or Containers must be given"));
    }
    if containers > 1 {
        return Err(Error::validation(
            "Stepwell does not yet serve inference pipelines: give one container (PrimaryContainer)",
        ));
    }
    let given = [&request["PrimaryContainer"], &request["Containers"][0]];
    if given.into_iter().any(|container| container["Mode"] == "MultiModel") {
        return Err(Error::validation(
            "Stepwell does not yet serve multi-model endpoints: leave out the container's Mode",
        ));
    }
    let arn = resource::arn_of(&Model::KIND, caller, &name);
    let key = resource::key_of(caller, &name);
    if let Some(known) = resource::find_key::<Model>(context, key.clone()).await? {
        return match resource::made_by(known.value.maker, caller) {
            true => Ok(json!({ "ModelArn": arn })),
            false => Err(taken(&arn)),
        };
    }
    let model = Model {
        request,
        arn: arn.clone(),
        created_at: context.clock.moment().now.0,
        maker: caller.task(),
    };
    let container = model.container();
    if container.image.is_empty() {
        return Err(Error::validation(
            "Stepwell serves models of a container image: give PrimaryContainer.Image",
        ));
    }
    let mut records = vec![resource::write(&key, &model, Expect::Absent)?];
    records.extend(tags::of_new(&arn, &model.request)?);
    match context.store.commit(Batch { records, ..Batch::default() }).await {
        Ok(()) => Ok(json!({ "ModelArn": arn })),
        Err(store::StoreError::Conflict { .. }) => Err(taken(&arn)),
        Err(error) => Err(error.into()),
    }
}

fn taken(arn: &str) -> Error {
    Error::validation(format!("Cannot create already existing model \"{arn}\"."))
}

/// The model, or AWS's refusal.
pub async fn existing(context: &Context, caller: &Caller, name: &str) -> Result<Model, Error> {
    match resource::find::<Model>(context, caller, name).await? {
        Some(stored) => Ok(stored.value),
        None => {
            let arn = resource::arn_of(&Model::KIND, caller, name);
            Err(Error::validation(format!("Could not find model \"{arn}\".")))
        }
    }
}

async fn describe_model(
    context: &Context,
    caller: &Caller,
    request: ByName,
) -> Result<Value, Error> {
    let model = existing(context, caller, &request.model_name).await?;
    let mut answer = Map::new();
    copy_members(
        &model.request,
        &[
            "ModelName",
            "PrimaryContainer",
            "Containers",
            "InferenceExecutionConfig",
            "ExecutionRoleArn",
            "VpcConfig",
        ],
        &mut answer,
    );
    if let Some(container) = answer.get_mut("PrimaryContainer").and_then(Value::as_object_mut) {
        container.entry("Mode").or_insert_with(|| json!("SingleModel"));
    }
    answer.insert("CreationTime".into(), seconds(model.created_at));
    answer.insert("ModelArn".into(), json!(model.arn));
    answer.insert(
        "EnableNetworkIsolation".into(),
        json!(model.request["EnableNetworkIsolation"].as_bool().unwrap_or(false)),
    );
    Ok(Value::Object(answer))
}

async fn list_models(
    context: &Context,
    caller: &Caller,
    request: ListRequest,
) -> Result<Value, Error> {
    resource::list::<Model>(context, caller, request, "Models", |model| Listed {
        name: model.name().to_owned(),
        created_at: model.created_at,
        modified_at: model.created_at,
        status: None,
        summary: json!({
            "ModelName": model.name(), "ModelArn": model.arn, "CreationTime": seconds(model.created_at),
        }),
    })
    .await
}

async fn delete_model(context: &Context, caller: &Caller, request: ByName) -> Result<Value, Error> {
    let model = existing(context, caller, &request.model_name).await?;
    let key = resource::key_of(caller, &request.model_name);
    let records = vec![resource::remove::<Model>(&key), tags::of_deleted(&model.arn)];
    context.store.commit(Batch { records, ..Batch::default() }).await?;
    Ok(json!({}))
}
