//! `stepwell logs`.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::bail;
use clap::Args;
use serde_json::{Value, json};
use stepwell_sdk::Client;

use crate::client::Target;
use crate::client::{Output, block_on, text};

/// Where jobs and endpoints log: the group, and whether the name is part of the group or of the stream.
const GROUPS: [(&str, bool); 3] = [
    ("/aws/sagemaker/TrainingJobs", false),
    ("/aws/sagemaker/TransformJobs", false),
    ("/aws/sagemaker/Endpoints/", true),
];

/// Flags of `logs`.
#[derive(Args)]
pub struct Flags {
    /// The name of a training job, a transform job or an endpoint
    name: String,
    /// Go on until interrupted
    #[arg(long, short)]
    follow: bool,
    #[command(flatten)]
    target: Target,
}

/// Prints a log.
pub fn run(flags: &Flags) -> anyhow::Result<ExitCode> {
    block_on(async {
        let client = flags.target.client()?;
        let Some((group, stream)) = find(&client, &flags.name).await? else {
            bail!(
                "there is no log of a training job, transform job or endpoint named `{}`",
                flags.name
            );
        };
        let mut token: Option<String> = None;
        loop {
            let mut request =
                json!({ "logGroupName": group, "logStreamName": stream, "startFromHead": true });
            if let Some(token) = &token {
                request["nextToken"] = json!(token);
            }
            let answer = client.call("logs", "GetLogEvents", request).await?;
            for event in answer["events"].as_array().into_iter().flatten() {
                match flags.target.output {
                    Output::Text => println!("{}", text(event, "message")),
                    Output::Json => println!("{event}"),
                }
            }
            let next = answer["nextForwardToken"].as_str().map(str::to_owned);
            // The same token again means the end, for now.
            if next == token {
                if !flags.follow {
                    return Ok(ExitCode::SUCCESS);
                }
                tokio::time::sleep(Duration::from_millis(500)).await;
            }
            token = next;
        }
    })
}

/// The newest stream of that name in the first group that has one.
async fn find(client: &Client, name: &str) -> anyhow::Result<Option<(String, String)>> {
    for (group, in_group) in GROUPS {
        let mut request = json!({ "logGroupName": group });
        if in_group {
            request["logGroupName"] = json!(format!("{group}{name}"));
        } else {
            request["logStreamNamePrefix"] = json!(format!("{name}/"));
        }
        let answer = match client.call("logs", "DescribeLogStreams", request.clone()).await {
            Ok(answer) => answer,
            Err(error) if error.is("ResourceNotFoundException") => continue,
            Err(error) => return Err(error.into()),
        };
        let streams = answer["logStreams"].as_array().map(Vec::as_slice).unwrap_or_default();
        let newest = streams.iter().max_by_key(|stream: &&Value| stream["creationTime"].as_i64());
        if let Some(stream) = newest {
            return Ok(Some((
                text(&request, "logGroupName").to_owned(),
                text(stream, "logStreamName").to_owned(),
            )));
        }
    }
    Ok(None)
}
