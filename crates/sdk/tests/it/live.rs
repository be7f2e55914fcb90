//! Against a real server, when `STEPWELL_TEST_ENDPOINT` names one; else these say that they are skipped.

use serde_json::json;
use stepwell_sdk::inputs::{ExecutionInput, Type};
use stepwell_sdk::steps::*;
use stepwell_sdk::workflow::StateStatus;
use stepwell_sdk::{Client, Execution, ExecutionStatus, Session, Workflow, execution_role};

fn client() -> Option<Client> {
    let Ok(endpoint) = std::env::var("STEPWELL_TEST_ENDPOINT") else {
        eprintln!("skipped: STEPWELL_TEST_ENDPOINT is not set");
        return None;
    };
    Some(Client::builder().endpoint(endpoint).region("us-east-1").build().unwrap())
}

#[tokio::test]
async fn a_workflow_lives_and_dies() {
    let Some(client) = client() else { return };
    let role = execution_role(&client).await.unwrap();
    let inputs = ExecutionInput::new([("Items", Type::List), ("Limit", Type::Integer)]);
    let each = Map::new("Each", Pass::new("Wrap").parameters(json!({ "item.$": "$" })))
        .items_path(inputs.get("Items"))
        .result_path("$.wrapped");
    let decide = Choice::new(
        "Few?",
        ChoiceRule::numeric_less_than_path("$.Items[0]", inputs.get("Limit")),
        Succeed::new("Good"),
    )
    .otherwise(Fail::new("Bad").error("TooMany").cause("beyond the limit"));
    let workflow =
        Workflow::new("sdk-live", each.then(decide), &role).unwrap().execution_input(&inputs);
    let mut created = workflow.create(&client).await.unwrap();
    assert_eq!(workflow.create(&client).await.unwrap().arn(), created.arn());
    if created.differs() {
        created.overwrite().await.unwrap();
    }

    let good = created.execute(json!({ "Items": [1, 2], "Limit": 5 })).await.unwrap();
    let output = good.output(true).await.unwrap().unwrap();
    assert_eq!(output["wrapped"], json!([{ "item": 1 }, { "item": 2 }]));
    let progress = good.render_progress().await.unwrap();
    let wrap = progress.states.iter().find(|state| state.name == "Wrap").unwrap();
    assert_eq!((wrap.entries, wrap.status), (2, StateStatus::Succeeded));

    let bad = created.execute(json!({ "Items": [9], "Limit": 5 })).await.unwrap();
    let end = bad.wait().await.unwrap();
    assert_eq!((end.status, end.error.as_deref()), (ExecutionStatus::Failed, Some("TooMany")));
    let failed = created.list_executions(Some(ExecutionStatus::Failed), 10).await.unwrap();
    assert!(failed.iter().any(|execution| execution.arn() == bad.arn()));

    let other = Workflow::new("sdk-live", Wait::seconds("Long", 60), &role)
        .unwrap()
        .create(&client)
        .await
        .unwrap();
    assert!(other.differs());
    created.update(Wait::seconds("Long", 60)).await.unwrap();
    assert_eq!(
        Workflow::attach(&client, created.arn()).await.unwrap().definition()["StartAt"],
        "Long"
    );
    assert!(
        Workflow::list(&client, 100)
            .await
            .unwrap()
            .iter()
            .any(|machine| machine.name == "sdk-live")
    );
    // No schema on an attached workflow: any input goes.
    let long = Workflow::attach(&client, created.arn())
        .await
        .unwrap()
        .execute_named("long", json!(null))
        .await;
    if let Ok(long) = long {
        long.stop(Some("Enough"), Some("a test")).await.unwrap();
        let end = Execution::attach(&client, long.arn()).await.unwrap().wait().await.unwrap();
        assert_eq!((end.status, end.error.as_deref()), (ExecutionStatus::Aborted, Some("Enough")));
        let progress = long.render_progress().await.unwrap();
        assert_eq!(progress.states[0].status, StateStatus::Aborted);
    }
    created.delete().await.unwrap();
}

#[tokio::test]
async fn files_go_to_the_default_bucket_and_back() {
    let Some(client) = client() else { return };
    let session = Session::new(&client);
    let bucket = session.default_bucket().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (file, copy) = (folder.path().join("rows.csv"), folder.path().join("copy"));
    // More than one range of the download.
    std::fs::write(&file, "0123456789,abcdef\n".repeat(600_000)).unwrap();
    let uri = session.upload(&file, &bucket, "sdk live/ü").await.unwrap();
    let key = uri.strip_prefix(&format!("s3://{bucket}/")).unwrap();
    client.s3().get_file(&bucket, key, &copy).await.unwrap();
    assert!(std::fs::read(&file).unwrap() == std::fs::read(&copy).unwrap());
    let listed = client.s3().list_objects(&bucket, "sdk live/").await.unwrap();
    assert_eq!(listed.iter().map(|object| object.key.as_str()).collect::<Vec<_>>(), [key]);
    client.s3().delete_object(&bucket, key).await.unwrap();
    assert!(client.s3().get_object(&bucket, key).await.unwrap_err().is("NoSuchKey"));
    assert!(client.s3().list_buckets().await.unwrap().contains(&bucket));
}

#[tokio::test]
async fn refusals_are_awss_own() {
    let Some(client) = client() else { return };
    let missing =
        client.call("sagemaker", "DescribeTrainingJob", json!({ "TrainingJobName": "none" })).await;
    assert_eq!(missing.unwrap_err().service().unwrap().status, 400);
    let bad = Workflow::from_definition(
        "bad",
        json!({ "StartAt": "X", "States": {} }),
        "arn:aws:iam::1:role/x",
    );
    assert!(bad.create(&client).await.unwrap_err().is("InvalidDefinition"));
    let nobody = client.invoke_endpoint("none", "text/csv", None, "1").await.unwrap_err();
    assert!(nobody.is("ValidationError"), "{nobody}");
    let unknown = client.call("iam", "GetRole", json!({ "RoleName": "none" })).await.unwrap_err();
    assert!(unknown.is("NoSuchEntity"), "{unknown}");
}
