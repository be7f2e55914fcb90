//! A trained model: an image and an artifact.

use serde_json::{Map, Value, json};

use crate::Error;
use crate::client::Client;
use crate::inputs::{Argument, Found};
use crate::predictor::Predictor;

/// A trained model: the image that serves it and the artifact it loads.
///
/// ```
/// use stepwell_sdk::Model;
///
/// let model = Model::new("big-mart", "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1", "arn:aws:iam::000000000000:role/stepwell")
///     .data("s3://slytherins-test/output/job/output/model.tar.gz");
/// assert_eq!(model.request()["ModelName"], "big-mart");
/// ```
#[derive(Debug, Clone)]
pub struct Model {
    pub(crate) name: Value,
    pub(crate) image: String,
    pub(crate) role: String,
    pub(crate) data: Option<Value>,
    pub(crate) environment: Map<String, Value>,
    pub(crate) vpc: Option<Value>,
}

impl Model {
    /// A model: its name, the image that serves it, and the role it runs under.
    pub fn new(
        name: impl Into<Argument>,
        image: impl Into<String>,
        role: impl Into<String>,
    ) -> Self {
        Model {
            name: name.into().0,
            image: image.into(),
            role: role.into(),
            data: None,
            environment: Map::new(),
            vpc: None,
        }
    }

    /// Where in S3 the artifact (`model.tar.gz`) is.
    pub fn data(mut self, s3_uri: impl Into<Argument>) -> Self {
        self.data = Some(s3_uri.into().0);
        self
    }

    /// Another name.
    pub fn named(mut self, name: impl Into<Argument>) -> Self {
        self.name = name.into().0;
        self
    }

    /// An environment variable of the serving container.
    pub fn environment(mut self, name: impl Into<String>, value: impl Into<Argument>) -> Self {
        self.environment.insert(name.into(), value.into().0);
        self
    }

    /// The request that creates it.
    pub fn request(&self) -> Value {
        let mut request = json!({
            "ExecutionRoleArn": self.role,
            "ModelName": self.name,
            "PrimaryContainer": self.container(),
        });
        if let Some(vpc) = &self.vpc {
            request["VpcConfig"] = vpc.clone();
        }
        request
    }

    pub(crate) fn container(&self) -> Value {
        let mut container = json!({ "Environment": self.environment, "Image": self.image });
        if let Some(data) = &self.data {
            container["ModelDataUrl"] = data.clone();
        }
        container
    }

    /// Creates the model, an endpoint configuration and an endpoint of the same name, and waits until it serves.
    ///
    /// # Errors
    /// AWS's exception when one of them cannot be made, [`Error::Unexpected`] when the endpoint fails, and
    /// [`Error::Build`] when the model still has placeholders.
    pub async fn deploy(
        &self,
        client: &Client,
        endpoint_name: &str,
        instance_count: u32,
        instance_type: &str,
    ) -> Result<Predictor, Error> {
        let request = self.request();
        refuse_placeholders(&request)?;
        client.call("sagemaker", "CreateModel", request).await?;
        let config = json!({
            "EndpointConfigName": endpoint_name,
            "ProductionVariants": [{
                "InitialInstanceCount": instance_count,
                "InstanceType": instance_type,
                "ModelName": self.name,
                "VariantName": "AllTraffic",
            }],
        });
        client.call("sagemaker", "CreateEndpointConfig", config).await?;
        let endpoint =
            json!({ "EndpointName": endpoint_name, "EndpointConfigName": endpoint_name });
        client.call("sagemaker", "CreateEndpoint", endpoint).await?;
        crate::log::info(&format!("Endpoint `{endpoint_name}` is being created"));
        let predictor = Predictor::new(client, endpoint_name);
        predictor.wait_in_service().await?;
        Ok(predictor)
    }
}

fn refuse_placeholders(value: &Value) -> Result<(), Error> {
    if Found::in_value(value).is_some() {
        return Err(crate::steps::BuildError::MisplacedPlaceholder {
            state: "(none)".to_owned(),
            place: "a request sent directly".to_owned(),
            hint: "placeholders have values only inside an execution",
        }
        .into());
    }
    match value {
        Value::Object(members) => members.values().try_for_each(refuse_placeholders),
        Value::Array(items) => items.iter().try_for_each(refuse_placeholders),
        _ => Ok(()),
    }
}
