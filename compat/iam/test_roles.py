"""The chapter's two roles where refusals are meant: each permission that is missing is missed where AWS misses it."""

import json

import botocore.exceptions
import pytest
from enforcing import ACCOUNT, server  # noqa: F401 - a fixture

import pipeline
from pipeline import until

SAGEMAKER = """CreateTransformJob DescribeTransformJob StopTransformJob CreateTrainingJob DescribeTrainingJob
    StopTrainingJob CreateHyperParameterTuningJob DescribeHyperParameterTuningJob StopHyperParameterTuningJob CreateModel
    CreateEndpointConfig CreateEndpoint DeleteEndpointConfig DeleteEndpoint UpdateEndpoint ListTags""".split()
OTHERS = """lambda:InvokeFunction sqs:SendMessage sns:Publish ecs:RunTask ecs:StopTask ecs:DescribeTasks dynamodb:GetItem
    dynamodb:PutItem dynamodb:UpdateItem dynamodb:DeleteItem batch:SubmitJob batch:DescribeJobs batch:TerminateJob
    glue:StartJobRun glue:GetJobRun glue:GetJobRuns glue:BatchStopJobRun""".split()
RULES = """StepFunctionsGetEventsForSageMakerTrainingJobsRule StepFunctionsGetEventsForSageMakerTransformJobsRule
    StepFunctionsGetEventsForSageMakerTuningJobsRule StepFunctionsGetEventsForECSTaskRule
    StepFunctionsGetEventsForBatchJobsRule""".split()
EXECUTION = f"arn:aws:iam::{ACCOUNT}:role/service-role/AmazonSageMaker-ExecutionRole"
# Whoever has AmazonSageMakerFullAccess may hand to Step Functions what has AmazonSageMaker in its name.
WORKFLOW = f"arn:aws:iam::{ACCOUNT}:role/AmazonSageMaker-chapter-step-functions"
BUCKET = pipeline.BUCKET
STATES = {"Train Step": "CreateTrainingJob", "Save model": "CreateModel",
          "Create Endpoint Config": "CreateEndpointConfig", "Create Endpoint": "CreateEndpoint"}


def allow(actions, resource="*", **more):
    return {"Effect": "Allow", "Action": actions, "Resource": resource, **more}


def document(*statements):
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def trusting(service):
    return json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}]})


def inline(without=(), passed_to="sagemaker.amazonaws.com", events=True, more=()):
    """The chapter's inline policy, with something wrong."""
    actions = [f"sagemaker:{name}" for name in SAGEMAKER if name not in without] + OTHERS
    assert len(actions) == 33 - len(without)
    statements = [
        allow(actions + list(more)),
        allow("iam:PassRole", Condition={"StringEquals": {"iam:PassedToService": passed_to}}),
    ]
    if events:
        resources = [f"arn:aws:events:*:*:rule/{rule}" for rule in RULES]
        statements.append(allow(["events:PutTargets", "events:PutRule", "events:DescribeRule"], resources))
    return document(*statements)


class Chapter:
    """The two roles as the chapter has them, the notebook's session, and the clients that act with it."""

    def __init__(self, server):
        self.iam = server.admin("iam")
        self.iam.create_role(RoleName="AmazonSageMaker-ExecutionRole", Path="/service-role/",
                             AssumeRolePolicyDocument=trusting("sagemaker.amazonaws.com"))
        self.attach("AmazonSageMakerFullAccess")
        self.objects(["s3:GetObject", "s3:PutObject", "s3:ListBucket", "s3:CreateBucket"])
        self.iam.create_role(RoleName="AmazonSageMaker-chapter-step-functions",
                             AssumeRolePolicyDocument=trusting("states.amazonaws.com"))
        self.workflow()
        environment = server.env("--role", "AmazonSageMaker-ExecutionRole")
        assert environment["AWS_ACCESS_KEY_ID"].startswith("ASIA")
        key = environment["AWS_ACCESS_KEY_ID"], environment["AWS_SECRET_ACCESS_KEY"]
        client = lambda service: server.client(service, key, environment["AWS_SESSION_TOKEN"])
        self.states, self.sagemaker, self.s3, self.sts, self.runtime, self.logs = map(
            client, ("stepfunctions", "sagemaker", "s3", "sts", "sagemaker-runtime", "logs"))
        self.number = 0

    def attach(self, policy):
        self.iam.attach_role_policy(RoleName="AmazonSageMaker-ExecutionRole", PolicyArn=f"arn:aws:iam::aws:policy/{policy}")

    def detach(self, policy):
        self.iam.detach_role_policy(RoleName="AmazonSageMaker-ExecutionRole", PolicyArn=f"arn:aws:iam::aws:policy/{policy}")

    def objects(self, actions, never=()):
        """What the execution role may do with the chapter's bucket; its name has no "sagemaker" in it."""
        statements = [allow(actions, [f"arn:aws:s3:::{BUCKET}", f"arn:aws:s3:::{BUCKET}/*"])]
        if never:
            statements.append({"Effect": "Deny", "Action": never, "Resource": "*"})
        self.iam.put_role_policy(RoleName="AmazonSageMaker-ExecutionRole", PolicyName="bucket",
                                 PolicyDocument=document(*statements))

    def workflow(self, **wrong):
        self.iam.put_role_policy(RoleName="AmazonSageMaker-chapter-step-functions", PolicyName="chapter", PolicyDocument=inline(**wrong))

    def definition(self):
        self.number += 1
        text = json.dumps(pipeline.chapter(f"chapter-{self.number}", pipeline.SHORT))
        return text.replace(pipeline.ROLE, EXECUTION)

    def create(self, definition=None):
        definition = definition or self.definition()
        return self.states.create_state_machine(
            name=f"machine-{self.number}", definition=definition, roleArn=WORKFLOW)["stateMachineArn"]

    def endpoint_settled(self, name):
        """Waits until an endpoint serves or has failed; before, it cannot be deleted."""
        until(lambda: self.sagemaker.describe_endpoint(EndpointName=name), lambda it: it["EndpointStatus"] != "Creating", 90)

    def run(self):
        """A pipeline's description and the name of the state it ended in."""
        arn = self.states.start_execution(stateMachineArn=self.create())["executionArn"]
        ended = until(lambda: self.states.describe_execution(executionArn=arn), lambda it: it["status"] != "RUNNING", 90)
        history = self.states.get_execution_history(executionArn=arn, maxResults=1000)["events"]
        entered = [event["stateEnteredEventDetails"]["name"] for event in history if "stateEnteredEventDetails" in event]
        return ended, entered[-1]


@pytest.fixture(scope="module")
def chapter(server):  # noqa: F811
    chapter = Chapter(server)
    clients = type("Clients", (pipeline.Clients,), {"__init__": lambda self: None})()
    clients.s3 = chapter.s3
    clients.put_data()
    return chapter


def refused(call):
    with pytest.raises(botocore.exceptions.ClientError) as error:
        call()
    return error.value.response["Error"]["Code"], error.value.response["Error"]["Message"]


def test_the_notebook_is_its_role(chapter):
    arn = chapter.sts.get_caller_identity()["Arn"]
    assert arn.startswith(f"arn:aws:sts::{ACCOUNT}:assumed-role/AmazonSageMaker-ExecutionRole/")


def test_create_is_refused_without_the_attached_policy(chapter):
    # AmazonSageMakerFullAccess lets a notebook make state machines whose names have "sagemaker" in them.
    code, message = refused(chapter.create)
    assert code == "AccessDeniedException"
    session = chapter.sts.get_caller_identity()["Arn"]
    resource = f"arn:aws:states:us-east-1:{ACCOUNT}:stateMachine:machine-{chapter.number}"
    assert message == (f"User: {session} is not authorized to perform: states:CreateStateMachine on resource: {resource} "
                       "because no identity-based policy allows the states:CreateStateMachine action")
    chapter.attach("AWSStepFunctionsFullAccess")
    assert chapter.create().endswith(f":stateMachine:machine-{chapter.number}")


def test_with_it_the_pipeline_runs(chapter):
    ended, last = chapter.run()
    assert (ended["status"], last) == ("SUCCEEDED", "Create Endpoint"), ended
    name = f"chapter-{chapter.number}"
    chapter.endpoint_settled(name)
    answer = chapter.runtime.invoke_endpoint(EndpointName=name, ContentType="text/csv", Body="1,2,3,4")
    assert float(answer["Body"].read())
    streams = chapter.logs.describe_log_streams(logGroupName="/aws/sagemaker/TrainingJobs", logStreamNamePrefix=name)
    assert len(streams["logStreams"]) == 1
    chapter.sagemaker.delete_endpoint(EndpointName=name)


@pytest.mark.parametrize("state", STATES)
def test_without_one_action_it_fails_at_that_state(server, chapter, state):  # noqa: F811
    action = STATES[state]
    chapter.workflow(without=[action])
    ended, last = chapter.run()
    chapter.workflow()
    assert (ended["status"], last) == ("FAILED", state), ended
    assert ended["error"].startswith("SageMaker."), ended
    assert f"is not authorized to perform: sagemaker:{action} on resource: arn:aws:sagemaker:us-east-1:{ACCOUNT}:" in ended["cause"]
    assert f"because no identity-based policy allows the sagemaker:{action} action" in ended["cause"]
    assert "assumed-role/AmazonSageMaker-chapter-step-functions/" in ended["cause"]
    # What would allow it is in the log, and in `stepwell iam report`.
    hint = f'To allow it, add to a policy of the role AmazonSageMaker-chapter-step-functions: {{"Effect":"Allow","Action":"sagemaker:{action}"'
    assert hint in server.log.read_text()
    report = server.run("iam", "report", "--data", server.data)
    assert f"sagemaker:{action}" in report and "role/AmazonSageMaker-chapter-step-functions" in report


def test_without_rights_on_objects_the_job_fails_and_says_so(chapter):
    whole = ["s3:GetObject", "s3:PutObject", "s3:ListBucket"]
    for missing, where in (("s3:ListBucket", "No S3 objects found"), ("s3:GetObject", "Data download failed"),
                           ("s3:PutObject", "cannot write to the output path")):
        # The managed policy lets it list every bucket.
        never = ["s3:ListBucket"] if missing == "s3:ListBucket" else []
        chapter.objects([action for action in whole if action != missing], never)
        ended, last = chapter.run()
        assert (ended["status"], last) == ("FAILED", "Train Step"), ended
        assert where in ended["cause"] and f"is not authorized to perform: {missing}" in ended["cause"], ended
        assert "assumed-role/AmazonSageMaker-ExecutionRole/SageMaker" in ended["cause"]
    chapter.objects(whole)


def test_a_role_that_may_not_write_logs_leaves_none(chapter):
    chapter.iam.put_role_policy(RoleName="AmazonSageMaker-ExecutionRole", PolicyName="no-logs", PolicyDocument=document(
        {"Effect": "Deny", "Action": "logs:PutLogEvents", "Resource": "*"}))
    ended, _ = chapter.run()
    chapter.iam.delete_role_policy(RoleName="AmazonSageMaker-ExecutionRole", PolicyName="no-logs")
    assert ended["status"] == "SUCCEEDED", ended
    streams = chapter.logs.describe_log_streams(
        logGroupName="/aws/sagemaker/TrainingJobs", logStreamNamePrefix=f"chapter-{chapter.number}")
    assert streams["logStreams"] == []
    chapter.endpoint_settled(f"chapter-{chapter.number}")
    chapter.sagemaker.delete_endpoint(EndpointName=f"chapter-{chapter.number}")


def test_a_role_is_passed_to_whom_the_condition_names(chapter):
    chapter.workflow(passed_to="states.amazonaws.com")
    ended, last = chapter.run()
    chapter.workflow()
    assert (ended["status"], last) == ("FAILED", "Train Step"), ended
    assert f"is not authorized to perform: iam:PassRole on resource: {EXECUTION}" in ended["cause"]


def test_the_workflow_role_must_make_the_event_rules(chapter):
    chapter.workflow(events=False)
    assert refused(chapter.create) == (
        "AccessDeniedException", f"'{WORKFLOW}' is not authorized to create managed-rule.")
    chapter.workflow()
    chapter.create()


def test_roles_must_trust_the_service_that_takes_them(chapter):
    definition = chapter.definition()
    create = lambda role: chapter.states.create_state_machine(name="trust", definition=definition, roleArn=role)
    for role in (EXECUTION, f"arn:aws:iam::{ACCOUNT}:role/nobody"):
        _, message = refused(lambda: create(role))
        assert message.startswith("Neither the global service principal states.amazonaws.com") or "PassRole" in message
    chapter.attach("IAMFullAccess")
    try:
        assert refused(lambda: create(EXECUTION))[1].startswith("Neither the global service principal")
        job = {**pipeline.training_job("trust"), "RoleArn": WORKFLOW}
        assert refused(lambda: chapter.sagemaker.create_training_job(**job)) == (
            "ValidationException", f"Could not assume role {WORKFLOW}. Please ensure that the role exists and allows "
            "principal 'sagemaker.amazonaws.com' to assume the role.")
        model = dict(ModelName="trust", PrimaryContainer={"Image": pipeline.IMAGE, "ModelDataUrl": f"s3://{BUCKET}/m"})
        assert refused(lambda: chapter.sagemaker.create_model(ExecutionRoleArn=WORKFLOW, **model))[1].startswith(
            f'Could not access model data at s3://{BUCKET}/m. Please ensure that the role "{WORKFLOW}" exists')
    finally:
        chapter.detach("IAMFullAccess")


def test_the_chapters_printed_policy_is_malformed(chapter):
    broken = inline().replace("glue:BatchStopJobRun", "glue:BatchStop\nJobRun")
    put = lambda: chapter.iam.put_role_policy(RoleName="AmazonSageMaker-chapter-step-functions", PolicyName="x", PolicyDocument=broken)
    assert refused(put)[0] == "MalformedPolicyDocument"
