"""Tasks that wait (`.sync`) for jobs of services elsewhere: Glue, CodeBuild, Athena and ECS, played by moto."""

import json
import time
import urllib.request
import uuid

import boto3
import pytest
from conftest import Server
from test_recorded import emulator, free_port

SERVICES = ("glue", "codebuild", "athena", "ecs")
ROLE = "arn:aws:iam::000000000000:role/stepwell"


class World:
    """Stepwell, and the services that it sends tasks to."""

    def __init__(self, server, port):
        self.server, self.url = server, f"http://127.0.0.1:{port}"
        self.states = self.client("stepfunctions", server.url)

    def client(self, service, url=None):
        return boto3.client(
            service, endpoint_url=url or self.url, region_name="us-east-1",
            aws_access_key_id="000000000000", aws_secret_access_key="stepwell",
        )

    def start(self, resource, parameters):
        state = {"Type": "Task", "Resource": f"arn:aws:states:::{resource}", "Parameters": parameters, "End": True}
        machine = self.states.create_state_machine(
            name=f"jobs-{uuid.uuid4().hex[:8]}", roleArn=ROLE,
            definition=json.dumps({"StartAt": "Job", "States": {"Job": state}}),
        )
        return self.states.start_execution(stateMachineArn=machine["stateMachineArn"])["executionArn"]

    def ended(self, execution):
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            description = self.states.describe_execution(executionArn=execution)
            if description["status"] != "RUNNING":
                return description
            time.sleep(0.1)
        raise AssertionError(f"{execution} has not ended")

    def result(self, resource, parameters):
        description = self.ended(self.start(resource, parameters))
        assert description["status"] == "SUCCEEDED", description
        return json.loads(description["output"])

    def types(self, execution):
        return [event["type"] for event in self.states.get_execution_history(executionArn=execution)["events"]]

    def progress(self, model, looks):
        """A job comes to its end when it has been asked for so often."""
        told = {"model_name": model, "transition": {"progression": "manual", "times": looks}}
        request = urllib.request.Request(
            f"{self.url}/moto-api/state-manager/set-transition", json.dumps(told).encode(),
            {"Content-Type": "application/json"},
        )
        urllib.request.urlopen(request, timeout=30).read()


@pytest.fixture
def world(tmp_path):
    port = free_port()
    server = Server(tmp_path / "data", [f"--service-endpoint={name}=http://127.0.0.1:{port}" for name in SERVICES])
    with open(tmp_path / "emulator.log", "ab") as log, emulator(port, "http://127.0.0.1:9", log):
        server.start()
        try:
            yield World(server, port)
        finally:
            if server.process.poll() is None:
                server.stop()


def job(world):
    glue = world.client("glue")
    name = f"job-{uuid.uuid4().hex[:8]}"
    glue.create_job(Name=name, Role="r", Command={"Name": "glueetl", "ScriptLocation": "s3://b/s"})
    return name


def test_a_glue_job_is_awaited(world):
    world.progress("glue::job_run", 3)
    name = job(world)
    execution = world.start("glue:startJobRun.sync", {"JobName": name, "Arguments": {"--a": "1"}})
    description = world.ended(execution)
    run = json.loads(description["output"])
    assert (run["JobName"], run["JobRunState"], run["Arguments"]) == (name, "SUCCEEDED", {"--a": "1"})
    assert world.types(execution) == [
        "ExecutionStarted", "TaskStateEntered", "TaskScheduled", "TaskStarted", "TaskSubmitted", "TaskSucceeded",
        "TaskStateExited", "ExecutionSucceeded",
    ]


def test_a_job_is_awaited_by_the_next_server(world):
    """`kill -9` while a job runs: the next server asks on, and the job is begun once."""
    world.progress("glue::job_run", 4)
    name = job(world)
    execution = world.start("glue:startJobRun.sync", {"JobName": name})
    while "TaskSubmitted" not in world.types(execution):
        time.sleep(0.05)
    world.server.kill()
    world.server.start()
    assert world.ended(execution)["status"] == "SUCCEEDED"
    assert len(world.client("glue").get_job_runs(JobName=name)["JobRuns"]) == 1


def test_a_call_that_is_refused_was_not_submitted(world):
    execution = world.start("glue:startJobRun.sync", {"JobName": "nobody"})
    description = world.ended(execution)
    assert (description["status"], description["error"]) == ("FAILED", "Glue.EntityNotFoundException")
    assert "TaskSubmitFailed" in world.types(execution)


def test_a_build_is_awaited(world):
    world.client("codebuild").create_project(
        name="project", source={"type": "S3", "location": "b/k"}, artifacts={"type": "NO_ARTIFACTS"},
        environment={"type": "LINUX_CONTAINER", "image": "i", "computeType": "BUILD_GENERAL1_SMALL"},
        serviceRole="arn:aws:iam::000000000000:role/service-role/build",
    )
    build = world.result("codebuild:startBuild.sync", {"ProjectName": "project"})["Build"]
    assert (build["ProjectName"], build["BuildStatus"]) == ("project", "SUCCEEDED")


def test_a_query_is_awaited(world):
    world.progress("athena::execution", 2)
    query = world.result("athena:startQueryExecution.sync", {
        "QueryString": "SELECT 1", "ResultConfiguration": {"OutputLocation": "s3://b/"},
    })["QueryExecution"]
    assert (query["Query"], query["Status"]["State"]) == ("SELECT 1", "SUCCEEDED")
    got = world.result("athena:getQueryExecution", {"QueryExecutionId": query["QueryExecutionId"]})
    assert got["QueryExecution"]["QueryExecutionId"] == query["QueryExecutionId"]


def test_a_container_is_awaited(world):
    ecs, ec2 = world.client("ecs"), world.client("ec2")
    ecs.create_cluster(clusterName="cluster")
    ecs.register_task_definition(
        family="family", containerDefinitions=[{"name": "main", "image": "i", "memory": 10}], cpu="256", memory="512",
        requiresCompatibilities=["FARGATE"], networkMode="awsvpc",
    )
    network = {"AwsvpcConfiguration": {
        "Subnets": [ec2.describe_subnets()["Subnets"][0]["SubnetId"]],
        "SecurityGroups": [ec2.describe_security_groups()["SecurityGroups"][0]["GroupId"]],
    }}
    world.progress("ecs::task", 1)
    task = world.result("ecs:runTask.sync", {
        "Cluster": "cluster", "TaskDefinition": "family", "LaunchType": "FARGATE", "NetworkConfiguration": network,
    })
    assert task["LastStatus"] == "STOPPED" and task["TaskArn"].startswith("arn:aws:ecs:")


def test_a_job_without_an_endpoint_is_told(world):
    execution = world.start("batch:submitJob.sync", {"JobName": "j", "JobQueue": "q", "JobDefinition": "d"})
    description = world.ended(execution)
    assert description["error"] == "States.TaskFailed" and "--service-endpoint batch=URL" in description["cause"]
