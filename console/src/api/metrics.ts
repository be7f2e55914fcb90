// CloudWatch's metrics, minute by minute.

import type { Series } from '../ui/chart';
import { call } from './call';

/** At least so long lies between two looks at metrics, however often something is counted. */
export const METRICS_REST = 2000;

export interface Asked {
  /** What the chart calls it. */
  label: string;
  metric: string;
  statistic: 'Sum' | 'Average' | 'Maximum';
  dimensions: Record<string, string>;
  /** What a value is multiplied by. */
  scale?: number;
}

/** A series for each metric, over the last seconds; a minute without a datapoint has no point. */
export async function metrics(
  namespace: string,
  seconds: number,
  asked: Asked[],
  signal: AbortSignal,
): Promise<Series[]> {
  const now = Math.floor(Date.now() / 1000);
  const { MetricDataResults } = await call<{
    MetricDataResults: { Id: string; Timestamps: number[]; Values: number[] }[];
  }>(
    'monitoring',
    'GetMetricData',
    {
      StartTime: now - seconds,
      EndTime: now + 60,
      ScanBy: 'TimestampAscending',
      MetricDataQueries: asked.map(({ metric, statistic, dimensions }, index) => ({
        Id: `m${index}`,
        MetricStat: {
          Metric: {
            Namespace: namespace,
            MetricName: metric,
            Dimensions: Object.entries(dimensions).map(([Name, Value]) => ({ Name, Value })),
          },
          Period: 60,
          Stat: statistic,
        },
      })),
    },
    signal,
  );
  return asked.map(({ label, scale = 1 }, index) => {
    const result = MetricDataResults.find(({ Id }) => Id === `m${index}`);
    const points = (result?.Timestamps ?? []).map((time, at): [number, number] => [time, result!.Values[at]! * scale]);
    return { name: label, points };
  });
}

/** Those in which something was counted. */
export function counted(series: Series[]): Series[] {
  return series.filter(({ points }) => points.some(([, value]) => value > 0));
}

/** The axis of so many seconds until now. */
export function untilNow(seconds: number): [number, number] {
  const now = Date.now() / 1000;
  return [now - seconds, now];
}

/** The hour and minute of a point. */
export function timeOfDay(seconds: number): string {
  return new Date(seconds * 1000).toLocaleTimeString();
}
