// The end of a log, followed while something writes to it.

import { useRef } from 'react';

import { ApiError, call } from '../api/call';
import type { Change } from '../api/changes';
import { type Query, useQuery } from '../api/query';
import { nameOf } from '../ui/format';
import { Shown } from '../ui/parts';
import { VirtualList } from '../ui/virtual';

export interface LogLine {
  timestamp: number;
  message: string;
}

const LINES_MAX = 20_000;

/** Whether lines were written to a group, or a stream was made in it. */
export function ofGroup(group: string): (change: Change) => boolean {
  return ({ service, arn }) => service === 'logs' && (arn === undefined || arn.endsWith(`:log-group:${group}`));
}

/** The lines of the first stream of a group (with this prefix), followed. */
export function useLog(group: string, prefix: string): Query<LogLine[]> {
  const kept = useRef<{ of: string; lines: LogLine[]; stream?: string; token?: string }>({ of: '', lines: [] });
  return useQuery(
    `log ${group} ${prefix}`,
    async (signal) => {
      const of = `${group} ${prefix}`;
      if (kept.current.of !== of) kept.current = { of, lines: [] };
      const state = kept.current;
      try {
        if (state.stream === undefined) {
          const { logStreams } = await call<{ logStreams: { logStreamName: string }[] }>(
            'logs',
            'DescribeLogStreams',
            { logGroupName: group, limit: 1, ...(prefix ? { logStreamNamePrefix: prefix } : {}) },
            signal,
          );
          state.stream = logStreams[0]?.logStreamName;
        }
        while (state.stream !== undefined && state.lines.length < LINES_MAX) {
          const page = await call<{ events: LogLine[]; nextForwardToken: string }>(
            'logs',
            'GetLogEvents',
            { logGroupName: group, logStreamName: state.stream, startFromHead: true, nextToken: state.token },
            signal,
          );
          state.lines.push(...page.events);
          if (page.nextForwardToken === state.token || page.events.length === 0) break;
          state.token = page.nextForwardToken;
        }
      } catch (error) {
        // A job that waits has no log yet.
        if (!(error instanceof ApiError && error.code === 'ResourceNotFoundException')) throw error;
      }
      return [...state.lines];
    },
    { on: ofGroup(group) },
  );
}

export function LogTail({ query, label }: { query: Query<LogLine[]>; label: string }) {
  return (
    <div className="log">
      <Shown query={query}>
        {(lines) =>
          lines.length === 0 ? (
            <p className="quiet">Nothing is written yet.</p>
          ) : (
            <>
              <LogLines lines={lines} label={label} />
              {lines.length >= LINES_MAX && (
                <p className="quiet">The first {lines.length.toLocaleString()} lines; Logs has those that follow.</p>
              )}
            </>
          )
        }
      </Shown>
    </div>
  );
}

export function LogLines({
  lines,
  label,
  follow = false,
}: {
  lines: (LogLine & { logStreamName?: string })[];
  label: string;
  /** Whether the end is shown until somebody scrolls. */
  follow?: boolean;
}) {
  return (
    <VirtualList
      label={label}
      count={lines.length}
      rowHeight={22}
      height={330}
      end={follow ? 'first' : 'once there'}
      row={(index) => {
        const line = lines[index]!;
        return (
          <>
            <span role="cell" className="log-time">
              {new Date(line.timestamp).toLocaleTimeString()}
            </span>
            {line.logStreamName && (
              <span role="cell" className="log-stream" title={line.logStreamName}>
                {nameOf(line.logStreamName)}
              </span>
            )}
            <span role="cell" className="log-text" title={line.message}>
              {line.message.replaceAll('#011', '\t')}
            </span>
          </>
        );
      }}
    />
  );
}
