"""Calls the scripted server of tests/it/boto3.rs with boto3 and checks what boto3 makes of the answers."""

import datetime
import os
import sys

import boto3
import botocore.exceptions
from botocore.config import Config

ADDRESS = sys.argv[1]
KEYS = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": "eu-central-1"}
TIME = datetime.datetime(2023, 11, 14, 22, 13, 20, tzinfo=datetime.timezone.utc)


def client(service, **more):
    return boto3.client(service, endpoint_url="http://" + ADDRESS, **KEYS, **more)


def refused(code, status, call, **parameters):
    try:
        call(**parameters)
    except botocore.exceptions.ClientError as error:
        assert error.response["Error"]["Code"] == code, error.response
        assert error.response["ResponseMetadata"]["HTTPStatusCode"] == status, error.response
        assert error.response["ResponseMetadata"]["RequestId"], error.response
        return error.response["Error"]["Message"]
    raise AssertionError("was not refused with " + code)


# awsJson
states = client("stepfunctions")
machine = states.list_state_machines()["stateMachines"][0]
assert machine["creationDate"] == TIME + datetime.timedelta(milliseconds=500), machine
assert refused("StateMachineDoesNotExist", 400, states.describe_state_machine, stateMachineArn="a") == "gone"
try:
    states.describe_state_machine(stateMachineArn="a")
except states.exceptions.StateMachineDoesNotExist:
    pass
message = refused("ValidationException", 400, states.list_state_machines, maxResults=1001)
assert message.startswith("1 validation error detected: Value '1001' at 'maxResults'"), message
job = client("sagemaker").describe_training_job(TrainingJobName="j")
assert job["TrainingStartTime"] == TIME + datetime.timedelta(milliseconds=250), job
points = client("cloudwatch").get_metric_statistics(
    Namespace="n", MetricName="m", StartTime=TIME, EndTime=TIME, Period=60, Statistics=["Average"])
assert points["Datapoints"] == [{"Timestamp": TIME, "Average": 0.5}], points
refused("QueueDoesNotExist", 400, client("sqs").get_queue_url, QueueName="q")
refused("UnknownOperationException", 400, client("glue").list_jobs)

# query
assert client("sts").get_caller_identity()["Account"] == "0"
iam = client("iam")
assert refused("NoSuchEntity", 404, iam.get_role, RoleName="r") == "no role"
role = iam.create_role(RoleName="r", AssumeRolePolicyDocument="{}", Tags=[{"Key": "k", "Value": "v"}])["Role"]
assert role["CreateDate"] == TIME and role["Tags"] == [{"Key": "k", "Value": "<v>&"}], role
assert role["AssumeRolePolicyDocument"] == {"Version": "2012-10-17"}, role

# rest-json
answer = client("sagemaker-runtime").invoke_endpoint(EndpointName="e", ContentType="text/csv", Body=b"1,2")
assert answer["Body"].read() == b"0.25,0.5" and answer["ContentType"] == "text/csv", answer
metric = {"MetricName": "m", "Timestamp": TIME, "Value": 1.5}
client("sagemaker-metrics").batch_put_metrics(TrialComponentName="t", MetricData=[metric])
answer = client("lambda").invoke(FunctionName="f", Payload=b"{}")
assert answer["Payload"].read() == b'{"b": 2}' and answer["StatusCode"] == 200, answer

# S3 goes on as it came
assert client("s3").put_object(Bucket="bucket", Key="key", Body=b"12345")["ETag"] == '"echo"'

# AWS's own hosts, through the proxy: TLS with our certificates, and plain HTTP
proxied = Config(proxies={"https": "http://" + ADDRESS, "http": "http://" + ADDRESS})
bundle = os.environ["AWS_CA_BUNDLE"]
sts = boto3.client("sts", config=proxied, verify=bundle, **KEYS)
assert sts.meta.endpoint_url == "https://sts.eu-central-1.amazonaws.com"
assert sts.get_caller_identity()["Account"] == "0"
sts = boto3.client("sts", config=proxied, use_ssl=False, **KEYS)
assert sts.get_caller_identity()["Account"] == "0"
s3 = boto3.client("s3", config=proxied, verify=bundle, **KEYS)
echo = s3.get_object(Bucket="bucket", Key="key")["Body"].read().decode()
assert echo.startswith("<Echo>GET /key host=bucket.s3.eu-central-1.amazonaws.com"), echo
echo = boto3.client("stepfunctions", config=proxied, verify=bundle, **KEYS).list_state_machines()
assert echo["stateMachines"], echo
