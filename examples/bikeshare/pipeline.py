#!/usr/bin/env python3
"""Trains a model on hourly bicycle rentals, deploys it, and asks it about hours it has not seen: with the AWS
Step Functions Data Science SDK, as it comes from PyPI.

    stepwell serve                                       in one terminal; then, in another,
    eval "$(stepwell env)"
    pip install stepfunctions sagemaker ipython setuptools
    python pipeline.py
"""

import csv
import pathlib
import time

import boto3
import prepare
import sagemaker
from sagemaker.deserializers import CSVDeserializer
from sagemaker.estimator import Estimator
from sagemaker.inputs import TrainingInput
from sagemaker.predictor import Predictor
from sagemaker.serializers import CSVSerializer
from stepfunctions import steps
from stepfunctions.inputs import ExecutionInput
from stepfunctions.workflow import Workflow

PREPARED = pathlib.Path(__file__).resolve().parent / "prepared"
INSTANCE = "ml.m5.xlarge"


def pipeline(session, role):
    """Train, save the model, configure an endpoint, create it; the names come with each execution."""
    bucket = session.default_bucket()
    data = {
        channel: TrainingInput(
            session.upload_data(str(PREPARED / f"{channel}.csv"), bucket, key_prefix="bikeshare"),
            content_type="text/csv",
        )
        for channel in ("train", "validation")
    }
    xgboost = Estimator(
        sagemaker.image_uris.retrieve("xgboost", session.boto_region_name, version="1.7-1"),
        role,
        instance_count=1,
        instance_type=INSTANCE,
        output_path=f"s3://{bucket}/bikeshare/output",
        sagemaker_session=session,
    )
    xgboost.set_hyperparameters(objective="reg:squarederror", num_round=200, max_depth=6, eta=0.1)

    names = ExecutionInput(schema={"JobName": str, "ModelName": str, "EndpointName": str})
    train = steps.TrainingStep("Train Step", estimator=xgboost, data=data, job_name=names["JobName"])
    save = steps.ModelStep("Save model", model=train.get_expected_model(), model_name=names["ModelName"])
    configure = steps.EndpointConfigStep(
        "Create Endpoint Config",
        endpoint_config_name=names["ModelName"],
        model_name=names["ModelName"],
        initial_instance_count=1,
        instance_type=INSTANCE,
    )
    deploy = steps.EndpointStep(
        "Create Endpoint", endpoint_name=names["EndpointName"], endpoint_config_name=names["ModelName"]
    )
    return Workflow(
        name="bikeshare-python",
        definition=steps.Chain([train, save, configure, deploy]),
        role=role,
        execution_input=names,
    )


def deploy(workflow):
    """Runs the pipeline to its end; the endpoint's name."""
    name = f"bikeshare-{int(time.time())}"
    execution = workflow.execute(name=name, inputs={"JobName": name, "ModelName": name, "EndpointName": name})
    print(f"started {execution.execution_arn}")
    if execution.get_output(wait=True) is None:
        end = execution.describe()
        raise SystemExit(f"{end['status']}: {end.get('error')}: {end.get('cause')}")
    for metric in boto3.client("sagemaker").describe_training_job(TrainingJobName=name)["FinalMetricDataList"]:
        print(f"trained: {metric['MetricName']} {metric['Value']:.1f}")
    boto3.client("sagemaker").get_waiter("endpoint_in_service").wait(EndpointName=name, WaiterConfig={"Delay": 1})
    return name


def report(endpoint, session):
    """Predictions beside what happened, and how far off they are."""
    with open(PREPARED / "test.csv", newline="") as file:
        hours = [[float(cell) for cell in row] for row in csv.reader(file)]
    predictor = Predictor(
        endpoint, sagemaker_session=session, serializer=CSVSerializer(), deserializer=CSVDeserializer()
    )
    answer = predictor.predict([features for _, *features in hours])
    predicted = [float(cell) for row in answer for cell in row]
    actual = [label for label, *_ in hours]

    print(f"\n{'predicted':>12} {'actual':>12}    bicycles out in an hour the model has not seen")
    for number in range(0, len(hours), len(hours) // 10):
        print(f"{predicted[number]:>12.1f} {actual[number]:>12.0f}")
    mean = sum(actual) / len(actual)
    print(f"\nRMSE over {len(hours)} such hours: {rmse(actual, predicted):.1f}")
    print(f"of the best constant, {mean:.1f}: {rmse(actual, [mean] * len(actual)):.1f}")


def rmse(actual, predicted):
    return (sum((a - p) ** 2 for a, p in zip(actual, predicted)) / len(actual)) ** 0.5


def main():
    prepare.prepare(PREPARED)
    session = sagemaker.Session()
    workflow = pipeline(session, sagemaker.get_execution_role())
    workflow.create()
    report(deploy(workflow), session)


if __name__ == "__main__":
    main()
