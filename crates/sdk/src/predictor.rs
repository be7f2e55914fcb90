//! Predictions of a deployed model.

use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};

use crate::Error;
use crate::client::{Client, Invocation};

/// Asks an endpoint for predictions.
///
/// ```no_run
/// use stepwell_sdk::{Client, Predictor};
///
/// # async fn run(client: Client) -> Result<(), stepwell_sdk::Error> {
/// let predictor = Predictor::new(&client, "big-mart");
/// predictor.wait_in_service().await?;
/// let sales = predictor.predict_csv(&[vec![9.3, 0.016, 249.8], vec![5.92, 0.019, 48.2]]).await?;
/// println!("{sales:?}");
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct Predictor {
    client: Client,
    endpoint_name: String,
}

impl Predictor {
    /// A predictor of an endpoint, which need not be there yet.
    pub fn new(client: &Client, endpoint_name: impl Into<String>) -> Self {
        Predictor { client: client.clone(), endpoint_name: endpoint_name.into() }
    }

    /// The endpoint's name.
    pub fn endpoint_name(&self) -> &str {
        &self.endpoint_name
    }

    /// Waits until the endpoint serves.
    ///
    /// # Errors
    /// [`Error::Unexpected`] with the reason when it failed, AWS's exception when there is none.
    pub async fn wait_in_service(&self) -> Result<(), Error> {
        let mut pause = Duration::from_millis(50);
        loop {
            let name = json!({ "EndpointName": self.endpoint_name });
            let endpoint = self.client.call("sagemaker", "DescribeEndpoint", name).await?;
            let status = endpoint["EndpointStatus"].as_str().unwrap_or("unknown");
            match status {
                "InService" => return Ok(()),
                "Creating" | "Updating" | "SystemUpdating" | "RollingBack" => {}
                _ => {
                    return Err(Error::Unexpected {
                        what: format!("endpoint `{}`", self.endpoint_name),
                        status: status.to_owned(),
                        reason: endpoint["FailureReason"].as_str().map(str::to_owned),
                    });
                }
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(Duration::from_secs(5));
        }
    }

    /// Sends `body` as it is.
    ///
    /// # Errors
    /// `ModelError` when the model refused it, `ValidationError` when there is no such endpoint.
    pub async fn predict(
        &self,
        content_type: &str,
        accept: Option<&str>,
        body: impl Into<Bytes>,
    ) -> Result<Invocation, Error> {
        self.client.invoke_endpoint(&self.endpoint_name, content_type, accept, body).await
    }

    /// One prediction for each row of numbers.
    ///
    /// # Errors
    /// As [`predict`](Predictor::predict), and [`Error::Answer`] when the answer is not numbers.
    pub async fn predict_csv<Row: AsRef<[f64]>>(&self, rows: &[Row]) -> Result<Vec<f64>, Error> {
        let lines: Vec<String> = rows
            .iter()
            .map(|row| row.as_ref().iter().map(f64::to_string).collect::<Vec<_>>().join(","))
            .collect();
        self.predict_csv_text(lines.join("\n")).await
    }

    /// One prediction for each line of CSV, without a header and without the label.
    ///
    /// # Errors
    /// As [`predict_csv`](Predictor::predict_csv).
    pub async fn predict_csv_text(&self, csv: impl Into<Bytes>) -> Result<Vec<f64>, Error> {
        let answer = self.predict("text/csv", Some("text/csv"), csv).await?;
        let text = String::from_utf8_lossy(&answer.body);
        // XGBoost's containers part predictions with commas in some versions and with line ends in others.
        text.split([',', '\n', '\r'])
            .map(str::trim)
            .filter(|word| !word.is_empty())
            .map(|word| {
                word.trim_matches(['[', ']']).parse().map_err(|_| Error::Answer {
                    service: "sagemaker-runtime".to_owned(),
                    operation: "InvokeEndpoint".to_owned(),
                    reason: format!("`{word}` is not a number"),
                })
            })
            .collect()
    }

    /// The answer to a JSON body, as JSON.
    ///
    /// # Errors
    /// As [`predict`](Predictor::predict), and [`Error::Answer`] when the answer is not JSON.
    pub async fn predict_json(&self, body: &Value) -> Result<Value, Error> {
        let answer =
            self.predict("application/json", Some("application/json"), body.to_string()).await?;
        serde_json::from_slice(&answer.body).map_err(|error| Error::Answer {
            service: "sagemaker-runtime".to_owned(),
            operation: "InvokeEndpoint".to_owned(),
            reason: error.to_string(),
        })
    }

    /// Deletes the endpoint and its configuration.
    ///
    /// # Errors
    /// AWS's exception when there is none.
    pub async fn delete_endpoint(&self) -> Result<(), Error> {
        let name = json!({ "EndpointName": self.endpoint_name });
        let endpoint = self.client.call("sagemaker", "DescribeEndpoint", name.clone()).await?;
        self.client.call("sagemaker", "DeleteEndpoint", name).await?;
        if let Some(config) = endpoint["EndpointConfigName"].as_str() {
            let config = json!({ "EndpointConfigName": config });
            self.client.call("sagemaker", "DeleteEndpointConfig", config).await?;
        }
        Ok(())
    }
}
