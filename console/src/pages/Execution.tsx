// One execution as it runs: its graph, its states one by one, its history.

import { lazy, Suspense, useMemo, useRef, useState } from 'react';

import { call, send } from '../api/call';
import { type Visit, details, history, visits } from '../api/history';
import { of, useQuery } from '../api/query';
import type { Execution as Described, HistoryEvent, StateMachineDetail } from '../api/types';
import { Graph } from '../graph/Graph';
import { picture } from '../graph/picture';
import { Link, pageOfArn, setParameter, to, useLocation } from '../router';
import { count, dateTime, duration, pretty } from '../ui/format';
import {
  Arn,
  Code,
  Dialog,
  Facts,
  PageHead,
  Panel,
  Problem,
  Shown,
  Status,
  Table,
  Tabs,
  TextField,
  useAnnounce,
  useNow,
} from '../ui/parts';
import { VirtualList } from '../ui/virtual';
import { StartExecution } from './StartExecution';
import { Timeline } from './Timeline';

const JobDetail = lazy(() => import('./JobDetail'));

export function Execution({ arn }: { arn: string }) {
  const { query } = useLocation();
  const tab = query.get('view') ?? 'states';
  const selected = query.get('state') ?? undefined;
  const announce = useAnnounce();
  const on = of('stepfunctions', arn);
  const execution = useQuery(
    `execution ${arn}`,
    (signal) => call<Described>('states', 'DescribeExecution', { executionArn: arn }, signal),
    { on },
  );
  const machine = useQuery(`definition ${arn}`, (signal) =>
    call<StateMachineDetail>('states', 'DescribeStateMachineForExecution', { executionArn: arn }, signal),
  );
  const graph = useQuery(`picture ${arn}`, (signal) => picture({ executionArn: arn }, signal), { on });

  const refused = useQuery(`denials ${arn}`, (signal) => denialsOf(arn, signal), { on });

  const kept = useRef<{ arn: string; events: HistoryEvent[] }>({ arn, events: [] });
  if (kept.current.arn !== arn) kept.current = { arn, events: [] };
  const [partial, setPartial] = useState<HistoryEvent[]>([]);
  const events = useQuery(
    `history ${arn}`,
    async (signal) => {
      const all = await history(arn, kept.current.events, signal, setPartial);
      kept.current = { arn, events: all };
      return all;
    },
    { on },
  );
  const shown = events.data ?? partial;
  const status = execution.data?.status ?? 'RUNNING';
  const stays = useMemo(() => visits(shown, status), [shown, status]);
  const [dialog, setDialog] = useState<'stop' | 'again' | null>(null);
  const running = status === 'RUNNING';
  const now = useNow(running);

  const choose = (name: string) => setParameter('state', name === selected ? null : name);
  const { data } = execution;
  const node = graph.data?.nodes.find((node) => node.name === selected);

  return (
    <>
      <PageHead
        title={data?.name ?? arn.split(':')[7] ?? arn}
        crumbs={[
          ['State machines', '/state-machines'],
          ...(data
            ? [
                [
                  data.stateMachineArn.split(':')[6]!,
                  to('state-machines', data.stateMachineArn.split(':').slice(0, 7).join(':')),
                ] as [string, string],
              ]
            : []),
        ]}
        status={data && <Status of={data.status} />}
      >
        {running && (
          <button type="button" onClick={() => setDialog('stop')}>
            Stop
          </button>
        )}
        {data?.redriveStatus === 'REDRIVABLE' && (
          <button
            type="button"
            onClick={() => {
              call('states', 'RedriveExecution', { executionArn: arn }).then(
                () => announce('The execution goes on from where it failed.'),
                (error: Error) => announce(error.message),
              );
            }}
          >
            Redrive
          </button>
        )}
        <button type="button" disabled={!data || !machine.data} onClick={() => setDialog('again')}>
          Run again
        </button>
      </PageHead>

      <Shown query={execution}>
        {(execution) => (
          <>
            <Facts
              of={[
                ['ARN', <Arn key="arn" arn={execution.executionArn} />],
                ['Started', dateTime(execution.startDate)],
                ['Ended', execution.stopDate && dateTime(execution.stopDate)],
                ['Duration', duration((execution.stopDate ?? now / 1000) - execution.startDate)],
                ['Redrives', execution.redriveCount ? String(execution.redriveCount) : undefined],
                [
                  'Map run',
                  execution.mapRunArn && <Link to={to('map-runs', execution.mapRunArn)}>of this Map run</Link>,
                ],
              ]}
            />
            {execution.error !== undefined && (
              <div className="problem" role="alert">
                <strong>{execution.error}</strong>
                <pre>{pretty(execution.cause)}</pre>
              </div>
            )}
          </>
        )}
      </Shown>

      {refused.data && <Denials of={refused.data} />}

      <div className="beside">
        <Panel title="Graph">
          <Shown query={graph}>
            {(shown) => (
              <Graph
                picture={shown}
                label="Graph of the execution"
                live
                selected={node?.id}
                onSelect={(node) => choose(node.name)}
              />
            )}
          </Shown>
        </Panel>
        {selected !== undefined ? (
          <StateDetail
            name={selected}
            stays={stays.filter((visit) => visit.name === selected)}
            failed={node?.status === 'failed' || node?.status === 'timedOut'}
            definition={machine.data?.definition}
            now={now}
            onClose={() => choose(selected)}
          />
        ) : (
          <Panel title="Input and output">
            <p className="quiet">Choose a state to see what it did.</p>
            <Code text={data?.input} label="Input" />
            {data?.output !== undefined && <Code text={data.output} label="Output" />}
          </Panel>
        )}
      </div>

      <Tabs
        label="Views"
        current={tab}
        onChoose={(id) => setParameter('view', id)}
        tabs={[
          ['states', 'Table'],
          ['timeline', 'Timeline'],
          ['events', 'Events'],
          ['map-runs', 'Map runs'],
        ]}
      />
      {events.error && <Problem error={events.error} retry={events.reload} />}
      {tab === 'states' && <States stays={stays} now={now} onChoose={choose} />}
      {tab === 'timeline' && (
        <Panel title="Timeline">
          <Timeline stays={stays} now={now} onChoose={choose} />
        </Panel>
      )}
      {tab === 'events' && <Events events={shown} whole={events.data !== undefined} />}
      {tab === 'map-runs' && <MapRuns arn={arn} />}

      {dialog === 'stop' && (
        <Dialog
          title="Stop this execution?"
          submit="Stop execution"
          danger
          onClose={() => setDialog(null)}
          onSubmit={async () => {
            await call('states', 'StopExecution', { executionArn: arn });
            announce('The execution is stopped.');
          }}
        >
          <p>What its current step has begun is ended too. It can be redriven from there.</p>
        </Dialog>
      )}
      {dialog === 'again' && data && machine.data && (
        <StartExecution
          stateMachineArn={data.stateMachineVersionArn ?? data.stateMachineArn}
          definition={machine.data.definition}
          type="STANDARD"
          input={data.input}
          onClose={() => setDialog(null)}
        />
      )}
    </>
  );
}

interface Denial {
  principal: string;
  action: string;
  resource: string;
  /** AWS's text, and what would allow it. */
  message: string;
  hint: string | null;
}

/** `POST /_stepwell/denials`: what was refused an execution, or would have been. */
async function denialsOf(executionArn: string, signal: AbortSignal): Promise<Denial[]> {
  const response = await send('states', {
    method: 'POST',
    path: '/_stepwell/denials',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ executionArn }),
    signal,
  });
  return ((await response.json()) as { denials: Denial[] }).denials;
}

/** What the roles lack. */
function Denials({ of: denials }: { of: Denial[] }) {
  if (denials.length === 0) return null;
  return (
    <Panel title={count(denials.length, 'missing permission')}>
      <p className="quiet">Refused by the policies of IAM; where this server only advises, AWS would refuse it.</p>
      <ul className="diagnostics">
        {denials.map(({ principal, action, resource, message, hint }) => (
          <li key={`${principal} ${action} ${resource}`}>
            <Link to={pageOfArn(principal) ?? '/iam'}>{principal.split('/').pop()}</Link> may not <code>{action}</code>{' '}
            on <code>{resource}</code>
            <details>
              <summary>Why, and what would allow it</summary>
              <p>{message}</p>
              {hint?.includes('{') && (
                <>
                  <p>{hint.slice(0, hint.indexOf('{'))}</p>
                  <Code text={hint.slice(hint.indexOf('{'))} label="Statement to add to a policy" />
                </>
              )}
            </details>
          </li>
        ))}
      </ul>
    </Panel>
  );
}

function States({ stays, now, onChoose }: { stays: Visit[]; now: number; onChoose: (name: string) => void }) {
  const [most, setMost] = useState(200);
  return (
    <Panel title="States">
      <Table
        label="States"
        head={['State', 'Type', 'Status', 'Started', 'Duration', 'Retries']}
        empty={<p>No state was entered yet.</p>}
      >
        {stays.slice(0, most).map((visit) => (
          <tr key={visit.id}>
            <th scope="row" style={{ paddingLeft: `${0.75 + depth(visit) * 1.25}rem` }}>
              <button type="button" className="link" onClick={() => onChoose(visit.name)}>
                {visit.name}
              </button>
              {visit.iteration !== undefined && <span className="quiet"> #{visit.iteration}</span>}
            </th>
            <td>{visit.type}</td>
            <td>
              <Status of={visit.status} />
            </td>
            <td>{dateTime(visit.start)}</td>
            <td>{duration((visit.end ?? now / 1000) - visit.start)}</td>
            <td>{visit.retries || ''}</td>
          </tr>
        ))}
      </Table>
      {stays.length > most && (
        <button type="button" onClick={() => setMost(most + 500)}>
          Show more ({(stays.length - most).toLocaleString()})
        </button>
      )}
    </Panel>
  );
}

function depth(visit: Visit): number {
  let depth = 0;
  for (let up = visit.parent; up; up = up.parent) depth++;
  return depth;
}

const CATEGORIES: [string, (type: string) => boolean][] = [
  ['All', () => true],
  ['States', (type) => /State(Entered|Exited)$/.test(type)],
  ['Tasks', (type) => /^(Task|Activity|LambdaFunction)(?!State)/.test(type)],
  ['Failures', (type) => /(Failed|TimedOut|Aborted)$/.test(type)],
  ['Maps', (type) => /^Map/.test(type)],
];

function Events({ events, whole }: { events: HistoryEvent[]; whole: boolean }) {
  const [category, setCategory] = useState('All');
  const [search, setSearch] = useState('');
  const [newest, setNewest] = useState(false);
  const [open, setOpen] = useState<number>();
  const shown = useMemo(() => {
    const fits = CATEGORIES.find(([name]) => name === category)![1];
    const word = search.trim().toLowerCase();
    const found = events.filter(
      (event) => fits(event.type) && (word === '' || JSON.stringify(event).toLowerCase().includes(word)),
    );
    return newest ? found.reverse() : found;
  }, [events, category, search, newest]);
  const start = events[0]?.timestamp ?? 0;
  const chosen = open === undefined ? undefined : events.find((event) => event.id === open);
  return (
    <Panel title="Events">
      <div className="filters">
        <div className="field">
          <label htmlFor="category">Show</label>
          <select id="category" value={category} onChange={(event) => setCategory(event.target.value)}>
            {CATEGORIES.map(([name]) => (
              <option key={name}>{name}</option>
            ))}
          </select>
        </div>
        <TextField label="Contains" type="search" value={search} onChange={setSearch} />
        <label className="check">
          <input type="checkbox" checked={newest} onChange={(event) => setNewest(event.target.checked)} /> Newest first
        </label>
      </div>
      <p className="quiet" role="status">
        {count(shown.length, 'event')}
        {whole ? '' : ', more are coming…'}
      </p>
      <VirtualList
        label="Events"
        count={shown.length}
        rowHeight={34}
        height={510}
        row={(index) => {
          const event = shown[index]!;
          const told = details(event);
          return (
            <>
              <span role="cell" className="event-id">
                {event.id}
              </span>
              <span role="cell" className="event-type">
                <button type="button" className="link" onClick={() => setOpen(event.id)}>
                  {event.type}
                </button>
              </span>
              <span role="cell" className="event-name">
                {String(told['name'] ?? told['resource'] ?? told['error'] ?? '')}
              </span>
              <span role="cell" className="event-time">
                +{duration(event.timestamp - start)}
              </span>
            </>
          );
        }}
      />
      {chosen && <Code text={JSON.stringify(chosen)} label={`Event ${chosen.id}: ${chosen.type}`} />}
    </Panel>
  );
}

function MapRuns({ arn }: { arn: string }) {
  const runs = useQuery(
    `map-runs ${arn}`,
    (signal) =>
      call<{ mapRuns: { mapRunArn: string; startDate: number; stopDate?: number }[] }>(
        'states',
        'ListMapRuns',
        { executionArn: arn, maxResults: 1000 },
        signal,
      ),
    { on: of('stepfunctions', arn) },
  );
  return (
    <Panel title="Map runs">
      <Shown query={runs}>
        {({ mapRuns }) => (
          <Table label="Map runs" head={['Map run', 'Started', 'Ended']} empty={<p>No Distributed Map has run.</p>}>
            {mapRuns.map((run) => (
              <tr key={run.mapRunArn}>
                <th scope="row">
                  <Link to={to('map-runs', run.mapRunArn)}>{run.mapRunArn.split(':').slice(6).join(':')}</Link>
                </th>
                <td>{dateTime(run.startDate)}</td>
                <td>{dateTime(run.stopDate)}</td>
              </tr>
            ))}
          </Table>
        )}
      </Shown>
    </Panel>
  );
}

/** Of more stays than these one is chosen by its number. */
const LISTED_MAX = 200;

/** What a state did, each time it was entered. */
function StateDetail({
  name,
  stays,
  failed,
  definition,
  now,
  onClose,
}: {
  name: string;
  stays: Visit[];
  /** That it failed is shown first, whichever of a Map's iterations ended last. */
  failed: boolean;
  definition: string | undefined;
  now: number;
  onClose: () => void;
}) {
  const [tab, setTab] = useState('details');
  const [which, setWhich] = useState<number>();
  const trouble = failed ? stays.findLast((one) => one.status === 'failed' || one.status === 'timedOut') : undefined;
  const visit = stays.find((one) => one.id === which) ?? trouble ?? stays.at(-1);
  const job = visit && jobOf(visit);
  return (
    <Panel
      title={name}
      actions={
        <button type="button" className="small" aria-label="Close the state" onClick={onClose}>
          ✕
        </button>
      }
    >
      {stays.length > 1 && (
        <div className="field">
          <label htmlFor="visit">Entered {count(stays.length, 'time')}; shown</label>
          {stays.length > LISTED_MAX ? (
            <input
              id="visit"
              type="number"
              min={1}
              max={stays.length}
              value={stays.indexOf(visit!) + 1}
              onChange={(event) => setWhich(stays[Number(event.target.value) - 1]?.id)}
            />
          ) : (
            <select id="visit" value={visit?.id} onChange={(event) => setWhich(Number(event.target.value))}>
              {stays.map((one, index) => (
                <option key={one.id} value={one.id}>
                  {one.iteration === undefined ? `time ${index + 1}` : `iteration ${one.iteration}`}, {one.status}
                </option>
              ))}
            </select>
          )}
        </div>
      )}
      <Tabs
        label="State"
        current={tab}
        onChoose={setTab}
        tabs={[
          ['details', 'Details'],
          ['input', 'Input'],
          ['output', 'Output'],
          ['definition', 'Definition'],
          ['events', 'Events'],
        ]}
      />
      {!visit && tab !== 'definition' && <p className="quiet">The execution has not reached this state.</p>}
      {visit && tab === 'details' && (
        <>
          <Facts
            of={[
              ['Status', <Status key="status" of={visit.status} />],
              ['Type', visit.type],
              ['Iteration', visit.iteration === undefined ? undefined : String(visit.iteration)],
              ['Resource', visit.resource && `${visit.resourceType}: ${visit.resource}`],
              ['Started', dateTime(visit.start)],
              ['Duration', duration((visit.end ?? now / 1000) - visit.start)],
              ['Retries', visit.retries ? String(visit.retries) : undefined],
              [
                'Map run',
                visit.mapRunArn && <Link to={to('map-runs', visit.mapRunArn)}>{visit.mapRunArn.split(':').pop()}</Link>,
              ],
            ]}
          />
          {visit.error !== undefined && (
            <div className="problem">
              <strong>{visit.error}</strong>
              <pre>{pretty(visit.cause)}</pre>
            </div>
          )}
          {visit.variables && <Code text={JSON.stringify(visit.variables)} label="Variables assigned" />}
          <TaskFlow visit={visit} />
          {job && (
            <Suspense fallback={<p className="quiet">Loading…</p>}>
              <JobDetail kind={job.kind} name={job.name} />
            </Suspense>
          )}
        </>
      )}
      {visit && tab === 'input' && (
        <>
          <Code text={visit.input} label="State input" />
          {visit.parameters !== undefined && <Code text={visit.parameters} label="Called with" />}
        </>
      )}
      {visit && tab === 'output' && <Code text={visit.output} label="State output" />}
      {tab === 'definition' && <Code text={definitionOf(name, definition)} label="Definition" />}
      {visit && tab === 'events' && (
        <Code text={JSON.stringify(visit.events)} label={count(visit.events.length, 'event')} />
      )}
    </Panel>
  );
}

/** Scheduled → Started → Submitted → Succeeded, each with its time. */
function TaskFlow({ visit }: { visit: Visit }) {
  const steps = visit.events.filter((event) => /^(Task|Activity|LambdaFunction)(?!State)/.test(event.type));
  if (steps.length === 0) return null;
  return (
    <ol className="flow" aria-label="The task">
      {steps.map((event) => (
        <li key={event.id} className={/(Failed|TimedOut)$/.test(event.type) ? 'bad' : ''}>
          <span>{event.type.replace(/^(Task|Activity|LambdaFunction)/, '')}</span>
          <span className="quiet">+{duration(event.timestamp - visit.start)}</span>
        </li>
      ))}
    </ol>
  );
}

function jobOf(visit: Visit): { kind: 'training' | 'transform'; name: string } | undefined {
  if (visit.parameters === undefined || !visit.resource) return undefined;
  const parameters = JSON.parse(visit.parameters) as Record<string, unknown>;
  const action = visit.resource.toLowerCase();
  if (action.startsWith('createtrainingjob')) return { kind: 'training', name: String(parameters['TrainingJobName']) };
  if (action.startsWith('createtransformjob'))
    return { kind: 'transform', name: String(parameters['TransformJobName']) };
  return undefined;
}

/** The state's own part of the definition. */
function definitionOf(name: string, definition: string | undefined): string | undefined {
  if (definition === undefined) return undefined;
  const find = (states: Record<string, Record<string, unknown>> | undefined): unknown => {
    for (const [key, state] of Object.entries(states ?? {})) {
      if (key === name) return state;
      const inner = [
        ...((state['Branches'] as { States: Record<string, Record<string, unknown>> }[] | undefined) ?? []),
        state['ItemProcessor'] ?? state['Iterator'],
      ] as ({ States?: Record<string, Record<string, unknown>> } | undefined)[];
      for (const machine of inner) {
        const found = find(machine?.States);
        if (found) return found;
      }
    }
    return undefined;
  };
  const found = find((JSON.parse(definition) as { States: Record<string, Record<string, unknown>> }).States);
  return found === undefined ? undefined : JSON.stringify(found);
}
