// A run of a Distributed Map: how far it is, and its children.

import { useState } from 'react';

import { call } from '../api/call';
import { of, useQuery } from '../api/query';
import type { Counts, MapRun as Described } from '../api/types';
import { to } from '../router';
import { dateTime, duration } from '../ui/format';
import { Arn, Facts, PageHead, Panel, Shown, Status, useNow } from '../ui/parts';
import { ExecutionTable } from './ExecutionTable';

export function MapRun({ arn }: { arn: string }) {
  const on = of('stepfunctions');
  const [status, setStatus] = useState('');
  const run = useQuery(
    `map-run ${arn}`,
    (signal) => call<Described>('states', 'DescribeMapRun', { mapRunArn: arn }, signal),
    { on },
  );
  const now = useNow(run.data?.status === 'RUNNING');
  return (
    <>
      <PageHead
        title={`Map run ${arn.split(':').pop()}`}
        crumbs={[
          ['State machines', '/state-machines'],
          ...(run.data
            ? [[run.data.executionArn.split(':')[7]!, to('executions', run.data.executionArn)] as [string, string]]
            : []),
        ]}
        status={run.data && <Status of={run.data.status} />}
      />
      <Shown query={run}>
        {(run) => (
          <>
            <Facts
              of={[
                ['ARN', <Arn key="arn" arn={run.mapRunArn} />],
                ['Started', dateTime(run.startDate)],
                ['Duration', duration((run.stopDate ?? now / 1000) - run.startDate)],
                ['At once', run.maxConcurrency === 0 ? 'as many as possible' : String(run.maxConcurrency)],
                ['Failures tolerated', `${run.toleratedFailureCount} or ${run.toleratedFailurePercentage} %`],
              ]}
            />
            <Panel title="Progress">
              <Progress label="Items" counts={run.itemCounts} />
              <Progress label="Child executions" counts={run.executionCounts} />
            </Panel>
          </>
        )}
      </Shown>
      <Panel title="Child executions">
        <div className="filters">
          <div className="field">
            <label htmlFor="child-status">Status</label>
            <select id="child-status" value={status} onChange={(event) => setStatus(event.target.value)}>
              <option value="">Any</option>
              {['RUNNING', 'SUCCEEDED', 'FAILED', 'TIMED_OUT', 'ABORTED', 'PENDING_REDRIVE'].map((status) => (
                <option key={status}>{status}</option>
              ))}
            </select>
          </div>
        </div>
        <ExecutionTable owner={{ mapRunArn: arn }} status={status} on={on} label="Child executions" items />
      </Panel>
    </>
  );
}

function Progress({ label, counts }: { label: string; counts: Counts }) {
  const parts: [string, number][] = [
    ['succeeded', counts.succeeded],
    ['failed', counts.failed + counts.timedOut],
    ['aborted', counts.aborted],
    ['running', counts.running],
  ];
  const told = parts.filter(([, n]) => n > 0).map(([word, n]) => `${n} ${word}`);
  if (counts.pending > 0) told.push(`${counts.pending} pending`);
  return (
    <div className="progress">
      <div className="progress-label">
        <span>{label}</span>
        <span>
          {told.join(', ')} of {counts.total}
        </span>
      </div>
      <div
        className="progress-bar"
        role="progressbar"
        aria-label={label}
        aria-valuemin={0}
        aria-valuemax={counts.total}
        aria-valuenow={counts.succeeded + counts.failed + counts.timedOut + counts.aborted}
      >
        {parts.map(([word, n]) => (
          <span key={word} className={`bar ${word}`} style={{ width: `${(n / (counts.total || 1)) * 100}%` }} />
        ))}
      </div>
    </div>
  );
}
