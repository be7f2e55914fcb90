"""The chapter's pipeline without an SDK: the clients of one server, a small data set, the definition, and
what must hold of every execution's history."""

import json
import math
import os
import pathlib
import random
import time

import boto3
from botocore.config import Config

ROLE = "arn:aws:iam::000000000000:role/stepwell"
IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1"
BUCKET = "durable"
# Rounds that keep a job busy for a few seconds, whatever the machine; tests that need the end wait for it.
LONG, ENDLESS, SHORT = 12_000, 10_000_000, 5


class Clients:
    """boto3 for one server; the server may be killed and started again meanwhile."""

    def __init__(self, server):
        config = Config(retries={"max_attempts": 1}, connect_timeout=5, read_timeout=60, inject_host_prefix=False)
        arguments = dict(endpoint_url=server.url, region_name="us-east-1", config=config,
                         aws_access_key_id="test", aws_secret_access_key="test")
        session = boto3.session.Session()
        self.states = session.client("stepfunctions", **arguments)
        self.sagemaker = session.client("sagemaker", **arguments)
        self.runtime = session.client("sagemaker-runtime", **arguments)
        self.s3 = session.client("s3", **arguments)
        self.logs = session.client("logs", **arguments)

    def put_data(self):
        """Train.csv: 400 rows whose first column is nearly the second one doubled."""
        dice = random.Random(1)
        rows = [[dice.uniform(0, 10) for _ in range(4)] for _ in range(400)]
        text = "".join(f"{2 * row[0] + dice.gauss(0, 0.1):.4f},{','.join(f'{cell:.4f}' for cell in row)}\n" for row in rows)
        self.s3.create_bucket(Bucket=BUCKET)
        self.s3.put_object(Bucket=BUCKET, Key="Train.csv", Body=text.encode())

    def machine(self, name, definition):
        if not isinstance(definition, str):
            definition = json.dumps(definition)
        return self.states.create_state_machine(name=name, definition=definition, roleArn=ROLE)["stateMachineArn"]

    def run(self, name, definition, given=None):
        """Creates a state machine and starts it."""
        arn = self.machine(name, definition)
        return self.states.start_execution(stateMachineArn=arn, input=json.dumps(given or {}))["executionArn"]

    def ended(self, execution, seconds=60):
        return until(lambda: self.states.describe_execution(executionArn=execution),
                     lambda answer: answer["status"] != "RUNNING", seconds)

    def history(self, execution):
        pages = self.states.get_paginator("get_execution_history").paginate(
            executionArn=execution, PaginationConfig={"PageSize": 100})
        return [event for page in pages for event in page["events"]]

    def job(self, name):
        return self.sagemaker.describe_training_job(TrainingJobName=name)

    def job_until(self, name, *statuses, seconds=60):
        """Waits for a status or a secondary status, of a job that may be yet to come."""

        def look():
            try:
                return self.job(name)
            except self.sagemaker.exceptions.ResourceNotFound:
                return {"TrainingJobStatus": "none", "SecondaryStatus": "none"}

        return until(look, lambda job: {job["TrainingJobStatus"], job["SecondaryStatus"]} & set(statuses), seconds)

    def train(self, name, rounds=SHORT, **more):
        self.sagemaker.create_training_job(**{**training_job(name, rounds), **more})

    def endpoint_until(self, name, status="InService", seconds=60):
        return until(lambda: self.sagemaker.describe_endpoint(EndpointName=name),
                     lambda endpoint: endpoint["EndpointStatus"] == status, seconds)

    def serve(self, name, artifact):
        """A model, its configuration and an endpoint, all of one name; in service when this returns."""
        self.sagemaker.create_model(ModelName=name, ExecutionRoleArn=ROLE,
                                    PrimaryContainer={"Image": IMAGE, "ModelDataUrl": artifact})
        self.sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant(name)])
        self.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
        self.endpoint_until(name)

    def trained(self, name="trained"):
        """A model's artifact, from a short training."""
        self.train(name)
        job = self.job_until(name, "Completed", "Failed")
        assert job["TrainingJobStatus"] == "Completed", job
        return job["ModelArtifacts"]["S3ModelArtifacts"]

    def predict(self, endpoint, body="1,2,3,4"):
        answer = self.runtime.invoke_endpoint(EndpointName=endpoint, ContentType="text/csv", Body=body)
        return [float(value) for value in answer["Body"].read().decode().replace("\n", ",").split(",") if value]


def start(server, *flags):
    """A server whose jobs have one CPU each, which is quickest on a busy machine, with the data set in it."""
    server.flags = ["--cpus-per-job", "1", *flags]
    clients = Clients(server.start())
    clients.put_data()
    return clients


def until(look, enough, seconds=60):
    """Looks until it is enough; fails with what was seen last."""
    deadline = time.monotonic() + seconds
    while not enough(seen := look()):
        assert time.monotonic() < deadline, f"not within {seconds} s: {seen}"
        time.sleep(0.03)
    return seen


def variant(model):
    return {"VariantName": "AllTraffic", "ModelName": model, "InitialInstanceCount": 1, "InstanceType": "ml.m4.xlarge"}


def training_job(name, rounds=SHORT, key="Train.csv", **hyperparameters):
    """CreateTrainingJob's request."""
    return {
        "TrainingJobName": name,
        "RoleArn": ROLE,
        "AlgorithmSpecification": {"TrainingImage": IMAGE, "TrainingInputMode": "File"},
        "HyperParameters": {"num_round": str(rounds), "objective": "reg:squarederror", "max_depth": "3", **hyperparameters},
        "InputDataConfig": [{
            "ChannelName": "train",
            "ContentType": "text/csv",
            "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://{BUCKET}/{key}"}},
        }],
        "OutputDataConfig": {"S3OutputPath": f"s3://{BUCKET}/models"},
        "ResourceConfig": {"InstanceCount": 1, "InstanceType": "ml.m4.xlarge", "VolumeSizeInGB": 5},
        "StoppingCondition": {"MaxRuntimeInSeconds": 3600},
    }


def task(resource, parameters, **more):
    more = more or {"End": True}
    return {"Type": "Task", "Resource": f"arn:aws:states:::{resource}", "Parameters": parameters, **more}


def chapter(name, rounds):
    """Train Step, Save model, Create Endpoint Config, Create Endpoint."""
    model = {"Image": IMAGE, "ModelDataUrl.$": "$.ModelArtifacts.S3ModelArtifacts", "Environment": {}}
    return {"StartAt": "Train Step", "States": {
        "Train Step": task("sagemaker:createTrainingJob.sync", training_job(name, rounds), Next="Save model"),
        "Save model": task("sagemaker:createModel", {
            "ModelName": name, "ExecutionRoleArn": ROLE, "PrimaryContainer": model}, Next="Create Endpoint Config"),
        "Create Endpoint Config": task("sagemaker:createEndpointConfig", {
            "EndpointConfigName": name, "ProductionVariants": [variant(name)]}, Next="Create Endpoint"),
        "Create Endpoint": task("sagemaker:createEndpoint", {"EndpointConfigName": name, "EndpointName": name}),
    }}


def check_history(events, submitted):
    """Gapless, nothing twice, nothing after the end; `submitted` jobs were submitted."""
    assert [event["id"] for event in events] == list(range(1, len(events) + 1))
    assert all(event.get("previousEventId", 0) < event["id"] for event in events)
    kinds = [event["type"] for event in events]
    assert kinds[0] == "ExecutionStarted" and kinds.count("ExecutionStarted") == 1
    assert kinds[-1] == "ExecutionSucceeded" and kinds.count("ExecutionSucceeded") == 1
    assert kinds.count("TaskSubmitted") == submitted, kinds
    for once in ("TaskStarted", "TaskSucceeded"):
        assert kinds.count(once) == kinds.count("TaskScheduled"), kinds
    entered = [event["stateEnteredEventDetails"]["name"] for event in events if "stateEnteredEventDetails" in event]
    exited = [event["stateExitedEventDetails"]["name"] for event in events if "stateExitedEventDetails" in event]
    assert entered == exited and len(entered) == len(set(entered))


def processes(of):
    """Command lines by pid of the processes that work in a folder, without the server."""
    found = {}
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                words = (entry / "cmdline").read_bytes().decode(errors="replace").split("\0")
                alive = (entry / "stat").read_text().rsplit(") ", 1)[1][0] != "Z"
            except OSError:
                continue
            runs = len(words) > 2 and words[1] in ("run-job", "run-worker", "run-endpoint")
            if alive and runs and str(of) in words[2]:
                found[int(entry.name)] = words[1]
    return found


def pid_of(server, word):
    """The only process of the server's that does this."""
    pids = until(lambda: [pid for pid, what in processes(server.data).items() if what == word], lambda pids: len(pids) == 1)
    return pids[0]


def close(a, b):
    return len(a) == len(b) and all(math.isclose(x, y, rel_tol=1e-6) for x, y in zip(a, b))
