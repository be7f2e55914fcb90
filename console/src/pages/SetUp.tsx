// How other programs talk to this server.

import { useSyncExternalStore } from 'react';

import { credentials, isSignedIn, onSession, region } from '../api/session';
import { HOME } from '../router';
import { Code, PageHead, Panel } from '../ui/parts';

export function SetUp() {
  const where = location.origin;
  const name = useSyncExternalStore(onSession, region);
  // The secret of whoever signed in is not for a page.
  const key = useSyncExternalStore(onSession, () => credentials().accessKeyId);
  const secret = useSyncExternalStore(onSession, isSignedIn) ? 'YOUR-SECRET-ACCESS-KEY' : 'test';
  return (
    <>
      <PageHead title="Set-up" />
      <Panel title="Every AWS client in a shell">
        <p>
          On the server’s own machine, this sets the endpoint, credentials, the proxy that stands in for AWS’s STS, and
          versions of the SDKs that work together:
        </p>
        <Code text={`eval "$(stepwell env --endpoint ${where})"`} label="Shell" />
        <p>From elsewhere, by hand:</p>
        <Code
          text={`export AWS_ENDPOINT_URL=${where}\nexport AWS_DEFAULT_REGION=${name}\nexport AWS_ACCESS_KEY_ID=${key}\nexport AWS_SECRET_ACCESS_KEY=${secret}`}
          label="Shell"
        />
      </Panel>
      <Panel title="Python: boto3">
        <Code
          text={`import boto3\n\nstates = boto3.client(\n    "stepfunctions",\n    endpoint_url="${where}",\n    region_name="${name}",\n    aws_access_key_id="${key}",\n    aws_secret_access_key="${secret}",\n)\nprint(states.list_state_machines()["stateMachines"])`}
          label="Python"
        />
      </Panel>
      <Panel title="Python: Step Functions Data Science SDK and SageMaker SDK">
        <Code
          text={`# after eval "$(stepwell env)"; pip install stepfunctions sagemaker\nfrom stepfunctions import steps\nfrom stepfunctions.workflow import Workflow\n\nworkflow = Workflow(\n    "hello",\n    steps.Chain([steps.Pass("Hello", result="world")]),\n    "arn:aws:iam::000000000000:role/stepwell",\n)\nworkflow.create()\nexecution = workflow.execute()`}
          label="Python"
        />
      </Panel>
      <Panel title="Rust: stepwell-sdk">
        <Code
          text={`use stepwell_sdk::steps::{Chain, Pass};\nuse stepwell_sdk::{Client, Workflow};\n\nlet client = Client::local("${where}")?;\nlet chain = Chain::new().then(Pass::new("Hello"));\nlet role = "arn:aws:iam::000000000000:role/stepwell";\nlet workflow = Workflow::new("hello", chain, role)?.create(&client).await?;\nlet execution = workflow.execute(serde_json::json!({})).await?;`}
          label="Rust"
        />
      </Panel>
      <Panel title="AWS CLI">
        <Code text={`aws --endpoint-url ${where} --region ${name} stepfunctions list-state-machines`} label="Shell" />
      </Panel>
      <Panel title="Terraform">
        <Code
          text={`provider "aws" {\n  region                      = "${name}"\n  access_key                  = "${key}"\n  secret_key                  = "${secret}"\n  skip_credentials_validation = true\n  skip_requesting_account_id  = true\n  s3_use_path_style           = true\n\n  endpoints {\n    sfn        = "${where}"\n    sagemaker  = "${where}"\n    s3         = "${where}"\n    iam        = "${where}"\n    sts        = "${where}"\n    logs       = "${where}"\n    cloudwatch = "${where}"\n  }\n}`}
          label="Terraform"
        />
      </Panel>
      <p>
        <a href={`${HOME}/licenses.md`}>Licences of what this page is built from</a>
      </p>
    </>
  );
}
