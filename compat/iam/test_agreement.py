"""`stepwell iam suggest` and the guard agree: with the suggested policy alone an execution succeeds where refusals are
meant, and without any one of its actions something of it is refused."""

import copy
import http.server
import json
import threading

import botocore.exceptions
import pytest
from enforcing import ACCOUNT, Enforcing

import pipeline
from pipeline import until
from test_roles import allow, document, trusting

WORK = f"arn:aws:iam::{ACCOUNT}:role/work"
TRAIN = f"arn:aws:iam::{ACCOUNT}:role/train"
THEIRS = f"arn:aws:iam::{ACCOUNT}:role/theirs"
BUCKET = "agreed"
CONNECTION = f"arn:aws:events:us-east-1:{ACCOUNT}:connection/local/0a1b2c3d-0000-1111-2222-333344445555"
ALL = document(allow("*"))


class Shop(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps({"key": self.headers.get("x-key")}).encode())

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def shop():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Shop)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/things"
    server.shutdown()


class World:
    """A server where everything that AWS documents is asked for, its clients, and the roles."""

    def __init__(self, server):
        self.server = server
        self.iam, self.states, self.s3, self.logs, self.sagemaker = map(
            server.admin, ("iam", "stepfunctions", "s3", "logs", "sagemaker"))
        self.iam.create_role(RoleName="work", AssumeRolePolicyDocument=trusting("states.amazonaws.com"))
        self.iam.create_role(RoleName="train", AssumeRolePolicyDocument=trusting("sagemaker.amazonaws.com"))
        self.iam.attach_role_policy(RoleName="train", PolicyArn="arn:aws:iam::aws:policy/AmazonSageMakerFullAccess")
        self.iam.attach_role_policy(RoleName="train", PolicyArn="arn:aws:iam::aws:policy/AmazonS3FullAccess")
        self.s3.create_bucket(Bucket=BUCKET)
        self.s3.put_object(Bucket=BUCKET, Key="in/items.json", Body=b'[{"n": 1}, {"n": 2}]')
        self.s3.put_object(Bucket=BUCKET, Key="in/more.json", Body=b'[{"n": 3}]')
        clients = type("Clients", (pipeline.Clients,), {"__init__": lambda self: None})()
        clients.s3 = self.s3
        clients.put_data()
        self.number = 0

    def name(self, of):
        self.number += 1
        return f"{of}-{self.number}"

    def put(self, policy):
        """The role's only policy."""
        text = policy if isinstance(policy, str) else json.dumps(policy)
        if json.loads(text)["Statement"]:
            self.iam.put_role_policy(RoleName="work", PolicyName="only", PolicyDocument=text)
        elif self.iam.list_role_policies(RoleName="work")["PolicyNames"]:
            self.iam.delete_role_policy(RoleName="work", PolicyName="only")

    def machine(self, definition, **more):
        self.put(ALL)
        name = self.name("machine")
        return self.states.create_state_machine(
            name=name, definition=json.dumps(definition), roleArn=WORK, **more)["stateMachineArn"]

    def suggest(self, machine):
        return json.loads(self.server.run("iam", "suggest", machine, "--endpoint", self.server.url))

    def start(self, machine, **given):
        name = self.name("run")
        given = {"name": name, **given}
        return self.states.start_execution(stateMachineArn=machine, name=name, input=json.dumps(given))["executionArn"]

    def ended(self, execution):
        return until(lambda: self.states.describe_execution(executionArn=execution), lambda it: it["status"] != "RUNNING", 90)

    def run(self, machine, definition, **given):
        """Checks the role as it is now, and runs."""
        self.states.update_state_machine(stateMachineArn=machine, definition=json.dumps(definition), roleArn=WORK)
        return self.ended(self.start(machine, **given))

    def refused(self, action):
        """What was refused of an action, in the end."""
        lines = self.server.run("iam", "report", "--data", self.server.data, "--json").splitlines()
        return [line for line in map(json.loads, lines) if line["action"] == action]


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    folder = tmp_path_factory.mktemp("agreement")
    (folder / "stepwell.toml").write_text(
        '[iam]\nmode = "enforce"\nrequire_add_tags = true\n[connections.local]\napi_key = { name = "x-key", value = "v" }\n')
    server = Enforcing(folder / "data").start()
    yield World(server)
    server.stop()
    server.end_jobs()


@pytest.fixture(autouse=True)
def administrator(world, monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", world.server.key[0])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", world.server.key[1])


def actions(policy):
    """Every action of every statement, and the policy without it."""
    for place, statement in enumerate(policy["Statement"]):
        listed = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
        for action in listed:
            without = copy.deepcopy(policy)
            rest = [other for other in listed if other != action]
            if rest:
                without["Statement"][place]["Action"] = rest
            else:
                del without["Statement"][place]
            yield action, without


def agree(world, machine, definition, later=(), **given):
    """The suggested policy is enough, and without any one of its actions making or running the machine is refused.
    `later`: what a run that succeeds does not need. Gives the policy."""
    policy = world.suggest(machine)
    world.put(policy)
    ended = world.run(machine, definition, **given)
    assert ended["status"] == "SUCCEEDED", (ended.get("cause"), policy)
    for action, without in actions(policy):
        world.put(without)
        try:
            ended = world.run(machine, definition, **given)
        except botocore.exceptions.ClientError as error:
            assert error.response["Error"]["Code"] == "AccessDeniedException", action
            continue
        if action in later:
            assert ended["status"] == "SUCCEEDED", (action, ended)
            continue
        assert ended["status"] == "FAILED", (action, ended)
        assert "not authorized to" in ended["cause"], (action, ended)
    world.put(policy)
    return policy


def one(resource, parameters, **more):
    return {"StartAt": "Do", "States": {"Do": {**pipeline.task(resource, parameters), **more}}}


def test_a_machine_that_calls_nobody_needs_nothing(world):
    definition = {"StartAt": "P", "States": {"P": {"Type": "Pass", "End": True}}}
    assert agree(world, world.machine(definition), definition)["Statement"] == []


def distributed(reader, child, **more):
    return {"StartAt": "Each", "States": {"Each": {
        "Type": "Map", "Label": "Each", "ItemReader": reader, "End": True,
        "ItemProcessor": {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
                          "StartAt": "Child", "States": {"Child": {**child, "End": True}}},
        "ResultWriter": {"Resource": "arn:aws:states:::s3:putObject", "Parameters": {"Bucket": BUCKET, "Prefix": "out"}},
        **more}}}


def test_a_distributed_map(world):
    reader = {"Resource": "arn:aws:states:::s3:getObject", "ReaderConfig": {"InputType": "JSON"},
              "Parameters": {"Bucket": BUCKET, "Key": "in/items.json"}}
    definition = distributed(reader, {"Type": "Pass"})
    machine = world.machine(definition)
    policy = agree(world, machine, definition, later=["states:RedriveExecution"])
    without = {**policy, "Statement": [one for one in policy["Statement"] if one["Action"] != "states:StartExecution"]}
    world.put(without)
    ended = world.run(machine, definition)
    assert ended["error"] == "StepFunctions.AWSStepFunctionsException"
    assert f"is not authorized to perform: states:StartExecution on resource: {machine}" in ended["cause"]
    # What a child was refused is told of the execution.
    told = world.server.run("describe", ended["executionArn"], "--endpoint", world.server.url)
    assert f'"Action":"states:StartExecution","Resource":"{machine}"' in told


def test_a_distributed_map_over_a_listing(world):
    reader = {"Resource": "arn:aws:states:::s3:listObjectsV2",
              "ReaderConfig": {"InputType": "JSON", "Transformation": "LOAD_AND_FLATTEN"},
              "Parameters": {"Bucket": BUCKET, "Prefix": "in/"}}
    definition = distributed(reader, {"Type": "Pass"})
    agree(world, world.machine(definition), definition, later=["states:RedriveExecution"])


def test_a_redriven_map_needs_to_redrive_its_children(world):
    key = world.name("missing")
    get = pipeline.task("aws-sdk:s3:getObject", {"Bucket": BUCKET, "Key": key}, ResultPath=None)
    reader = {"Resource": "arn:aws:states:::s3:getObject", "ReaderConfig": {"InputType": "JSON"},
              "Parameters": {"Bucket": BUCKET, "Key": "in/items.json"}}
    definition = distributed(reader, get)
    machine = world.machine(definition)
    policy = world.suggest(machine)
    world.put(policy)
    ended = world.run(machine, definition)
    assert ended["status"] == "FAILED"
    world.s3.put_object(Bucket=BUCKET, Key=key, Body=b"there")
    world.put(next(without for action, without in actions(policy) if action == "states:RedriveExecution"))
    redrive = lambda: world.states.redrive_execution(executionArn=ended["executionArn"])
    redrive()
    again = world.ended(ended["executionArn"])
    assert again["status"] == "FAILED" and "perform: states:RedriveExecution on resource" in again["cause"], again
    world.put(policy)
    redrive()
    assert world.ended(ended["executionArn"])["status"] == "SUCCEEDED"


def test_a_nested_execution(world):
    child = world.machine({"StartAt": "W", "States": {"W": {"Type": "Wait", "SecondsPath": "$.seconds", "End": True}}})
    definition = one("states:startExecution.sync:2", {"StateMachineArn": child, "Input.$": "$"})
    machine = world.machine(definition)
    policy = agree(world, machine, definition, later=["states:StopExecution"], seconds=0)

    def stopped(policy):
        """Stops the parent: the child, which nobody waits for any more."""
        world.put(policy)
        parent = world.start(machine, seconds=3600)
        running = lambda: world.states.list_executions(stateMachineArn=child, statusFilter="RUNNING")["executions"]
        started = until(running, bool)[0]["executionArn"]
        world.states.stop_execution(executionArn=parent)
        return started

    ended = stopped(policy)
    assert world.ended(ended)["status"] == "ABORTED"
    goes_on = stopped(next(without for action, without in actions(policy) if action == "states:StopExecution"))
    until(lambda: world.refused("states:StopExecution"), lambda all: any(it["resource"] == goes_on for it in all))
    assert world.states.describe_execution(executionArn=goes_on)["status"] == "RUNNING"
    world.states.stop_execution(executionArn=goes_on)


def pipeline_definition():
    """The chapter's, with names that the input gives."""
    text = json.dumps(pipeline.chapter("NAME", pipeline.SHORT)).replace(pipeline.ROLE, TRAIN)
    for member in ("TrainingJobName", "ModelName", "EndpointConfigName", "EndpointName"):
        text = text.replace(f'"{member}": "NAME"', f'"{member}.$": "$$.Execution.Input.name"')
    return json.loads(text)


def test_the_chapters_pipeline(world):
    definition = pipeline_definition()
    machine = world.machine(definition)
    policy = agree(world, machine, definition, later=["sagemaker:StopTrainingJob"])
    # Stopping ends the job, if it may.
    endless = json.loads(json.dumps(definition).replace(f'"num_round": "{pipeline.SHORT}"', f'"num_round": "{pipeline.ENDLESS}"'))
    assert endless != definition
    world.states.update_state_machine(stateMachineArn=machine, definition=json.dumps(endless))
    world.put(next(without for action, without in actions(policy) if action == "sagemaker:StopTrainingJob"))
    execution = world.start(machine)
    job = execution.split(":")[-1]
    until(lambda: world.sagemaker.list_training_jobs(NameContains=job)["TrainingJobSummaries"], bool)
    world.states.stop_execution(executionArn=execution)
    until(lambda: world.refused("sagemaker:StopTrainingJob"), lambda all: any(it["resource"].endswith(job) for it in all))
    assert world.sagemaker.describe_training_job(TrainingJobName=job)["TrainingJobStatus"] == "InProgress"
    world.sagemaker.stop_training_job(TrainingJobName=job)


def test_a_batch_transform(world):
    clients = type("Clients", (pipeline.Clients,), {"__init__": lambda self: None})()
    clients.sagemaker = world.sagemaker
    name = world.name("scored")
    clients.train(name, RoleArn=TRAIN)
    artifact = clients.job_until(name, "Completed", "Failed")["ModelArtifacts"]["S3ModelArtifacts"]
    world.sagemaker.create_model(ModelName=name, ExecutionRoleArn=TRAIN,
                                 PrimaryContainer={"Image": pipeline.IMAGE, "ModelDataUrl": artifact})
    world.s3.put_object(Bucket=BUCKET, Key="score/rows.csv", Body=b"1,2,3,4\n5,6,7,8\n")
    source = {"DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://{BUCKET}/score/"}},
              "ContentType": "text/csv", "SplitType": "Line"}
    definition = one("sagemaker:createTransformJob.sync", {
        "TransformJobName.$": "$$.Execution.Input.name", "ModelName": name, "TransformInput": source,
        "TransformOutput": {"S3OutputPath": f"s3://{BUCKET}/scored"},
        "TransformResources": {"InstanceCount": 1, "InstanceType": "ml.m4.xlarge"}})
    machine = world.machine(definition)
    policy = agree(world, machine, definition, later=["sagemaker:StopTransformJob"])
    assert policy["Statement"][0]["Action"] == [
        "sagemaker:AddTags", "sagemaker:CreateTransformJob", "sagemaker:DescribeTransformJob", "sagemaker:ListTags",
        "sagemaker:StopTransformJob"]


def test_a_role_for_another_service_is_told_as_the_reason(world):
    definition = pipeline_definition()
    machine = world.machine(definition)
    policy = world.suggest(machine)
    text = json.dumps(policy).replace("sagemaker.amazonaws.com", "lambda.amazonaws.com")
    assert text != json.dumps(policy)
    world.put(text)
    ended = world.run(machine, definition)
    assert "iam:PassRole" in ended["cause"], ended
    told = world.server.run("describe", ended["executionArn"], "--endpoint", world.server.url)
    reason = "a policy allows it on the condition of another iam:PassedToService than sagemaker.amazonaws.com"
    assert reason in told
    assert '"Condition":{"StringEquals":{"iam:PassedToService":"sagemaker.amazonaws.com"}}' in told


def test_calls_of_the_sdk(world):
    def call(action, following=None, **parameters):
        more = {"Next": following} if following else {"End": True}
        return pipeline.task(f"aws-sdk:s3:{action}", {"Bucket": BUCKET, **parameters}, ResultPath=None, **more)

    definition = {"StartAt": "Put", "States": {
        "Put": call("putObject", "Get", Key="sdk/one", Body="text"),
        "Get": call("getObject", "List", Key="sdk/one"),
        "List": call("listObjectsV2", "Copy", Prefix="sdk/"),
        "Copy": call("copyObject", "Delete", Key="sdk/two", CopySource=f"{BUCKET}/sdk/one"),
        "Delete": call("deleteObject", Key="sdk/two"),
    }}
    agree(world, world.machine(definition), definition)


def test_an_http_api(world, shop):
    parameters = {"ApiEndpoint": shop, "Method": "GET", "Authentication": {"ConnectionArn": CONNECTION}}
    definition = one("http:invoke", parameters)
    machine = world.machine(definition)
    policy = agree(world, machine, definition)
    ended = world.run(machine, definition)
    assert json.loads(ended["output"])["ResponseBody"] == {"key": "v"}
    for action, without in actions(policy):
        world.put(without)
        ended = world.run(machine, definition)
        denied = "States.Http" if action == "states:InvokeHTTPEndpoint" else "Events.ConnectionResource"
        assert ended["error"] == f"{denied}.AccessDenied", ended
    # The policy speaks of this address and method alone.
    world.put(policy)
    for other in ({"ApiEndpoint": shop + "/more"}, {"Method": "OPTIONS"}):
        elsewhere = one("http:invoke", {**parameters, **other})
        assert world.run(machine, elsewhere)["error"] == "States.Http.AccessDenied"
    told = world.states.test_state(definition=json.dumps(definition["States"]["Do"]), roleArn=WORK, input="{}")
    assert told["error"] == "States.Http.AccessDenied", told
    text = json.dumps(policy).replace(machine, machine.rsplit(":", 1)[0] + ":*")
    world.put(text)
    told = world.states.test_state(definition=json.dumps(definition["States"]["Do"]), roleArn=WORK, input="{}")
    assert told["status"] == "SUCCEEDED", told


def test_a_role_of_the_states_own(world):
    definition = one("aws-sdk:s3:getObject", {"Bucket": BUCKET, "Key": "in/items.json"}, Credentials={"RoleArn": THEIRS})
    machine = world.machine(definition)
    # The account, since whoever is named needs no policy of their own.
    trust = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, "Action": "sts:AssumeRole",
             "Condition": {"StringEquals": {"sts:ExternalId": machine}}}
    world.iam.create_role(RoleName="theirs", AssumeRolePolicyDocument=document(trust))
    world.iam.put_role_policy(RoleName="theirs", PolicyName="read",
                              PolicyDocument=document(allow("s3:GetObject", f"arn:aws:s3:::{BUCKET}/*")))
    policy = agree(world, machine, definition)
    assert [one["Action"] for one in policy["Statement"]] == ["sts:AssumeRole"]
    refusal = ("States.TaskFailed", f"The role {WORK} is not authorized to assume the task state's role, {THEIRS}.")
    for wrong in ({**trust, "Principal": {"Service": "states.amazonaws.com"}},
                  {**trust, "Condition": {"StringEquals": {"sts:ExternalId": machine + "x"}}}):
        world.iam.update_assume_role_policy(RoleName="theirs", PolicyDocument=document(wrong))
        ended = world.run(machine, definition)
        assert (ended["error"], ended["cause"]) == refusal
    world.iam.update_assume_role_policy(RoleName="theirs", PolicyDocument=document(trust))
    # It is the other role that acts, and no other.
    world.iam.delete_role_policy(RoleName="theirs", PolicyName="read")
    world.put(json.dumps({**policy, "Statement": policy["Statement"] + [allow("s3:*")]}))
    ended = world.run(machine, definition)
    assert ended["error"].startswith("S3.") and "assumed-role/theirs/" in ended["cause"], ended


def test_a_log(world):
    definition = {"StartAt": "P", "States": {"P": {"Type": "Pass", "End": True}}}
    world.logs.create_log_group(logGroupName="/aws/vendedlogs/states/agreed")
    group = f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:/aws/vendedlogs/states/agreed:*"
    logging = {"level": "ALL", "destinations": [{"cloudWatchLogsLogGroup": {"logGroupArn": group}}]}
    machine = world.machine(definition, loggingConfiguration=logging)
    policy = agree(world, machine, definition)
    for _, without in actions(policy):
        world.put(without)
        for refused in (
            lambda: world.states.create_state_machine(
                name="logged", definition=json.dumps(definition), roleArn=WORK, loggingConfiguration=logging),
            lambda: world.states.update_state_machine(stateMachineArn=machine, loggingConfiguration=logging),
        ):
            with pytest.raises(botocore.exceptions.ClientError) as error:
                refused()
            error = error.value.response["Error"]
            assert error["Code"] == "AccessDeniedException"
            assert error["Message"] == "The state machine IAM Role is not authorized to access the Log Destination"
    # Who logs nothing needs nothing.
    world.states.update_state_machine(stateMachineArn=machine, loggingConfiguration={"level": "OFF"})
