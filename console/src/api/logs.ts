// CloudWatch Logs: groups, and the lines of one as they are written.

import { call, pages } from './call';

export interface LogGroup {
  logGroupName: string;
  creationTime: number;
  storedBytes?: number;
  retentionInDays?: number;
}

/** At most so many groups are listed. */
export const GROUPS_MAX = 1000;

/** The groups whose name contains the text. */
export function listLogGroups(text = '', signal?: AbortSignal): Promise<LogGroup[]> {
  return pages<LogGroup>(async (nextToken) => {
    const asked = { limit: 50, nextToken, ...(text ? { logGroupNamePattern: text } : {}) };
    const page = await call<{ logGroups: LogGroup[]; nextToken?: string }>('logs', 'DescribeLogGroups', asked, signal);
    return { items: page.logGroups, next: page.nextToken };
  }, GROUPS_MAX);
}

export interface GroupLine {
  timestamp: number;
  message: string;
  logStreamName: string;
  eventId: string;
}

/** What is looked for in a group. */
export interface Filter {
  group: string;
  pattern: string;
  stream: string;
  /** Seconds before now. */
  span: number;
}

/** So many lines are kept: the latest. */
export const LINES_MAX = 5000;
/** Streams are written side by side: a line may come after another stream's that is later by so many milliseconds. */
const LATE = 5000;

/** The lines that fit a filter, and those that follow. */
export class Lines {
  lines: GroupLine[] = [];
  /** How many fitted in all. */
  count = 0;
  private latest = 0;
  /** The lines that may be told once more, with their times. */
  private near = new Map<string, number>();

  constructor(private readonly filter: Filter) {}

  /** Reads on to the end; `onPage` is called after each page. */
  async read(signal: AbortSignal, onPage: () => void): Promise<void> {
    const { group, pattern, stream, span } = this.filter;
    let nextToken: string | undefined;
    const startTime = this.latest === 0 ? Date.now() - span * 1000 : this.latest - LATE;
    do {
      const page = await call<{ events: GroupLine[]; nextToken?: string }>(
        'logs',
        'FilterLogEvents',
        {
          logGroupName: group,
          startTime,
          nextToken,
          // As typed: whoever wants terms or JSON patterns puts them.
          ...(pattern
            ? { filterPattern: /^[\w.-]+$/.test(pattern) || /["{[]/.test(pattern) ? pattern : JSON.stringify(pattern) }
            : {}),
          ...(stream ? { logStreamNames: [stream] } : {}),
        },
        signal,
      );
      signal.throwIfAborted();
      const fresh = page.events.filter((line) => !this.near.has(name(line)));
      this.count += fresh.length;
      for (const line of fresh) {
        this.latest = Math.max(this.latest, line.timestamp);
        this.near.set(name(line), line.timestamp);
      }
      // A stable sort: lines of one time keep their order.
      this.lines = [...this.lines, ...fresh].sort((one, other) => one.timestamp - other.timestamp).slice(-LINES_MAX);
      nextToken = page.nextToken;
      onPage();
    } while (nextToken !== undefined);
    for (const [line, timestamp] of this.near) if (timestamp < this.latest - LATE) this.near.delete(line);
  }
}

function name(line: GroupLine): string {
  return `${line.logStreamName} ${line.eventId}`;
}
