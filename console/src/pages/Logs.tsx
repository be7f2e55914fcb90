// CloudWatch Logs: groups, and what is written in one, searched and followed.

import { useMemo, useState } from 'react';

import { call } from '../api/call';
import { type GroupLine, GROUPS_MAX, LINES_MAX, Lines, listLogGroups } from '../api/logs';
import { useQuery } from '../api/query';
import { Link, to } from '../router';
import { bytes, count, dateTime } from '../ui/format';
import { PageHead, Panel, Problem, Shown, Table, TextField, useRested } from '../ui/parts';
import { LogLines, ofGroup } from './LogTail';

export function Logs() {
  const [search, setSearch] = useState('');
  const rested = useRested(search.trim(), 200);
  const groups = useQuery(`log-groups ${rested}`, (signal) => listLogGroups(rested, signal), {
    // Lines that are written make no group.
    on: ({ service, arn }) => (service === 'logs' && !arn?.includes(':log-group:')) || service === 'sagemaker',
  });
  return (
    <>
      <PageHead title="Logs" />
      <Panel title="Log groups">
        <TextField label="Name contains" type="search" value={search} onChange={setSearch} />
        <Shown query={groups}>
          {(all) => (
            <Table
              label="Log groups"
              head={['Name', 'Created', 'Stored', 'Kept']}
              empty={
                <p>
                  {search
                    ? 'No name contains this.'
                    : 'No log yet: jobs, endpoints and state machines that log make them.'}
                </p>
              }
            >
              {all.map((group) => (
                <tr key={group.logGroupName}>
                  <th scope="row">
                    <Link to={to('logs', group.logGroupName)}>{group.logGroupName}</Link>
                  </th>
                  <td>{dateTime(group.creationTime / 1000)}</td>
                  <td>{group.storedBytes === undefined ? '' : bytes(group.storedBytes)}</td>
                  <td>{group.retentionInDays ? `${group.retentionInDays} days` : 'for good'}</td>
                </tr>
              ))}
            </Table>
          )}
        </Shown>
        {(groups.data?.length ?? 0) >= GROUPS_MAX && <p className="quiet">There are more: search for them.</p>}
      </Panel>
    </>
  );
}

const SPANS: [string, number][] = [
  ['15 minutes', 900],
  ['hour', 3600],
  ['day', 86_400],
  ['30 days', 30 * 86_400],
];

export function LogGroup({ group }: { group: string }) {
  const [search, setSearch] = useState('');
  const [stream, setStream] = useState('');
  const [span, setSpan] = useState(86_400);
  const [live, setLive] = useState(true);
  const pattern = useRested(search.trim(), 300);
  const streams = useQuery(
    `streams ${group}`,
    (signal) =>
      call<{ logStreams: { logStreamName: string }[] }>(
        'logs',
        'DescribeLogStreams',
        { logGroupName: group, orderBy: 'LastEventTime', descending: true, limit: 50 },
        signal,
      ),
    { on: (change) => change.service === 'logs' || change.service === 'sagemaker' },
  );
  const lines = useMemo(() => new Lines({ group, pattern, stream, span }), [group, pattern, stream, span]);
  const [kept, setKept] = useState<{ of: Lines; lines: GroupLine[]; count: number }>();
  const events = useQuery(
    `events ${group} ${pattern} ${stream} ${span} ${live}`,
    (signal) =>
      lines.read(signal, () => setKept({ of: lines, lines: lines.lines, count: lines.count })).then(() => true),
    live ? { on: ofGroup(group) } : {},
  );
  const shown = kept?.of === lines ? kept : { lines: [], count: 0 };
  return (
    <>
      <PageHead title={group} crumbs={[['Logs', '/logs']]} />
      <Panel title="Lines">
        <div className="filters">
          <TextField
            label="Filter pattern"
            type="search"
            value={search}
            onChange={setSearch}
            placeholder='error, or { $.level = "x" }'
          />
          <div className="field">
            <label htmlFor="stream">Stream</label>
            <select id="stream" value={stream} onChange={(event) => setStream(event.target.value)}>
              <option value="">All</option>
              {streams.data?.logStreams.map(({ logStreamName }) => (
                <option key={logStreamName}>{logStreamName}</option>
              ))}
            </select>
          </div>
          <div className="field">
            <label htmlFor="span">Of the last</label>
            <select id="span" value={span} onChange={(event) => setSpan(Number(event.target.value))}>
              {SPANS.map(([name, seconds]) => (
                <option key={name} value={seconds}>
                  {name}
                </option>
              ))}
            </select>
          </div>
          <label className="check">
            <input type="checkbox" checked={live} onChange={(event) => setLive(event.target.checked)} /> Follow
          </label>
        </div>
        {events.error && <Problem error={events.error} retry={events.reload} />}
        <div className="log">
          <p className="quiet" role="status">
            {count(shown.count, 'line')}
            {shown.count > LINES_MAX && `, the latest ${LINES_MAX.toLocaleString()} are shown`}
            {events.loading && '; reading…'}
          </p>
          <LogLines lines={shown.lines} label={`Lines of ${group}`} follow={live} />
        </div>
      </Panel>
    </>
  );
}
