// An execution's history: fetched as it grows, and told state by state.

import { call } from './call';
import type { ExecutionStatus, HistoryEvent, NodeStatus } from './types';

const PAGE = 1000;
const LATEST = 100;

/**
 * All events so far: of `known` ones only those that follow are fetched. `onPage` sees what there is
 * after each page, so that a long history shows before it is whole.
 */
export async function history(
  executionArn: string,
  known: HistoryEvent[],
  signal: AbortSignal,
  onPage: (events: HistoryEvent[]) => void,
): Promise<HistoryEvent[]> {
  const page = (input: object) =>
    call<{ events: HistoryEvent[]; nextToken?: string }>(
      'states',
      'GetExecutionHistory',
      { executionArn, ...input },
      signal,
    );
  const last = known.at(-1)?.id ?? 0;
  if (last > 0) {
    // From the end backwards, until what is known.
    const news: HistoryEvent[] = [];
    let token: string | undefined;
    do {
      const { events, nextToken } = await page({ reverseOrder: true, maxResults: LATEST, nextToken: token });
      news.push(...events.filter((event) => event.id > last));
      token = events.some((event) => event.id <= last) ? undefined : nextToken;
    } while (token !== undefined);
    return news.length === 0 ? known : [...known, ...news.reverse()];
  }
  const all: HistoryEvent[] = [];
  let token: string | undefined;
  do {
    const { events, nextToken } = await page({ maxResults: PAGE, nextToken: token });
    all.push(...events);
    token = nextToken;
    if (token !== undefined) onPage([...all]);
  } while (token !== undefined);
  return all;
}

/** One stay in a state. */
export interface Visit {
  /** The id of the event that entered it. */
  id: number;
  name: string;
  type: string;
  status: NodeStatus;
  start: number;
  end?: number;
  input?: string;
  output?: string;
  variables?: Record<string, string>;
  error?: string;
  cause?: string;
  retries: number;
  /** The integration: `sagemaker`, `createTrainingJob.sync`, and what it was called with. */
  resourceType?: string;
  resource?: string;
  parameters?: string;
  submitted?: string;
  mapRunArn?: string;
  parent?: Visit;
  iteration?: number;
  events: HistoryEvent[];
}

/** What an event tells besides its type. */
export function details(event: HistoryEvent): Record<string, unknown> {
  for (const [name, value] of Object.entries(event)) {
    if (name.endsWith('EventDetails') && value !== null) return value as Record<string, unknown>;
  }
  return {};
}

/** The stays in states that a history tells of, in the order they began. */
export function visits(events: HistoryEvent[], status: ExecutionStatus): Visit[] {
  const all: Visit[] = [];
  const owners = new Map<number, Visit>();
  const iterations = new Map<number, number>();
  const up = (from: Visit | undefined, fits: (visit: Visit) => boolean): Visit | undefined => {
    for (let visit = from; visit; visit = visit.parent) if (fits(visit)) return visit;
    return undefined;
  };
  for (const event of events) {
    const told = details(event);
    const before = owners.get(event.previousEventId);
    if (event.type.endsWith('StateEntered')) {
      const inside = startsInside(events, event);
      const parent = inside ? before : before?.parent;
      const visit: Visit = {
        id: event.id,
        name: String(told['name']),
        type: event.type.replace('StateEntered', ''),
        status: 'running',
        start: event.timestamp,
        input: told['input'] as string,
        retries: 0,
        events: [event],
        ...(parent ? { parent } : {}),
      };
      const iteration = iterations.get(event.previousEventId) ?? (inside ? undefined : before?.iteration);
      if (iteration !== undefined) visit.iteration = iteration;
      all.push(visit);
      owners.set(event.id, visit);
      continue;
    }
    const name = told['name'];
    const kind = /^(Parallel|Map)(State|Iteration|Run)/.exec(event.type)?.[1];
    const owner =
      (typeof name === 'string' ? up(before, (visit) => visit.name === name) : undefined) ??
      (kind ? up(before, (visit) => visit.type === kind) : undefined) ??
      before;
    if (!owner) continue;
    owners.set(event.id, owner);
    owner.events.push(event);
    if (event.type === 'MapIterationStarted') iterations.set(event.id, Number(told['index']));
    note(owner, event, told);
  }
  if (status !== 'RUNNING') {
    const left: NodeStatus = status === 'TIMED_OUT' ? 'timedOut' : status === 'ABORTED' ? 'aborted' : 'failed';
    for (const visit of all) {
      if (visit.status !== 'running') continue;
      visit.status = visit.type === 'Succeed' ? 'succeeded' : left;
      visit.end ??= visit.events.at(-1)!.timestamp;
    }
  }
  // What a branch still did when its Parallel or Map was over was given up.
  for (const visit of all) {
    if (visit.parent && visit.parent.status !== 'running' && visit.status === 'running') {
      visit.status = 'aborted';
      visit.end = visit.parent.end ?? visit.start;
    }
  }
  return all;
}

function startsInside(events: HistoryEvent[], event: HistoryEvent): boolean {
  // Ids are positions counted from one, unless events are missing.
  const guess = events[event.previousEventId - 1];
  const previous = guess?.id === event.previousEventId ? guess : events.find((one) => one.id === event.previousEventId);
  return previous !== undefined && /^(MapIterationStarted|MapStateStarted|ParallelStateStarted)$/.test(previous.type);
}

function note(visit: Visit, event: HistoryEvent, told: Record<string, unknown>): void {
  const { type } = event;
  const text = (name: string) => told[name] as string | undefined;
  if (type.endsWith('StateExited')) {
    visit.end = event.timestamp;
    visit.status = visit.error !== undefined && lastTrouble(visit) ? 'caught' : 'succeeded';
    visit.output = text('output');
    const assigned = told['assignedVariables'];
    if (assigned) visit.variables = assigned as Record<string, string>;
  } else if (type.endsWith('Scheduled')) {
    if (visit.events.filter((one) => one.type === type).length > 1) visit.retries++;
    visit.status = 'running';
    delete visit.end;
    visit.resourceType = text('resourceType') ?? visit.resourceType;
    visit.resource = text('resource') ?? visit.resource;
    visit.parameters = text('parameters') ?? text('input') ?? visit.parameters;
  } else if (type === 'TaskSubmitted') {
    visit.submitted = text('output');
  } else if (type === 'MapRunStarted') {
    visit.mapRunArn = text('mapRunArn');
  } else if (isTrouble(type)) {
    visit.error = text('error');
    visit.cause = text('cause');
    visit.error ??= type;
    if (/Aborted$/.test(type)) {
      visit.status = 'aborted';
      visit.end = event.timestamp;
    }
  }
}

function isTrouble(type: string): boolean {
  return /(Failed|TimedOut|Aborted)$/.test(type) && !type.startsWith('MapIteration') && !type.startsWith('Execution');
}

/** Whether the last thing before the exit was trouble, rather than a retry's success. */
function lastTrouble(visit: Visit): boolean {
  const before = visit.events.filter((event) => !event.type.endsWith('StateExited')).at(-1);
  return before !== undefined && isTrouble(before.type);
}

/** The keys of the execution's input that a definition reads from the context object. */
export function inputKeys(definition: string): string[] {
  const found = new Set<string>();
  const patterns = [
    /\$\$\.Execution\.Input(?:\.([A-Za-z_][\w-]*)|\[\\?['"]([^'"\\]+)\\?['"]\])/g,
    /\$states\.context\.Execution\.Input\.([A-Za-z_]\w*)/g,
  ];
  for (const pattern of patterns) {
    for (const match of definition.matchAll(pattern)) found.add((match[1] ?? match[2])!);
  }
  return [...found];
}
