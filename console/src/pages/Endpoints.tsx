// Endpoints: how they stand, what they were asked, and a form to ask them.

import { useState } from 'react';

import { call, send } from '../api/call';
import { METRICS_REST, counted, metrics, timeOfDay, untilNow } from '../api/metrics';
import { of, useQuery } from '../api/query';
import type { Endpoint as Described } from '../api/types';
import { go } from '../router';
import { Chart } from '../ui/chart';
import { count, dateTime, duration } from '../ui/format';
import {
  Arn,
  Dialog,
  Facts,
  PageHead,
  Panel,
  Problem,
  Shown,
  Status,
  Table,
  TextArea,
  useAction,
  useAnnounce,
} from '../ui/parts';
import { LogTail, useLog } from './LogTail';
import { type Kind, ResourceList } from './ResourceList';

const ENDPOINTS: Kind<Described> = {
  title: 'Endpoints',
  one: 'endpoint',
  page: 'endpoints',
  operation: 'ListEndpoints',
  member: 'Endpoints',
  name: (endpoint) => endpoint.EndpointName,
  columns: [
    ['Status', (endpoint) => <Status of={endpoint.EndpointStatus} />],
    ['Created', (endpoint) => dateTime(endpoint.CreationTime)],
    ['Changed', (endpoint) => dateTime(endpoint.LastModifiedTime)],
  ],
  statuses: ['InService', 'Creating', 'Updating', 'Deleting', 'Failed'],
};

export function Endpoints() {
  return <ResourceList of={ENDPOINTS} />;
}

export function Endpoint({ name }: { name: string }) {
  const announce = useAnnounce();
  const [deleting, setDeleting] = useState(false);
  const endpoint = useQuery(
    `endpoint ${name}`,
    (signal) => call<Described>('sagemaker', 'DescribeEndpoint', { EndpointName: name }, signal),
    { on: of('sagemaker') },
  );
  const log = useLog(`/aws/sagemaker/Endpoints/${name}`, '');
  return (
    <>
      <PageHead
        title={name}
        crumbs={[['Endpoints', '/endpoints']]}
        status={endpoint.data && <Status of={endpoint.data.EndpointStatus} />}
      >
        <button type="button" onClick={() => setDeleting(true)}>
          Delete
        </button>
      </PageHead>
      <Shown query={endpoint}>
        {(endpoint) => (
          <>
            {endpoint.FailureReason && <p className="problem">{endpoint.FailureReason}</p>}
            <Facts
              of={[
                ['ARN', <Arn key="arn" arn={endpoint.EndpointArn} />],
                ['Configuration', endpoint.EndpointConfigName],
                ['Created', dateTime(endpoint.CreationTime)],
              ]}
            />
            <Panel title="Variants">
              <Table label="Variants" head={['Variant', 'Weight', 'Instances', 'Image']} empty={<p>None.</p>}>
                {(endpoint.ProductionVariants ?? []).map((variant) => (
                  <tr key={variant.VariantName}>
                    <th scope="row">{variant.VariantName}</th>
                    <td>{variant.CurrentWeight}</td>
                    <td>{variant.CurrentInstanceCount}</td>
                    <td>
                      <code>{variant.DeployedImages?.[0]?.SpecifiedImage}</code>
                    </td>
                  </tr>
                ))}
              </Table>
            </Panel>
            <Panel title="Try it">
              <TryIt name={name} ready={endpoint.EndpointStatus === 'InService'} />
            </Panel>
            <Panel title="Traffic of the last three hours">
              <Traffic
                name={endpoint.EndpointName}
                variants={(endpoint.ProductionVariants ?? []).map((variant) => variant.VariantName)}
              />
            </Panel>
            <Panel title="Log">
              <LogTail query={log} label={`Log of ${name}`} />
            </Panel>
          </>
        )}
      </Shown>
      {deleting && (
        <Dialog
          title={`Delete ${name}?`}
          submit="Delete"
          danger
          onClose={() => setDeleting(false)}
          onSubmit={async () => {
            await call('sagemaker', 'DeleteEndpoint', { EndpointName: name });
            announce(`${name} is deleted.`);
            go('/endpoints');
          }}
        >
          <p>Its model and its configuration stay.</p>
        </Dialog>
      )}
    </>
  );
}

/** Three hours. */
const SPAN = 3 * 3600;

/** What it was asked, minute by minute, and how long the answers took; from CloudWatch. */
function Traffic({ name, variants }: { name: string; variants: string[] }) {
  const several = variants.length > 1;
  const traffic = useQuery(
    variants.length === 0 ? null : `traffic ${name} ${variants.join(' ')}`,
    async (signal) => {
      const asked = variants.flatMap((variant) => {
        const dimensions = { EndpointName: name, VariantName: variant };
        const of = (word: string) => (several ? `${variant}: ${word}` : word);
        return [
          { label: of('invocations'), metric: 'Invocations', statistic: 'Sum' as const, dimensions },
          { label: of('refused (4XX)'), metric: 'Invocation4XXErrors', statistic: 'Sum' as const, dimensions },
          { label: of('failed (5XX)'), metric: 'Invocation5XXErrors', statistic: 'Sum' as const, dimensions },
          { label: of('model'), metric: 'ModelLatency', statistic: 'Average' as const, dimensions, scale: 0.001 },
          { label: of('overhead'), metric: 'OverheadLatency', statistic: 'Average' as const, dimensions, scale: 0.001 },
        ];
      });
      const series = await metrics('AWS/SageMaker', SPAN, asked, signal);
      const is = (index: number, from: number, to: number) => index % 5 >= from && index % 5 < to;
      return {
        counts: counted(series.filter((_, index) => is(index, 0, 3))),
        times: series.filter(({ points }, index) => is(index, 3, 5) && points.length > 0),
      };
    },
    { on: of('cloudwatch'), rest: METRICS_REST },
  );
  return (
    <Shown query={traffic}>
      {({ counts, times }) =>
        counts.length === 0 ? (
          <p className="quiet">Nobody has asked it in this time.</p>
        ) : (
          <div className="charts">
            <div>
              <h3>Requests a minute</h3>
              <Chart title="Requests a minute" series={counts} x={timeOfDay} from={0} span={untilNow(SPAN)} />
            </div>
            <div>
              <h3>Latency in milliseconds</h3>
              <Chart
                title="Average latency in milliseconds"
                series={times}
                x={timeOfDay}
                from={0}
                span={untilNow(SPAN)}
              />
            </div>
          </div>
        )
      }
    </Shown>
  );
}

/** So many predictions are shown. */
const SHOWN = 200;

/** A prediction for each row: a line each, of several numbers if there are classes; old images write one line of all. */
function predictionsOf(answer: string, rows: number): string[] {
  const lines = answer.trim().split('\n');
  const all = lines.length === rows ? lines : (answer.match(/\[[^\]]*\]|[^,\s]+/g) ?? []);
  return all.map((prediction) => prediction.replaceAll(/,\s*/g, ', '));
}

/** Rows in, predictions out. */
function TryIt({ name, ready }: { name: string; ready: boolean }) {
  const [rows, setRows] = useState('');
  const [answer, setAnswer] = useState<{ rows: string[]; predictions: string[]; seconds: number }>();
  const { busy, error, run } = useAction();
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        void run(async () => {
          setAnswer(undefined);
          const asked = rows.split('\n').filter((row) => row.trim() !== '');
          const body = asked.join('\n');
          const begun = performance.now();
          const response = await send('sagemaker', {
            method: 'POST',
            path: `/endpoints/${encodeURIComponent(name)}/invocations`,
            headers: { 'content-type': 'text/csv', accept: 'text/csv' },
            body,
          });
          const text = await response.text();
          setAnswer({
            rows: asked,
            predictions: predictionsOf(text, asked.length),
            seconds: (performance.now() - begun) / 1000,
          });
        });
      }}
    >
      <TextArea
        label="Rows as CSV"
        rows={5}
        value={rows}
        onChange={setRows}
        hint="Without a header and without the column that is to be predicted."
      />
      <button type="submit" className="primary" disabled={!ready || busy || rows.trim() === ''}>
        Predict
      </button>
      {!ready && <p className="quiet">It answers once it is in service.</p>}
      {error && <Problem error={error} />}
      {answer && (
        <div role="status">
          <p>
            {count(answer.predictions.length, 'prediction')} in {duration(answer.seconds)}
          </p>
          <Table label="Predictions" head={['Row', 'Prediction']} empty={null}>
            {answer.predictions.slice(0, SHOWN).map((prediction, index) => (
              <tr key={index}>
                <td>
                  <code>{answer.rows[index] ?? ''}</code>
                </td>
                <td>
                  <strong>{prediction}</strong>
                </td>
              </tr>
            ))}
          </Table>
          {answer.predictions.length > SHOWN && <p className="quiet">The first {SHOWN} are shown.</p>}
        </div>
      )}
    </form>
  );
}
