//! One step for each service integration, with the patterns it supports.
//!
//! Their parameters are the service's own request, in the form the integration wants (`PascalCase` members).

use super::state::{State, methods};
use super::task::task;

macro_rules! steps {
    ($($(#[doc = $doc:literal])+ $name:ident = $resource:literal $(, $pattern:ident)*;)+) => {$(
        $(#[doc = $doc])+
        #[derive(Debug, Clone)]
        pub struct $name {
            state: State,
        }
        methods!($name: common, paths, next, parameters, selector, result, errors, timeouts);
        steps!(@new $name $resource $($pattern)*);
    )+};
    // Waits by default, and need not.
    (@new $name:ident $resource:literal waits) => { steps!(@new $name $resource waits ".sync"); };
    (@new $name:ident $resource:literal waits_with_json) => { steps!(@new $name $resource waits ".sync:2"); steps!(@callback $name $resource); };
    (@new $name:ident $resource:literal waits $suffix:literal) => {
        impl $name {
            /// The step; it waits until the work is done.
            pub fn new(name: impl Into<String>) -> Self {
                $name { state: task(name, concat!("arn:aws:states:::", $resource, $suffix)) }
            }

            /// Whether it waits until the work is done, or goes on once it has been asked for.
            pub fn wait_for_completion(mut self, wait: bool) -> Self {
                let resource = match wait {
                    true => concat!("arn:aws:states:::", $resource, $suffix),
                    false => concat!("arn:aws:states:::", $resource),
                };
                self.state.set("Resource", resource);
                self
            }
        }
    };
    (@callback $name:ident $resource:literal) => {
        impl $name {
            /// Goes on only when someone answers with the task token (`$$.Task.Token` in the parameters).
            pub fn wait_for_callback(mut self) -> Self {
                self.state.set("Resource", concat!("arn:aws:states:::", $resource, ".waitForTaskToken"));
                self
            }
        }
    };
    (@new $name:ident $resource:literal callback) => {
        steps!(@new $name $resource);
        steps!(@callback $name $resource);
    };
    (@new $name:ident $resource:literal) => {
        impl $name {
            /// The step.
            pub fn new(name: impl Into<String>) -> Self {
                $name { state: task(name, concat!("arn:aws:states:::", $resource)) }
            }
        }
    };
}

steps! {
    /// Invokes a Lambda function.
    ///
    /// ```
    /// use serde_json::json;
    /// use stepwell_sdk::steps::{Chain, LambdaStep};
    ///
    /// let approve = LambdaStep::new("Approve").wait_for_callback().parameters(json!({
    ///     "FunctionName": "ask-a-person",
    ///     "Payload": { "Token.$": "$$.Task.Token" },
    /// }));
    /// let definition = Chain::from(approve).definition()?;
    /// assert_eq!(definition["States"]["Approve"]["Resource"], "arn:aws:states:::lambda:invoke.waitForTaskToken");
    /// # Ok::<(), stepwell_sdk::steps::BuildError>(())
    /// ```
    LambdaStep = "lambda:invoke", callback;
    /// Runs an AWS Glue job.
    GlueStartJobRunStep = "glue:startJobRun", waits;
    /// Runs an AWS Glue DataBrew job.
    GlueDataBrewStartJobRunStep = "databrew:startJobRun", waits;
    /// Submits an AWS Batch job.
    BatchSubmitJobStep = "batch:submitJob", waits;
    /// Runs an Amazon ECS or Fargate task.
    EcsRunTaskStep = "ecs:runTask", waits;
    /// Reads an item of a DynamoDB table.
    DynamoDBGetItemStep = "dynamodb:getItem";
    /// Writes an item of a DynamoDB table.
    DynamoDBPutItemStep = "dynamodb:putItem";
    /// Changes an item of a DynamoDB table.
    DynamoDBUpdateItemStep = "dynamodb:updateItem";
    /// Removes an item of a DynamoDB table.
    DynamoDBDeleteItemStep = "dynamodb:deleteItem";
    /// Puts events on an EventBridge bus.
    EventBridgePutEventsStep = "events:putEvents", callback;
    /// Publishes a message to an SNS topic.
    SnsPublishStep = "sns:publish", callback;
    /// Sends a message to an SQS queue.
    SqsSendMessageStep = "sqs:sendMessage", callback;
    /// Starts an execution of another state machine; waits for it and gives its output as JSON.
    StepFunctionsStartExecutionStep = "states:startExecution", waits_with_json;
    /// Creates an EMR cluster.
    EmrCreateClusterStep = "elasticmapreduce:createCluster", waits;
    /// Ends an EMR cluster.
    EmrTerminateClusterStep = "elasticmapreduce:terminateCluster", waits;
    /// Adds a step to an EMR cluster.
    EmrAddStepStep = "elasticmapreduce:addStep", waits;
    /// Cancels a step of an EMR cluster.
    EmrCancelStepStep = "elasticmapreduce:cancelStep";
    /// Locks an EMR cluster against being ended, or unlocks it.
    EmrSetClusterTerminationProtectionStep = "elasticmapreduce:setClusterTerminationProtection";
    /// Changes the capacity of an EMR instance fleet.
    EmrModifyInstanceFleetByNameStep = "elasticmapreduce:modifyInstanceFleetByName";
    /// Changes the size of an EMR instance group.
    EmrModifyInstanceGroupByNameStep = "elasticmapreduce:modifyInstanceGroupByName";
    /// Creates an EKS cluster.
    EksCreateClusterStep = "eks:createCluster", waits;
    /// Deletes an EKS cluster.
    EksDeleteClusterStep = "eks:deleteCluster", waits;
    /// Creates a Fargate profile of an EKS cluster.
    EksCreateFargateProfileStep = "eks:createFargateProfile", waits;
    /// Deletes a Fargate profile of an EKS cluster.
    EksDeleteFargateProfileStep = "eks:deleteFargateProfile", waits;
    /// Creates a node group of an EKS cluster.
    EksCreateNodegroupStep = "eks:createNodegroup", waits;
    /// Deletes a node group of an EKS cluster.
    EksDeleteNodegroupStep = "eks:deleteNodegroup", waits;
    /// Runs a Kubernetes job on an EKS cluster.
    EksRunJobStep = "eks:runJob", waits;
    /// Calls the Kubernetes API of an EKS cluster.
    EksCallStep = "eks:call";
}
