// A training or transform job: its stages as they fill, its metrics, its log, what it used and made.

import { useEffect, useMemo } from 'react';

import { call } from '../api/call';
import { useQuery } from '../api/query';
import { parseUri } from '../api/s3';
import type { TrainingJob, Transition } from '../api/types';
import { Link, to } from '../router';
import { Chart, type Series } from '../ui/chart';
import { dateTime, duration } from '../ui/format';
import { Arn, Facts, Shown, Status, useNow } from '../ui/parts';
import { type LogLine, LogTail, useLog } from './LogTail';

export interface TransformJob {
  TransformJobName: string;
  TransformJobArn: string;
  TransformJobStatus: string;
  FailureReason?: string;
  ModelName: string;
  CreationTime: number;
  TransformStartTime?: number;
  TransformEndTime?: number;
  TransformInput?: { DataSource?: { S3DataSource?: { S3Uri?: string } }; ContentType?: string };
  TransformOutput?: { S3OutputPath?: string };
}

export default function JobDetail({
  kind,
  name,
  onStatus,
}: {
  kind: 'training' | 'transform';
  name: string;
  /** Hears how the job stands. */
  onStatus?: (status: string) => void;
}) {
  return kind === 'training' ? <Training name={name} onStatus={onStatus} /> : <Transform name={name} />;
}

function Training({ name, onStatus }: { name: string; onStatus: ((status: string) => void) | undefined }) {
  const job = useQuery(
    `training ${name}`,
    (signal) => call<TrainingJob>('sagemaker', 'DescribeTrainingJob', { TrainingJobName: name }, signal),
    { on: (change) => change.service === 'sagemaker' && (change.arn?.endsWith(`/${name.toLowerCase()}`) ?? true) },
  );
  const busy = job.data?.TrainingJobStatus === 'InProgress' || job.data?.TrainingJobStatus === 'Stopping';
  const log = useLog('/aws/sagemaker/TrainingJobs', `${name}/`);
  const series = useMemo(() => metricsOf(log.data ?? []), [log.data]);
  const now = useNow(busy);
  const status = job.data?.TrainingJobStatus;
  useEffect(() => {
    if (status !== undefined) onStatus?.(status);
  }, [status, onStatus]);
  return (
    <Shown query={job}>
      {(job) => (
        <>
          {/* Its own page has its name and how it stands in the head. */}
          {onStatus === undefined && (
            <h3>
              Training job <Link to={to('training-jobs', name)}>{name}</Link> <Status of={job.TrainingJobStatus} />
            </h3>
          )}
          <Stages of={job.SecondaryStatusTransitions ?? []} now={now / 1000} />
          {job.FailureReason && (
            <div className="problem">
              <strong>Failure reason</strong>
              <p>{job.FailureReason}</p>
            </div>
          )}
          {series.length > 0 && <Chart title={`Metrics of ${name} by round`} series={series} />}
          <Facts
            of={[
              ['ARN', <Arn key="arn" arn={job.TrainingJobArn} />],
              ['Created', dateTime(job.CreationTime)],
              ['Image', <code key="image">{job.AlgorithmSpecification?.TrainingImage}</code>],
              ['Instance', `${job.ResourceConfig?.InstanceCount ?? 1} × ${job.ResourceConfig?.InstanceType ?? ''}`],
              ...(job.InputDataConfig ?? []).map((channel): [string, React.ReactNode] => [
                `Input ${channel.ChannelName}`,
                <S3Link key={channel.ChannelName} uri={channel.DataSource?.S3DataSource?.S3Uri} />,
              ]),
              [
                'Artifact',
                job.ModelArtifacts?.S3ModelArtifacts && <S3Link uri={job.ModelArtifacts.S3ModelArtifacts} />,
              ],
              ['Billed', job.BillableTimeInSeconds && duration(job.BillableTimeInSeconds)],
              ...(job.FinalMetricDataList ?? []).map((metric): [string, React.ReactNode] => [
                metric.MetricName,
                metric.Value.toPrecision(6),
              ]),
            ]}
          />
          {job.HyperParameters && Object.keys(job.HyperParameters).length > 0 && (
            <details>
              <summary>Hyperparameters ({Object.keys(job.HyperParameters).length})</summary>
              <Facts
                of={Object.entries(job.HyperParameters).map(([key, value]) => [key, <code key={key}>{value}</code>])}
              />
            </details>
          )}
          <h3>Log</h3>
          <LogTail query={log} label={`Log of ${name}`} />
        </>
      )}
    </Shown>
  );
}

function Transform({ name }: { name: string }) {
  const job = useQuery(
    `transform ${name}`,
    (signal) => call<TransformJob>('sagemaker', 'DescribeTransformJob', { TransformJobName: name }, signal),
    { on: (change) => change.service === 'sagemaker' && (change.arn?.endsWith(`/${name.toLowerCase()}`) ?? true) },
  );
  const log = useLog('/aws/sagemaker/TransformJobs', `${name}/`);
  return (
    <Shown query={job}>
      {(job) => (
        <>
          <h3>
            Transform job {name} <Status of={job.TransformJobStatus} />
          </h3>
          {job.FailureReason && <p className="problem">{job.FailureReason}</p>}
          <Facts
            of={[
              ['ARN', <Arn key="arn" arn={job.TransformJobArn} />],
              [
                'Model',
                <Link key="model" to={to('models', job.ModelName)}>
                  {job.ModelName}
                </Link>,
              ],
              ['Started', dateTime(job.TransformStartTime)],
              ['Ended', dateTime(job.TransformEndTime)],
              ['Input', <S3Link key="input" uri={job.TransformInput?.DataSource?.S3DataSource?.S3Uri} />],
              ['Output', <S3Link key="output" uri={job.TransformOutput?.S3OutputPath} />],
            ]}
          />
          <h3>Log</h3>
          <LogTail query={log} label={`Log of ${name}`} />
        </>
      )}
    </Shown>
  );
}

/** Starting → Downloading → Training → Uploading → Completed, with times. */
function Stages({ of, now }: { of: Transition[]; now: number }) {
  return (
    <ol className="flow" aria-label="Stages of the job">
      {of.map((stage) => {
        const over = stage.EndTime !== undefined;
        const final = ['Completed', 'Failed', 'Stopped'].includes(stage.Status);
        return (
          <li
            key={`${stage.Status}${stage.StartTime}`}
            className={stage.Status === 'Failed' ? 'bad' : over || final ? 'good' : 'busy'}
            title={stage.StatusMessage}
          >
            <span>{stage.Status}</span>
            <span className="quiet">
              {final ? dateTime(stage.StartTime) : duration((stage.EndTime ?? now) - stage.StartTime)}
            </span>
          </li>
        );
      })}
    </ol>
  );
}

export function S3Link({ uri }: { uri: string | undefined }) {
  const place = uri === undefined ? undefined : parseUri(uri);
  if (!place) return <>{uri ?? '–'}</>;
  return <Link to={`${to('s3', place.bucket)}?key=${encodeURIComponent(place.key)}`}>{uri}</Link>;
}

/** The numbers of lines such as `[7]#011train-rmse:12.3#011validation-rmse:13.1`, by name. */
export function metricsOf(lines: LogLine[]): Series[] {
  const series = new Map<string, [number, number][]>();
  for (const { message } of lines) {
    const round = /\[(\d+)\](?:#011|\t)/.exec(message)?.[1];
    if (round === undefined) continue;
    for (const [, name, value] of message.matchAll(/(?:#011|\t)([\w@-]+):([-+.\deE]+)/g)) {
      const points = series.get(name!) ?? [];
      points.push([Number(round), Number(value)]);
      series.set(name!, points);
    }
  }
  return [...series].map(([name, points]) => ({ name, points }));
}
