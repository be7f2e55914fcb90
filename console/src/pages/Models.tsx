// Models.

import { call } from '../api/call';
import { of, useQuery } from '../api/query';
import { Link, to } from '../router';
import { dateTime } from '../ui/format';
import { Arn, Code, Facts, PageHead, Shown } from '../ui/parts';
import { S3Link } from './JobDetail';
import { type Kind, ResourceList } from './ResourceList';

const MODELS: Kind<{ ModelName: string; CreationTime: number }> = {
  title: 'Models',
  one: 'model',
  page: 'models',
  operation: 'ListModels',
  member: 'Models',
  name: (model) => model.ModelName,
  columns: [['Created', (model) => dateTime(model.CreationTime)]],
};

export function Models() {
  return <ResourceList of={MODELS} />;
}

interface Described {
  ModelArn: string;
  CreationTime: number;
  ExecutionRoleArn?: string;
  PrimaryContainer?: { Image?: string; ModelDataUrl?: string; Environment?: Record<string, string> };
}

export function Model({ name }: { name: string }) {
  const model = useQuery(
    `model ${name}`,
    (signal) => call<Described>('sagemaker', 'DescribeModel', { ModelName: name }, signal),
    { on: of('sagemaker') },
  );
  return (
    <>
      <PageHead title={name} crumbs={[['Models', '/models']]} />
      <Shown query={model}>
        {(model) => (
          <>
            <Facts
              of={[
                ['ARN', <Arn key="arn" arn={model.ModelArn} />],
                ['Created', dateTime(model.CreationTime)],
                ['Image', model.PrimaryContainer?.Image && <code>{model.PrimaryContainer.Image}</code>],
                [
                  'Artifact',
                  model.PrimaryContainer?.ModelDataUrl && <S3Link uri={model.PrimaryContainer.ModelDataUrl} />,
                ],
                [
                  'Role',
                  model.ExecutionRoleArn && (
                    <Link to={to('iam', 'roles', model.ExecutionRoleArn.split('/').pop()!)}>
                      {model.ExecutionRoleArn.split('/').pop()}
                    </Link>
                  ),
                ],
              ]}
            />
            <Code text={JSON.stringify(model)} label="Description" />
          </>
        )}
      </Shown>
    </>
  );
}
