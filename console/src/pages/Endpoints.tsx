// Endpoints: how they stand, what they were asked, and a form to ask them.

import { useState } from 'react';

import { call, send } from '../api/call';
import { useQuery } from '../api/query';
import type { Endpoint as Described } from '../api/types';
import { Link, go, to } from '../router';
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
  TextField,
  useAction,
  useAnnounce,
} from '../ui/parts';
import { LogTail, useLog } from './LogTail';

const on = (change: { service: string }) => change.service === 'sagemaker';

export function Endpoints() {
  const [search, setSearch] = useState('');
  const endpoints = useQuery(
    `endpoints ${search}`,
    (signal) =>
      call<{ Endpoints: Described[]; NextToken?: string }>(
        'sagemaker',
        'ListEndpoints',
        { MaxResults: 100, ...(search.trim() ? { NameContains: search.trim() } : {}) },
        signal,
      ),
    { on },
  );
  return (
    <>
      <PageHead title="Endpoints" />
      <Panel title="All endpoints">
        <TextField label="Name contains" type="search" value={search} onChange={setSearch} />
        <Shown query={endpoints}>
          {({ Endpoints, NextToken }) => (
            <>
              <Table
                label="Endpoints"
                head={['Name', 'Status', 'Created', 'Changed']}
                empty={<p>{search ? 'No name contains this.' : 'No endpoint yet.'}</p>}
              >
                {Endpoints.map((endpoint) => (
                  <tr key={endpoint.EndpointName}>
                    <th scope="row">
                      <Link to={to('endpoints', endpoint.EndpointName)}>{endpoint.EndpointName}</Link>
                    </th>
                    <td>
                      <Status of={endpoint.EndpointStatus} />
                    </td>
                    <td>{dateTime(endpoint.CreationTime)}</td>
                    <td>{dateTime(endpoint.LastModifiedTime)}</td>
                  </tr>
                ))}
              </Table>
              {NextToken && <p className="quiet">These are the latest hundred; search for the others.</p>}
            </>
          )}
        </Shown>
      </Panel>
    </>
  );
}

export function Endpoint({ name }: { name: string }) {
  const announce = useAnnounce();
  const [deleting, setDeleting] = useState(false);
  const endpoint = useQuery(
    `endpoint ${name}`,
    (signal) => call<Described>('sagemaker', 'DescribeEndpoint', { EndpointName: name }, signal),
    { on },
  );
  const log = useLog(`/aws/sagemaker/Endpoints/${name}`, '', endpoint.data?.EndpointStatus === 'InService');
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
          const body = rows.trim();
          const begun = performance.now();
          const response = await send('sagemaker', {
            method: 'POST',
            path: `/endpoints/${encodeURIComponent(name)}/invocations`,
            headers: { 'content-type': 'text/csv', accept: 'text/csv' },
            body,
          });
          const text = await response.text();
          setAnswer({
            rows: body.split('\n'),
            predictions: text.trim().split(/[\n,]/),
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
            {answer.predictions.slice(0, 200).map((prediction, index) => (
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
        </div>
      )}
    </form>
  );
}
