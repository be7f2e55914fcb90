// One state machine: its graph, its executions, its definition, versions and aliases.

import { useCallback, useState } from 'react';

import { call } from '../api/call';
import { METRICS_REST, counted, metrics, timeOfDay, untilNow } from '../api/metrics';
import { of, useQuery } from '../api/query';
import type { StateMachineDetail } from '../api/types';
import { Graph } from '../graph/Graph';
import { picture } from '../graph/picture';
import { Link, go, setParameter, to, useLocation } from '../router';
import { Chart } from '../ui/chart';
import { dateTime } from '../ui/format';
import {
  Arn,
  Code,
  Dialog,
  Facts,
  PageHead,
  Panel,
  Shown,
  Status,
  Table,
  Tabs,
  TextField,
  useAnnounce,
  useRested,
} from '../ui/parts';
import { ExecutionTable } from './ExecutionTable';
import { StartExecution } from './StartExecution';

export function describe(arn: string, signal?: AbortSignal): Promise<StateMachineDetail> {
  return call('states', 'DescribeStateMachine', { stateMachineArn: arn }, signal);
}

export function StateMachine({ arn }: { arn: string }) {
  const { query } = useLocation();
  const tab = query.get('tab') ?? 'executions';
  const machine = useQuery(`machine ${arn}`, (signal) => describe(arn, signal), {
    on: (change) => change.service === 'stepfunctions' && change.arn === arn,
  });
  const graph = useQuery(machine.data ? `graph ${arn} ${machine.data.definition}` : null, (signal) =>
    picture({ definition: machine.data!.definition }, signal),
  );
  const [dialog, setDialog] = useState<'start' | 'delete' | null>(null);
  const announce = useAnnounce();
  const name = arn.split(':')[6] ?? arn;
  const { data } = machine;
  const logGroup = data?.loggingConfiguration?.destinations?.[0]?.cloudWatchLogsLogGroup?.logGroupArn;
  return (
    <>
      <PageHead
        title={name}
        crumbs={[['State machines', '/state-machines']]}
        status={data && data.status !== 'ACTIVE' && <Status of={data.status} />}
      >
        <button type="button" onClick={() => setDialog('delete')}>
          Delete
        </button>
        <button type="button" onClick={() => go(to('state-machines', arn, 'edit'))}>
          Edit
        </button>
        <button type="button" className="primary" disabled={!data} onClick={() => setDialog('start')}>
          Start execution
        </button>
      </PageHead>
      <Shown query={machine}>
        {(machine) => (
          <>
            <Facts
              of={[
                ['ARN', <Arn key="arn" arn={machine.stateMachineArn} />],
                [
                  'Role',
                  <Link key="role" to={to('iam', 'roles', machine.roleArn.split('/').pop()!)}>
                    {machine.roleArn.split('/').pop()}
                  </Link>,
                ],
                ['Type', machine.type === 'EXPRESS' ? 'Express' : 'Standard'],
                ['Created', dateTime(machine.creationDate)],
                [
                  'Log',
                  logGroup && (
                    <Link to={to('logs', logGroup.split(':log-group:')[1]!.replace(/:\*$/, ''))}>Execution log</Link>
                  ),
                ],
              ]}
            />
            <div className="beside">
              <div>
                <Tabs
                  label="State machine"
                  current={tab}
                  onChoose={(id) => setParameter('tab', id)}
                  tabs={[
                    ['executions', 'Executions'],
                    ['metrics', 'Metrics'],
                    ['definition', 'Definition'],
                    ['versions', 'Versions and aliases'],
                  ]}
                />
                {tab === 'executions' && machine.type === 'EXPRESS' && (
                  <Panel title="Executions">
                    <p className="quiet">
                      Express executions keep no history; their logs tell of them
                      {logGroup ? '.' : ', once a logging configuration says where to.'}
                    </p>
                  </Panel>
                )}
                {tab === 'executions' && machine.type === 'STANDARD' && <Executions arn={arn} />}
                {tab === 'metrics' && <Metrics arn={arn} />}
                {tab === 'definition' && <Code text={machine.definition} label="Definition" />}
                {tab === 'versions' && <Versions arn={arn} />}
              </div>
              <Panel title="Graph">
                <Shown query={graph}>
                  {(shown) => <Graph picture={shown} label={`Graph of ${name}`} live={false} />}
                </Shown>
              </Panel>
            </div>
          </>
        )}
      </Shown>
      {dialog === 'start' && data && (
        <StartExecution
          stateMachineArn={arn}
          definition={data.definition}
          type={data.type}
          onClose={() => setDialog(null)}
        />
      )}
      {dialog === 'delete' && (
        <Dialog
          title={`Delete ${name}?`}
          submit="Delete"
          danger
          onClose={() => setDialog(null)}
          onSubmit={async () => {
            await call('states', 'DeleteStateMachine', { stateMachineArn: arn });
            announce(`${name} is deleted.`);
            go('/state-machines');
          }}
        >
          <p>Its running executions are stopped first. This cannot be undone.</p>
        </Dialog>
      )}
    </>
  );
}

const STATUSES = ['RUNNING', 'SUCCEEDED', 'FAILED', 'TIMED_OUT', 'ABORTED'];

function Executions({ arn }: { arn: string }) {
  const [status, setStatus] = useState('');
  const [name, setName] = useState('');
  const [since, setSince] = useState('');
  const [until, setUntil] = useState('');
  const word = useRested(name.trim(), 200);
  const search =
    word !== '' || since !== '' || until !== ''
      ? {
          name: word,
          since: since ? new Date(since).getTime() / 1000 : 0,
          // JSON, which the search is compared as, has no infinity.
          until: until ? new Date(until).getTime() / 1000 : Number.MAX_VALUE,
        }
      : undefined;
  return (
    <Panel title="Executions">
      <div className="filters">
        <div className="field">
          <label htmlFor="status-filter">Status</label>
          <select id="status-filter" value={status} onChange={(event) => setStatus(event.target.value)}>
            <option value="">Any</option>
            {STATUSES.map((status) => (
              <option key={status} value={status}>
                {status.charAt(0) + status.slice(1).toLowerCase().replace('_', ' ')}
              </option>
            ))}
          </select>
        </div>
        <TextField label="Name contains" type="search" value={name} onChange={setName} />
        <TextField label="Started after" type="datetime-local" value={since} onChange={setSince} />
        <TextField label="Started before" type="datetime-local" value={until} onChange={setUntil} />
      </div>
      <ExecutionTable
        owner={{ stateMachineArn: arn }}
        status={status}
        search={search}
        on={of('stepfunctions', arn.replace(':stateMachine:', ':execution:'))}
        label="Executions"
      />
    </Panel>
  );
}

const METRICS = [
  'ExecutionsStarted',
  'ExecutionsSucceeded',
  'ExecutionsFailed',
  'ExecutionsAborted',
  'ExecutionsTimedOut',
];

/** Three hours. */
const SPAN = 3 * 3600;

/** How many executions began and ended, minute by minute, and how long they took; from CloudWatch. */
function Metrics({ arn }: { arn: string }) {
  const shown = useQuery(
    `metrics ${arn}`,
    async (signal) => {
      const dimensions = { StateMachineArn: arn };
      const asked = [
        { label: 'ExecutionTime', metric: 'ExecutionTime', statistic: 'Average' as const, dimensions },
        ...METRICS.map((metric) => ({ label: metric, metric, statistic: 'Sum' as const, dimensions })),
      ];
      const [time, ...counts] = await metrics('AWS/States', SPAN, asked, signal);
      return { time: [time!], counts: counted(counts) };
    },
    { on: of('stepfunctions', arn.replace(':stateMachine:', ':execution:')), rest: METRICS_REST },
  );
  return (
    <Panel title="Metrics of the last three hours">
      <Shown query={shown}>
        {({ time, counts }) =>
          counts.length === 0 ? (
            <p className="quiet">No execution in this time.</p>
          ) : (
            <>
              <h3>Executions a minute</h3>
              <Chart title="Executions a minute" series={counts} x={timeOfDay} from={0} span={untilNow(SPAN)} />
              <h3>Execution time in milliseconds</h3>
              <Chart
                title="Average execution time in milliseconds"
                series={time}
                x={timeOfDay}
                from={0}
                span={untilNow(SPAN)}
              />
            </>
          )
        }
      </Shown>
    </Panel>
  );
}

interface Version {
  stateMachineVersionArn: string;
  creationDate: number;
}

interface Alias {
  stateMachineAliasArn: string;
  creationDate: number;
  routingConfiguration: { stateMachineVersionArn: string; weight: number }[];
}

/** The aliases, each with the versions that it leads to. */
async function aliasesOf(stateMachineArn: string, signal: AbortSignal): Promise<Alias[]> {
  const { stateMachineAliases } = await call<{ stateMachineAliases: { stateMachineAliasArn: string }[] }>(
    'states',
    'ListStateMachineAliases',
    { stateMachineArn, maxResults: 1000 },
    signal,
  );
  return Promise.all(
    stateMachineAliases.map(({ stateMachineAliasArn }) =>
      call<Alias>('states', 'DescribeStateMachineAlias', { stateMachineAliasArn }, signal),
    ),
  );
}

function Versions({ arn }: { arn: string }) {
  const announce = useAnnounce();
  const [dialog, setDialog] = useState<string | null>(null);
  const [alias, setAlias] = useState('');
  const on = of('stepfunctions', arn);
  const versions = useQuery(
    `versions ${arn}`,
    (signal) =>
      call<{ stateMachineVersions: Version[] }>(
        'states',
        'ListStateMachineVersions',
        { stateMachineArn: arn, maxResults: 1000 },
        signal,
      ),
    { on },
  );
  const aliases = useQuery(`aliases ${arn}`, (signal) => aliasesOf(arn, signal), { on });
  const publish = useCallback(async () => {
    const { stateMachineVersionArn } = await call<{ stateMachineVersionArn: string }>(
      'states',
      'PublishStateMachineVersion',
      { stateMachineArn: arn },
    );
    announce(`Version ${stateMachineVersionArn.split(':').pop()} is published.`);
    versions.reload();
  }, [arn, announce, versions]);
  return (
    <>
      <Panel
        title="Versions"
        actions={
          <button type="button" onClick={() => void publish()}>
            Publish version
          </button>
        }
      >
        <Shown query={versions}>
          {({ stateMachineVersions }) => (
            <Table label="Versions" head={['Version', 'Created', '']} empty={<p>No version is published.</p>}>
              {stateMachineVersions.map((version) => (
                <tr key={version.stateMachineVersionArn}>
                  <th scope="row">
                    <Arn arn={version.stateMachineVersionArn} />
                  </th>
                  <td>{dateTime(version.creationDate)}</td>
                  <td>
                    <button type="button" className="small" onClick={() => setDialog(version.stateMachineVersionArn)}>
                      Point an alias here
                    </button>
                  </td>
                </tr>
              ))}
            </Table>
          )}
        </Shown>
      </Panel>
      <Panel title="Aliases">
        <Shown query={aliases}>
          {(aliases) => (
            <Table label="Aliases" head={['Alias', 'Leads to', 'Created']} empty={<p>No alias.</p>}>
              {aliases.map((alias) => (
                <tr key={alias.stateMachineAliasArn}>
                  <th scope="row">
                    <Arn arn={alias.stateMachineAliasArn} />
                  </th>
                  <td>
                    {alias.routingConfiguration
                      .map(
                        ({ stateMachineVersionArn, weight }) =>
                          `version ${stateMachineVersionArn.split(':').pop()}${weight === 100 ? '' : `, ${weight} %`}`,
                      )
                      .join('; ')}
                  </td>
                  <td>{dateTime(alias.creationDate)}</td>
                </tr>
              ))}
            </Table>
          )}
        </Shown>
      </Panel>
      {dialog && (
        <Dialog
          title={`Point an alias at version ${dialog.split(':').pop()}`}
          submit="Save"
          onClose={() => setDialog(null)}
          onSubmit={async () => {
            const routingConfiguration = [{ stateMachineVersionArn: dialog, weight: 100 }];
            const known = aliases.data?.find((one) => one.stateMachineAliasArn.endsWith(`:${alias}`));
            if (known) {
              const { stateMachineAliasArn } = known;
              await call('states', 'UpdateStateMachineAlias', { stateMachineAliasArn, routingConfiguration });
            } else {
              await call('states', 'CreateStateMachineAlias', { name: alias, routingConfiguration });
            }
            announce(`Alias ${alias} is saved.`);
            aliases.reload();
          }}
        >
          <TextField
            label="Alias"
            value={alias}
            onChange={setAlias}
            required
            hint="A new name, or one that is to move."
          />
        </Dialog>
      )}
    </>
  );
}
