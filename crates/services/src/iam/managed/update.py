#!/usr/bin/env python3
"""Makes policies.jsonl, the AWS managed policies that Stepwell knows, from the PyPI package moto.

    python -m pip install --no-deps --target /tmp/moto moto
    python crates/services/src/iam/managed/update.py /tmp/moto

moto (Apache-2.0, see NOTICE beside this file) carries AWS's published policies as data; nothing of its
code is used. A line is a policy, by name.
"""

import ast
import json
import re
import sys
from pathlib import Path

# What pipelines and the templates around them attach; the others can be added here.
WANTED = re.compile(
    r"""^(AdministratorAccess|PowerUserAccess|IAMFullAccess|IAMReadOnlyAccess|SecurityAudit
    |AWSStepFunctions.*|AmazonSageMaker(FullAccess|ReadOnly|PipelinesIntegrations|FeatureStoreAccess
    |ModelRegistryFullAccess|CanvasFullAccess)|AmazonS3(FullAccess|ReadOnlyAccess)|AWSLambda.*
    |AmazonSQS(FullAccess|ReadOnlyAccess)|AWSLambdaSQSQueueExecutionRole|AmazonSNS(FullAccess|ReadOnlyAccess|Role)
    |AmazonDynamoDB(FullAccess|ReadOnlyAccess|FullAccess_v2)|AmazonEventBridge.*|CloudWatch.*Full.*
    |CloudWatch.*ReadOnly.*|CloudWatchEvents.*|CloudWatchAgentServerPolicy|AWSGlue(ConsoleFullAccess|ServiceRole)
    |AWSBatch.*|AmazonECS_FullAccess|AmazonECSTaskExecutionRolePolicy|AmazonEC2ContainerRegistry.*
    |AmazonEC2ContainerServiceEventsRole|SecretsManagerReadWrite|AWSXRay.*|AWSXrayWriteOnlyAccess
    |AmazonAthenaFullAccess|AmazonBedrock(FullAccess|ReadOnly)|AWSKeyManagementServicePowerUser
    |AWSCloudFormation(FullAccess|ReadOnlyAccess)|AmazonAPIGateway(InvokeFullAccess|Administrator|PushToCloudWatchLogs)
    |AmazonKinesis(FullAccess|ReadOnlyAccess)|AWSCodeBuild.*Access|AmazonSSMReadOnlyAccess|AmazonSSMFullAccess)$""",
    re.VERBOSE,
)


def main(folder: Path) -> None:
    tree = ast.parse((folder / "moto/iam/aws_managed_policies.py").read_text())
    data = next(
        ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign) and node.targets[0].id == "aws_managed_policies_data"
    )
    here = Path(__file__).parent
    with (here / "policies.jsonl").open("w") as out:
        for name, policy in sorted(json.loads(data).items()):
            if not WANTED.match(name):
                continue
            row = {
                "name": name,
                "path": policy["Path"],
                "version": policy["DefaultVersionId"],
                "created": policy["CreateDate"],
                "updated": policy["UpdateDate"],
                "document": policy["Document"],
            }
            out.write(json.dumps(row, separators=(",", ":"), ensure_ascii=False) + "\n")


main(Path(sys.argv[1]))
