// What there is of one kind in SageMaker: a list, searched by name, the latest first.

import { type ReactNode, useState } from 'react';

import { call, pages } from '../api/call';
import { of, useQuery } from '../api/query';
import { Link, to } from '../router';
import { PageHead, Panel, Shown, Table, TextField, useNow } from '../ui/parts';

const PAGE = 100;

export interface Kind<T> {
  /** `Training jobs`, and one of them. */
  title: string;
  one: string;
  /** The page of one is `/PAGE/NAME`. */
  page: string;
  /** The operation that lists them, and the member of its answer that holds them. */
  operation: string;
  member: string;
  name: (item: T) => string;
  /** Beside the name. */
  columns: [string, (item: T, now: number) => ReactNode][];
  /** What may be asked for alone. */
  statuses?: string[];
  /** Whether something about it changes by the second. */
  busy?: (item: T) => boolean;
}

export function ResourceList<T>({ of: kind }: { of: Kind<T> }) {
  const [search, setSearch] = useState('');
  const [status, setStatus] = useState('');
  const [most, setMost] = useState(PAGE);
  const list = useQuery(
    `${kind.operation} ${search} ${status} ${most}`,
    async (signal) => {
      let more = false;
      const items = await pages<T>(async (NextToken) => {
        const answer = await call<Record<string, T[]> & { NextToken?: string }>(
          'sagemaker',
          kind.operation,
          {
            MaxResults: PAGE,
            SortBy: 'CreationTime',
            SortOrder: 'Descending',
            NextToken,
            ...(search.trim() ? { NameContains: search.trim() } : {}),
            ...(status ? { StatusEquals: status } : {}),
          },
          signal,
        );
        more = answer.NextToken !== undefined;
        return { items: answer[kind.member] ?? [], next: answer.NextToken };
      }, most);
      return { items, more };
    },
    { on: of('sagemaker') },
  );
  const now = useNow(list.data?.items.some((item) => kind.busy?.(item)) ?? false);
  return (
    <>
      <PageHead title={kind.title} />
      <Panel title={`All ${kind.title.toLowerCase()}`}>
        <div className="filters">
          <TextField label="Name contains" type="search" value={search} onChange={setSearch} />
          {kind.statuses && (
            <div className="field">
              <label htmlFor="status">Status</label>
              <select id="status" value={status} onChange={(event) => setStatus(event.target.value)}>
                <option value="">Any</option>
                {kind.statuses.map((status) => (
                  <option key={status}>{status}</option>
                ))}
              </select>
            </div>
          )}
        </div>
        <Shown query={list}>
          {({ items, more }) => (
            <>
              <Table
                label={kind.title}
                head={['Name', ...kind.columns.map(([name]) => name)]}
                empty={<p>{search || status ? `No ${kind.one} fits.` : `No ${kind.one} yet.`}</p>}
              >
                {items.map((item) => (
                  <tr key={kind.name(item)}>
                    <th scope="row">
                      <Link to={to(kind.page, kind.name(item))}>{kind.name(item)}</Link>
                    </th>
                    {kind.columns.map(([name, shown]) => (
                      <td key={name}>{shown(item, now)}</td>
                    ))}
                  </tr>
                ))}
              </Table>
              {more && (
                <button type="button" onClick={() => setMost(most + PAGE)}>
                  Show more
                </button>
              )}
            </>
          )}
        </Shown>
      </Panel>
    </>
  );
}
