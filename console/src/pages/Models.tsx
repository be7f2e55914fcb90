// Models.

import { useState } from 'react';

import { call } from '../api/call';
import { useQuery } from '../api/query';
import { Link, to } from '../router';
import { dateTime } from '../ui/format';
import { Arn, Code, Facts, PageHead, Panel, Shown, Table, TextField } from '../ui/parts';
import { S3Link } from './JobDetail';

const on = (change: { service: string }) => change.service === 'sagemaker';

export function Models() {
  const [search, setSearch] = useState('');
  const models = useQuery(
    `models ${search}`,
    (signal) =>
      call<{ Models: { ModelName: string; CreationTime: number }[]; NextToken?: string }>(
        'sagemaker',
        'ListModels',
        { MaxResults: 100, ...(search.trim() ? { NameContains: search.trim() } : {}) },
        signal,
      ),
    { on },
  );
  return (
    <>
      <PageHead title="Models" />
      <Panel title="All models">
        <TextField label="Name contains" type="search" value={search} onChange={setSearch} />
        <Shown query={models}>
          {({ Models, NextToken }) => (
            <>
              <Table
                label="Models"
                head={['Name', 'Created']}
                empty={<p>{search ? 'No name contains this.' : 'No model yet.'}</p>}
              >
                {Models.map((model) => (
                  <tr key={model.ModelName}>
                    <th scope="row">
                      <Link to={to('models', model.ModelName)}>{model.ModelName}</Link>
                    </th>
                    <td>{dateTime(model.CreationTime)}</td>
                  </tr>
                ))}
              </Table>
              {NextToken && <p className="quiet">These are the latest hundred; search for the others.</p>}
            </>
          )}
        </Shown>
      </Panel>
    </>
  );
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
    { on },
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
