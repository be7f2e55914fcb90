"""A server where refusals are meant, and clients with keys of their own."""

import boto3
import pytest
from botocore.config import Config

from conftest import Server
from pipeline import until

ACCOUNT = "000000000000"


class Enforcing(Server):
    """`stepwell serve --iam enforce`; `key` is the first administrator's, as it is printed."""

    def start(self):
        self.key = None
        out, first = self.data.parent / "stdout", not self.data.exists()
        with open(out, "w") as self.stdout:
            super().start()
        # Printed once, by the first start, when the port may answer already.
        lines = until(lambda: out.read_text().splitlines(), lambda lines: len(lines) >= 2 or not first, 30)
        printed = dict(line.split("=", 1) for line in lines)
        if printed:
            self.key = printed["AWS_ACCESS_KEY_ID"], printed["AWS_SECRET_ACCESS_KEY"]
        return self

    def client(self, service, key, token=None, **more):
        config = Config(retries={"max_attempts": 0}, connect_timeout=5, read_timeout=60, inject_host_prefix=False,
                        **more)
        return boto3.session.Session().client(
            service, endpoint_url=self.url, region_name="us-east-1", config=config, aws_access_key_id=key[0],
            aws_secret_access_key=key[1], aws_session_token=token, verify=False)

    def admin(self, service, **more):
        return self.client(service, self.key, **more)

    def user(self, name, *policies):
        """A user with managed policies attached; its key."""
        iam = self.admin("iam")
        iam.create_user(UserName=name)
        for policy in policies:
            iam.attach_user_policy(UserName=name, PolicyArn=f"arn:aws:iam::aws:policy/{policy}")
        key = iam.create_access_key(UserName=name)["AccessKey"]
        return key["AccessKeyId"], key["SecretAccessKey"]


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    server = Enforcing(tmp_path_factory.mktemp("iam") / "data", ["--iam", "enforce"])
    server.start()
    yield server
    server.stop()
    server.end_jobs()
