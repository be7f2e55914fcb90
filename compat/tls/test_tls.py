"""HTTPS on the port itself: with a certificate that is made, and with one that is given."""

import datetime
import ipaddress
import json
import os
import signal
import ssl
import subprocess
import sys
import urllib.error
import urllib.request

import boto3
import botocore.exceptions
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from conftest import BINARY, Server
from pipeline import until

DEFINITION = '{"StartAt": "P", "States": {"P": {"Type": "Pass", "End": true}}}'


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    data = tmp_path_factory.mktemp("tls") / "data"
    server = Server(data, ["--tls", "generate", "--audit", "management"], "https").start()
    yield server
    server.stop()


def client(server, name, verify, url=None):
    return boto3.session.Session().client(
        name, endpoint_url=url or server.url, region_name="us-east-1", verify=verify,
        aws_access_key_id="test", aws_secret_access_key="test")


def bundle(server):
    return str(server.data / "tls" / "bundle.pem")


def test_boto3_trusts_the_bundle_and_nothing_else(server):
    states = client(server, "stepfunctions", bundle(server))
    machine = states.create_state_machine(name="m", definition=DEFINITION, roleArn="arn:aws:iam::000000000000:role/r")
    assert states.list_state_machines()["stateMachines"][0]["stateMachineArn"] == machine["stateMachineArn"]
    s3 = client(server, "s3", bundle(server))
    s3.create_bucket(Bucket="encrypted")
    s3.put_object(Bucket="encrypted", Key="k", Body=b"x" * 300_000)
    assert len(s3.get_object(Bucket="encrypted", Key="k")["Body"].read()) == 300_000
    named = client(server, "sts", bundle(server), server.url.replace("127.0.0.1", "localhost"))
    assert named.get_caller_identity()["Account"] == "000000000000"
    with pytest.raises(botocore.exceptions.SSLError):
        client(server, "sts", True).get_caller_identity()


def test_what_env_prints_is_enough(server):
    variables = server.env()
    assert variables["AWS_ENDPOINT_URL"] == server.url and variables["AWS_CA_BUNDLE"] == bundle(server)
    ask = ("import boto3, json\n"
           "print(json.dumps([boto3.client('stepfunctions').list_state_machines()['stateMachines'] != None,\n"
           # The SDKs ask AWS's own address; the proxy, itself encrypted, brings them here.
           "  boto3.client('sts', endpoint_url='https://sts.us-east-1.amazonaws.com').get_caller_identity()['Account']]))")
    ended = subprocess.run([sys.executable, "-c", ask], env={**os.environ, **variables}, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout) == [True, "000000000000"]


def test_our_own_commands_trust_it(server):
    def run(*words, **variables):
        ended = subprocess.run([BINARY, *words], env={**os.environ, **variables}, capture_output=True, text=True)
        assert ended.returncode == 0, ended.stderr
        return ended.stdout
    run("list", **server.env())
    # Or with the data folder at hand.
    here = {"STEPWELL_DATA": str(server.data), "AWS_CA_BUNDLE": ""}
    assert "states:" in run("audit", "--endpoint", server.url, **here)
    assert server.url in run("top", "--once", "--endpoint", server.url, **here)


def test_plain_http_is_told_so(server):
    with pytest.raises(urllib.error.HTTPError) as error:
        urllib.request.urlopen(f"http://127.0.0.1:{server.port}/_stepwell/health")
    assert error.value.code == 400 and b"https" in error.value.read()


def test_the_audit_log_says_how_it_was_encrypted(server):
    client(server, "sts", bundle(server)).get_caller_identity()
    event = client(server, "cloudtrail", bundle(server)).lookup_events(
        LookupAttributes=[{"AttributeKey": "EventName", "AttributeValue": "GetCallerIdentity"}])["Events"][0]
    told = json.loads(event["CloudTrailEvent"])["tlsDetails"]
    assert told["tlsVersion"] == "TLSv1.3" and told["cipherSuite"].startswith("TLS_")
    assert told["clientProvidedHostHeader"] == f"127.0.0.1:{server.port}"


def test_the_authority_is_the_same_after_a_restart(tmp_path):
    server = Server(tmp_path / "data", ["--tls", "generate"], "https").start()
    server.stop()
    first = (server.data / "tls" / "ca.pem").read_text()
    server.start()
    try:
        assert (server.data / "tls" / "ca.pem").read_text() == first
        assert client(server, "sts", str(server.data / "tls" / "ca.pem")).get_caller_identity()["Account"]
    finally:
        server.stop()


def given(folder, serial):
    """A certificate of its own, and its key, in files."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "given")])
    now = datetime.datetime.now(datetime.timezone.utc)
    made = (x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
            .serial_number(serial).not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=1))
            .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), True).sign(key, hashes.SHA256()))
    (folder / "key.pem").write_bytes(key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    (folder / "cert.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))


def shown(server):
    return x509.load_pem_x509_certificate(
        ssl.get_server_certificate(("127.0.0.1", server.port)).encode()).serial_number


def test_a_given_certificate_is_read_again_at_sighup(tmp_path):
    given(tmp_path, 1001)
    flags = ["--tls-cert", str(tmp_path / "cert.pem"), "--tls-key", str(tmp_path / "key.pem")]
    server = Server(tmp_path / "data", flags, "https").start()
    try:
        assert shown(server) == 1001
        assert client(server, "sts", server.env()["AWS_CA_BUNDLE"]).get_caller_identity()["Account"]
        (tmp_path / "cert.pem").write_text("nonsense")
        server.process.send_signal(signal.SIGHUP)
        until(lambda: server.log.read_text(), lambda log: "the old one is shown" in log, 30)
        assert shown(server) == 1001
        given(tmp_path, 1002)
        server.process.send_signal(signal.SIGHUP)
        until(lambda: shown(server), lambda serial: serial == 1002, 30)
        assert client(server, "sts", bundle(server)).get_caller_identity()["Account"]
    finally:
        server.stop()


def test_a_certificate_that_does_not_fit_its_key_is_refused(tmp_path):
    given(tmp_path, 1)
    key = (tmp_path / "key.pem").read_text()
    given(tmp_path, 2)
    (tmp_path / "key.pem").write_text(key)
    ended = subprocess.run([BINARY, "serve", "--data", tmp_path / "data", "--listen", "127.0.0.1:0",
                            "--tls-cert", tmp_path / "cert.pem", "--tls-key", tmp_path / "key.pem"],
                           capture_output=True, text=True, timeout=60)
    assert ended.returncode != 0 and "cert.pem" in ended.stderr and "key.pem" in ended.stderr
