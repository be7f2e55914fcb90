// CloudWatch Logs: groups, and what is written in one, searched and followed.

import { useState } from 'react';

import { call } from '../api/call';
import { useQuery } from '../api/query';
import { Link, to } from '../router';
import { bytes, count, dateTime } from '../ui/format';
import { PageHead, Panel, Shown, Table, TextField, useRested } from '../ui/parts';
import { LogLines, type LogLine, ofGroup } from './LogTail';

interface Group {
  logGroupName: string;
  creationTime: number;
  storedBytes?: number;
  retentionInDays?: number;
}

export function Logs() {
  const [search, setSearch] = useState('');
  const rested = useRested(search.trim(), 200);
  const groups = useQuery(
    `log-groups ${rested}`,
    (signal) =>
      call<{ logGroups: Group[] }>(
        'logs',
        'DescribeLogGroups',
        rested ? { logGroupNamePattern: rested, limit: 50 } : { limit: 50 },
        signal,
      ),
    { on: (change) => change.service === 'logs' || change.service === 'sagemaker' },
  );
  return (
    <>
      <PageHead title="Logs" />
      <Panel title="Log groups">
        <TextField label="Name contains" type="search" value={search} onChange={setSearch} />
        <Shown query={groups}>
          {({ logGroups }) => (
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
              {logGroups.map((group) => (
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
      </Panel>
    </>
  );
}

const LINES_MAX = 5000;
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
  const events = useQuery(
    `events ${group} ${pattern} ${stream} ${span} ${live}`,
    async (signal) => {
      const lines: (LogLine & { logStreamName: string })[] = [];
      let nextToken: string | undefined;
      do {
        const page = await call<{ events: typeof lines; nextToken?: string }>(
          'logs',
          'FilterLogEvents',
          {
            logGroupName: group,
            startTime: Date.now() - span * 1000,
            nextToken,
            // As typed: whoever wants terms or JSON patterns puts them.
            ...(pattern
              ? {
                  filterPattern: /^[\w.-]+$/.test(pattern) || /["{[]/.test(pattern) ? pattern : JSON.stringify(pattern),
                }
              : {}),
            ...(stream ? { logStreamNames: [stream] } : {}),
          },
          signal,
        );
        lines.push(...page.events);
        nextToken = page.nextToken;
      } while (nextToken !== undefined && lines.length < LINES_MAX);
      return { lines, more: nextToken !== undefined };
    },
    live ? { on: ofGroup(group) } : {},
  );
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
        <Shown query={events}>
          {({ lines, more }) => (
            <div className="log">
              <p className="quiet" role="status">
                {count(lines.length, 'line')}
                {more && ' and more: narrow the search'}
              </p>
              <LogLines lines={lines} label={`Lines of ${group}`} />
            </div>
          )}
        </Shown>
      </Panel>
    </>
  );
}
