// All state machines, with how their executions stand.

import { useState } from 'react';

import { call, pages } from '../api/call';
import { of, useQuery } from '../api/query';
import type { ExecutionItem, ExecutionStatus, StateMachine } from '../api/types';
import { Link, go, to } from '../router';
import { dateTime } from '../ui/format';
import { PageHead, Panel, Shown, Status, Table, TextField } from '../ui/parts';

const SHOWN = 25;

export function listStateMachines(): Promise<StateMachine[]> {
  return pages<StateMachine>(async (nextToken) => {
    const page = await call<{ stateMachines: StateMachine[]; nextToken?: string }>('states', 'ListStateMachines', {
      maxResults: 1000,
      nextToken,
    });
    return { items: page.stateMachines, next: page.nextToken };
  }, 10_000);
}

export function StateMachines() {
  const machines = useQuery('state-machines', listStateMachines, {
    // Executions come and go without any of it changing.
    on: (change) => change.service === 'stepfunctions' && !change.arn?.includes(':execution:'),
  });
  const [search, setSearch] = useState('');
  const [shown, setShown] = useState(SHOWN);
  return (
    <>
      <PageHead title="State machines">
        <button type="button" className="primary" onClick={() => go('/create')}>
          Create state machine
        </button>
      </PageHead>
      <Panel title="All state machines">
        <TextField label="Search by name" type="search" value={search} onChange={setSearch} />
        <Shown query={machines}>
          {(all) => {
            const found = all
              .filter((machine) => machine.name.toLowerCase().includes(search.trim().toLowerCase()))
              .sort((a, b) => b.creationDate - a.creationDate);
            return (
              <>
                <Table
                  label="State machines"
                  head={['Name', 'Type', 'Created', 'Latest executions']}
                  empty={
                    all.length === 0 ? (
                      <>
                        <p>There is no state machine yet.</p>
                        <p>
                          <Link to="/create">Paste a definition</Link>, or run a pipeline against this server:{' '}
                          <Link to="/set-up">how</Link>.
                        </p>
                      </>
                    ) : (
                      <p>No name contains this.</p>
                    )
                  }
                >
                  {found.slice(0, shown).map((machine) => (
                    <tr key={machine.stateMachineArn}>
                      <th scope="row">
                        <Link to={to('state-machines', machine.stateMachineArn)}>{machine.name}</Link>
                      </th>
                      <td>{machine.type === 'EXPRESS' ? 'Express' : 'Standard'}</td>
                      <td>{dateTime(machine.creationDate)}</td>
                      <td>{machine.type === 'STANDARD' && <Counts arn={machine.stateMachineArn} />}</td>
                    </tr>
                  ))}
                </Table>
                {found.length > shown && (
                  <button type="button" onClick={() => setShown(shown + 100)}>
                    Show more ({found.length - shown})
                  </button>
                )}
              </>
            );
          }}
        </Shown>
      </Panel>
    </>
  );
}

/** How the latest executions stand; a list of all might be long. */
function Counts({ arn }: { arn: string }) {
  const latest = useQuery(
    `counts ${arn}`,
    (signal) =>
      call<{ executions: ExecutionItem[]; nextToken?: string }>(
        'states',
        'ListExecutions',
        { stateMachineArn: arn, maxResults: 100 },
        signal,
      ),
    { on: of('stepfunctions', arn.replace(':stateMachine:', ':execution:')) },
  );
  if (!latest.data) return null;
  const counts = new Map<ExecutionStatus, number>();
  for (const { status } of latest.data.executions) counts.set(status, (counts.get(status) ?? 0) + 1);
  if (counts.size === 0) return <span className="quiet">none</span>;
  return (
    <span className="counts">
      {[...counts].map(([status, count]) => (
        <span key={status}>
          <Status of={status} /> {count}
        </span>
      ))}
      {latest.data.nextToken && <span className="quiet">of the last 100</span>}
    </span>
  );
}
