// Executions in a table, page by page, searched as far back as it takes.

import { useEffect, useMemo, useState } from 'react';

import { type Change, onChanges } from '../api/changes';
import { ExecutionList, type Known, type Owner } from '../api/executions';
import { useQuery } from '../api/query';
import { onSession } from '../api/session';
import type { ExecutionItem } from '../api/types';
import { Link, to } from '../router';
import { count, dateTime, duration } from '../ui/format';
import { Problem, Status, Table, useNow } from '../ui/parts';

const PAGE = 100;

export interface Search {
  /** Contained in the name. */
  name: string;
  /** Between these seconds it began. */
  since: number;
  until: number;
}

export function ExecutionTable({
  owner,
  status,
  search,
  on,
  label,
  items: withItems = false,
}: {
  owner: Owner;
  /** One of ListExecutions' filters, or empty. */
  status: string;
  search?: Search | undefined;
  /** Whether a change concerns the list. */
  on: (change: Change) => boolean;
  label: string;
  /** Whether each works on several items. */
  items?: boolean;
}) {
  const of = JSON.stringify([owner, status]);
  const list = useMemo(() => new ExecutionList(owner, status), [of]);
  const looked = JSON.stringify([of, search]);
  // A page of a list is none of another.
  const [place, setPlace] = useState({ looked, page: 0 });
  const page = place.looked === looked ? place.page : 0;
  const turn = (by: number) => setPlace({ looked, page: page + by });
  const [kept, setKept] = useState<{ list: ExecutionList; known: Known }>();
  const known = kept?.list === list ? kept.known : undefined;

  useEffect(() => {
    const forget = [onChanges((changes) => list.note(changes)), onSession(() => list.note('everything'))];
    return () => forget.forEach((one) => one());
  }, [list]);

  const fits = useMemo(() => {
    if (!search) return undefined;
    const { name, since, until } = search;
    return (item: ExecutionItem) => item.name.includes(name) && item.startDate >= since && item.startDate <= until;
  }, [looked]);
  const query = useQuery(
    `executions ${looked} ${page}`,
    (signal) =>
      list
        .look({ enough: (page + 1) * PAGE + 1, fits, since: search?.since }, signal, (known) =>
          setKept({ list, known }),
        )
        .then((known) => {
          setKept({ list, known });
          return true;
        }),
    { on },
  );
  const searching = query.loading;

  const found = useMemo(() => (fits ? known?.items.filter(fits) : known?.items) ?? [], [known, fits]);
  const shown = found.slice(page * PAGE, (page + 1) * PAGE);
  const now = useNow(shown.some((item) => item.status === 'RUNNING'));
  const older = found.length > (page + 1) * PAGE;
  return (
    <>
      {query.error && <Problem error={query.error} retry={query.reload} />}
      {known === undefined && query.loading && (
        <p className="quiet" role="status">
          Loading…
        </p>
      )}
      {known && (
        <>
          {fits && (
            <p className="quiet" role="status">
              {searching ? 'Searching: ' : ''}
              {found.length.toLocaleString()}
              {known.more && older ? ' or more' : ''} of {count(known.items.length, 'execution')}
              {known.more && known.items.length > 0 && `, back to ${dateTime(known.items.at(-1)!.startDate)}`}
            </p>
          )}
          <Table
            label={label}
            head={['Name', ...(withItems ? ['Items'] : []), 'Status', 'Started', 'Duration']}
            empty={<p>{searching ? 'Searching…' : fits || status ? 'No execution fits.' : 'No executions.'}</p>}
          >
            {shown.map((item) => (
              <tr key={item.executionArn}>
                <th scope="row">
                  <Link to={to('executions', item.executionArn)}>{item.name}</Link>
                </th>
                {withItems && <td>{item.itemCount}</td>}
                <td>
                  <Status of={item.status} />
                </td>
                <td>{dateTime(item.startDate)}</td>
                <td>{duration((item.stopDate ?? now / 1000) - item.startDate)}</td>
              </tr>
            ))}
          </Table>
          {(page > 0 || older) && (
            <nav className="pager" aria-label={`Pages of ${label.toLowerCase()}`}>
              <button type="button" disabled={page === 0} onClick={() => turn(-1)}>
                Newer
              </button>
              <span role="status">
                {(page * PAGE + 1).toLocaleString()} to {(page * PAGE + shown.length).toLocaleString()}
                {known.more ? '' : ` of ${found.length.toLocaleString()}`}
              </span>
              <button type="button" disabled={!older} onClick={() => turn(1)}>
                Older
              </button>
            </nav>
          )}
        </>
      )}
    </>
  );
}
