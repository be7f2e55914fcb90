// A new role: who may act with it, and what it may do.

import { useState } from 'react';

import { query } from '../api/call';
import { go, to } from '../router';
import { Code, Field, PageHead, Panel, Problem, TextField, useAction, useAnnounce } from '../ui/parts';

const SERVICES: [string, string, string[]][] = [
  [
    'states.amazonaws.com',
    'Step Functions',
    ['arn:aws:iam::aws:policy/AmazonSageMakerFullAccess', 'arn:aws:iam::aws:policy/CloudWatchEventsFullAccess'],
  ],
  ['sagemaker.amazonaws.com', 'SageMaker', ['arn:aws:iam::aws:policy/AmazonSageMakerFullAccess']],
  ['lambda.amazonaws.com', 'Lambda', ['arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole']],
  ['events.amazonaws.com', 'EventBridge', []],
];

export function CreateRole() {
  const [service, setService] = useState(SERVICES[0]![0]);
  const [name, setName] = useState('');
  const [description, setDescription] = useState('');
  const [attached, setAttached] = useState<string[]>([]);
  const announce = useAnnounce();
  const { busy, error, run } = useAction();
  const offered = SERVICES.find(([principal]) => principal === service)![2];
  const trust = {
    Version: '2012-10-17',
    Statement: [{ Effect: 'Allow', Principal: { Service: service }, Action: 'sts:AssumeRole' }],
  };
  return (
    <>
      <PageHead title="Create role" crumbs={[['IAM', '/iam']]} />
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void run(async () => {
            await query('iam', 'CreateRole', {
              RoleName: name.trim(),
              AssumeRolePolicyDocument: JSON.stringify(trust),
              ...(description.trim() ? { Description: description.trim() } : {}),
            });
            for (const arn of attached.filter((arn) => offered.includes(arn))) {
              await query('iam', 'AttachRolePolicy', { RoleName: name.trim(), PolicyArn: arn });
            }
            announce(`${name} is created.`);
            go(to('iam', 'roles', name.trim()));
          });
        }}
      >
        <Panel title="Who acts with it">
          <Field label="Service">
            {(id) => (
              <select id={id} value={service} onChange={(event) => setService(event.target.value)}>
                {SERVICES.map(([principal, word]) => (
                  <option key={principal} value={principal}>
                    {word}
                  </option>
                ))}
              </select>
            )}
          </Field>
          <Code text={JSON.stringify(trust)} label="Trust policy" />
        </Panel>
        <Panel title="What it may do">
          {offered.length === 0 && <p className="quiet">Attach policies once the role is there.</p>}
          {offered.map((arn) => (
            <label key={arn} className="choice">
              <input
                type="checkbox"
                checked={attached.includes(arn)}
                onChange={(event) =>
                  setAttached(event.target.checked ? [...attached, arn] : attached.filter((one) => one !== arn))
                }
              />{' '}
              {arn.split('/').pop()}
            </label>
          ))}
        </Panel>
        <Panel title="Its name">
          <TextField label="Role name" value={name} onChange={setName} required />
          <TextField label="Description" value={description} onChange={setDescription} />
        </Panel>
        {error && <Problem error={error} />}
        <button type="submit" className="primary" disabled={busy || name.trim() === ''}>
          Create role
        </button>
      </form>
    </>
  );
}
