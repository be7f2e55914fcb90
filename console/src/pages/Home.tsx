// Search over everything by name, or to the page of an ARN; and how things stand.

import { useMemo, useState } from 'react';

import { call, pages } from '../api/call';
import { useQuery } from '../api/query';
import { listBuckets, parseUri } from '../api/s3';
import type { Endpoint } from '../api/types';
import { Link, go, pageOfArn, to } from '../router';
import { count } from '../ui/format';
import { PageHead, Panel, Shown, TextField } from '../ui/parts';
import { listRoles } from '../api/iam';
import { listLogGroups } from '../api/logs';
import { listStateMachines } from './StateMachines';

interface Found {
  kind: string;
  name: string;
  page: string;
  /** What else it is called. */
  also?: string;
}

const PAGES: Found[] = [
  ['Step Functions', 'State machines', '/state-machines', 'AWS SFN'],
  ['Step Functions', 'Create state machine', '/create', 'AWS SFN'],
  ['SageMaker', 'Training jobs', '/training-jobs', 'Amazon'],
  ['SageMaker', 'Models', '/models', 'Amazon'],
  ['SageMaker', 'Endpoints', '/endpoints', 'Amazon'],
  ['S3', 'Buckets', '/s3', 'Amazon Simple Storage Service'],
  ['CloudWatch', 'Logs', '/logs', 'Amazon'],
  ['IAM', 'Roles', '/iam', 'AWS Identity and Access Management'],
  ['IAM', 'Policies', '/iam?tab=policies', 'AWS Identity and Access Management'],
  ['IAM', 'Create role', '/iam/create-role', 'AWS Identity and Access Management'],
  ['Stepwell', 'Set-up', '/set-up', 'CLI boto3 SDK Terraform'],
].map(([kind, name, page, also]) => ({ kind: kind!, name: name!, page: page!, also: also! }));

/** So many of a kind are looked through. */
const MOST = 1000;

/** What there is, by name. A service that refuses has nothing to show here. */
async function everything(): Promise<Found[]> {
  const list = <T,>(ask: Promise<T[]>, found: (item: T) => Found) =>
    ask.then((items) => items.slice(0, MOST).map(found)).catch(() => []);
  const sagemaker = <T,>(operation: string, member: string) =>
    pages<T>(async (NextToken) => {
      const asked = { MaxResults: 100, SortBy: 'CreationTime', SortOrder: 'Descending', NextToken };
      const answer = await call<Record<string, T[]> & { NextToken?: string }>('sagemaker', operation, asked);
      return { items: answer[member] ?? [], next: answer.NextToken };
    }, MOST);
  const all = await Promise.all([
    list(listStateMachines(), (machine) => ({
      kind: 'State machine',
      name: machine.name,
      page: to('state-machines', machine.stateMachineArn),
    })),
    list(sagemaker<{ TrainingJobName: string }>('ListTrainingJobs', 'TrainingJobSummaries'), (job) => ({
      kind: 'Training job',
      name: job.TrainingJobName,
      page: to('training-jobs', job.TrainingJobName),
    })),
    list(sagemaker<{ ModelName: string }>('ListModels', 'Models'), (model) => ({
      kind: 'Model',
      name: model.ModelName,
      page: to('models', model.ModelName),
    })),
    list(sagemaker<Endpoint>('ListEndpoints', 'Endpoints'), (endpoint) => ({
      kind: 'Endpoint',
      name: endpoint.EndpointName,
      page: to('endpoints', endpoint.EndpointName),
    })),
    list(listBuckets(), (bucket) => ({ kind: 'Bucket', name: bucket.name, page: to('s3', bucket.name) })),
    list(listLogGroups(), ({ logGroupName }) => ({
      kind: 'Log group',
      name: logGroupName,
      page: to('logs', logGroupName),
    })),
    list(listRoles(), (role) => ({ kind: 'Role', name: role.name, page: to('iam', 'roles', role.name) })),
  ]);
  return all.flat();
}

/** Between two looks at everything. */
const REST = 2000;

const SHOWN = 30;

export function Home() {
  const [search, setSearch] = useState('');
  const things = useQuery('everything', everything, {
    // What is in a thing, a line of a log or an execution, is not asked for here.
    on: ({ service, arn }) => service !== 'cloudwatch' && !/:(execution|log-group):/.test(arn ?? ''),
    rest: REST,
  });
  const word = search.trim();
  const found = useMemo(() => {
    if (word === '') return [];
    const place = word.startsWith('arn:') ? pageOfArn(word) : undefined;
    if (place) return [{ kind: 'ARN', name: word, page: place }];
    const uri = parseUri(word);
    if (uri)
      return [{ kind: 'Object', name: word, page: `${to('s3', uri.bucket)}?key=${encodeURIComponent(uri.key)}` }];
    const words = word.toLowerCase().split(/\s+/);
    return [...PAGES, ...(things.data ?? [])].filter(({ name, kind, also = '' }) =>
      words.every((one) => `${name} ${kind} ${also}`.toLowerCase().includes(one)),
    );
  }, [word, things.data]);
  return (
    <>
      <PageHead title="Stepwell" />
      <form
        role="search"
        onSubmit={(event) => {
          event.preventDefault();
          if (found[0]) go(found[0].page);
        }}
      >
        <TextField
          label="Search"
          type="search"
          value={search}
          onChange={setSearch}
          placeholder="a name, an ARN, s3://…, a service"
          hint="Enter opens the first."
        />
      </form>
      {word !== '' && (
        <>
          <p className="quiet" role="status">
            {count(found.length, 'result')}
          </p>
          <ul className="results">
            {found.slice(0, SHOWN).map((one) => (
              <li key={`${one.kind} ${one.page}`}>
                <span className="kind">{one.kind}</span>
                <Link to={one.page}>{one.name}</Link>
              </li>
            ))}
          </ul>
        </>
      )}
      <Shown query={things}>
        {(all) => (
          <div className="cards">
            <Card title="State machines" page="/state-machines" n={amount(all, 'State machine')} one="state machine">
              <Link to="/create">Create one</Link>
            </Card>
            <Card title="Training jobs" page="/training-jobs" n={amount(all, 'Training job')} one="training job" />
            <Card title="Models" page="/models" n={amount(all, 'Model')} one="model" />
            <Card title="Endpoints" page="/endpoints" n={amount(all, 'Endpoint')} one="endpoint" />
            <Card title="S3" page="/s3" n={amount(all, 'Bucket')} one="bucket" />
            <Card title="Logs" page="/logs" n={amount(all, 'Log group')} one="log group" />
            <Card title="IAM" page="/iam" n={amount(all, 'Role')} one="role">
              <Link to="/iam/create-role">Create one</Link>
            </Card>
            <Card title="Set-up" page="/set-up">
              Endpoints and credentials for boto3, the SDKs, the CLI and Terraform
            </Card>
          </div>
        )}
      </Shown>
    </>
  );
}

function amount(all: Found[], kind: string): number {
  return all.filter((one) => one.kind === kind).length;
}

function Card({
  title,
  page,
  n,
  one,
  children,
}: {
  title: string;
  page: string;
  n?: number;
  one?: string;
  children?: React.ReactNode;
}) {
  return (
    <Panel title={title}>
      {n !== undefined && (
        <p>
          <Link to={page}>{n < MOST ? count(n, one!) : `${count(n, one!)} or more`}</Link>
        </p>
      )}
      {n === undefined && (
        <p>
          <Link to={page}>Open</Link>
        </p>
      )}
      {children && <p className="quiet">{children}</p>}
    </Panel>
  );
}
