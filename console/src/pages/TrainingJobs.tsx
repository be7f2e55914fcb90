// Training jobs.

import { useState } from 'react';

import { call } from '../api/call';
import { useQuery } from '../api/query';
import { Link, to } from '../router';
import { dateTime, duration } from '../ui/format';
import { Dialog, PageHead, Panel, Shown, Status, Table, TextField, useAnnounce, useNow } from '../ui/parts';
import JobDetail from './JobDetail';

interface Summary {
  TrainingJobName: string;
  TrainingJobStatus: string;
  CreationTime: number;
  TrainingEndTime?: number;
}

export function TrainingJobs() {
  const [search, setSearch] = useState('');
  const [status, setStatus] = useState('');
  const jobs = useQuery(
    `training-jobs ${search} ${status}`,
    (signal) =>
      call<{ TrainingJobSummaries: Summary[]; NextToken?: string }>(
        'sagemaker',
        'ListTrainingJobs',
        {
          MaxResults: 100,
          SortBy: 'CreationTime',
          SortOrder: 'Descending',
          ...(search.trim() ? { NameContains: search.trim() } : {}),
          ...(status ? { StatusEquals: status } : {}),
        },
        signal,
      ),
    { on: (change) => change.service === 'sagemaker' },
  );
  const now = useNow(jobs.data?.TrainingJobSummaries.some((job) => job.TrainingJobStatus === 'InProgress') ?? false);
  return (
    <>
      <PageHead title="Training jobs" />
      <Panel title="All training jobs">
        <div className="filters">
          <TextField label="Name contains" type="search" value={search} onChange={setSearch} />
          <div className="field">
            <label htmlFor="job-status">Status</label>
            <select id="job-status" value={status} onChange={(event) => setStatus(event.target.value)}>
              <option value="">Any</option>
              {['InProgress', 'Completed', 'Failed', 'Stopping', 'Stopped'].map((status) => (
                <option key={status}>{status}</option>
              ))}
            </select>
          </div>
        </div>
        <Shown query={jobs}>
          {({ TrainingJobSummaries, NextToken }) => (
            <>
              <Table
                label="Training jobs"
                head={['Name', 'Status', 'Created', 'Duration']}
                empty={<p>{search || status ? 'No job fits.' : 'No training job yet.'}</p>}
              >
                {TrainingJobSummaries.map((job) => (
                  <tr key={job.TrainingJobName}>
                    <th scope="row">
                      <Link to={to('training-jobs', job.TrainingJobName)}>{job.TrainingJobName}</Link>
                    </th>
                    <td>
                      <Status of={job.TrainingJobStatus} />
                    </td>
                    <td>{dateTime(job.CreationTime)}</td>
                    <td>{duration((job.TrainingEndTime ?? now / 1000) - job.CreationTime)}</td>
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

export function TrainingJob({ name }: { name: string }) {
  const [stopping, setStopping] = useState(false);
  const announce = useAnnounce();
  return (
    <>
      <PageHead title={name} crumbs={[['Training jobs', '/training-jobs']]}>
        <button type="button" onClick={() => setStopping(true)}>
          Stop
        </button>
      </PageHead>
      <Panel title="The job">
        <JobDetail kind="training" name={name} />
      </Panel>
      {stopping && (
        <Dialog
          title={`Stop ${name}?`}
          submit="Stop"
          danger
          onClose={() => setStopping(false)}
          onSubmit={async () => {
            await call('sagemaker', 'StopTrainingJob', { TrainingJobName: name });
            announce(`${name} is being stopped.`);
          }}
        >
          <p>What it has learned so far is kept as its artifact.</p>
        </Dialog>
      )}
    </>
  );
}
