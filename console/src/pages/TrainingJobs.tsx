// Training jobs.

import { useState } from 'react';

import { call } from '../api/call';
import { dateTime, duration } from '../ui/format';
import { Dialog, PageHead, Panel, Status, useAnnounce } from '../ui/parts';
import JobDetail from './JobDetail';
import { type Kind, ResourceList } from './ResourceList';

interface Summary {
  TrainingJobName: string;
  TrainingJobStatus: string;
  CreationTime: number;
  TrainingEndTime?: number;
}

const TRAINING_JOBS: Kind<Summary> = {
  title: 'Training jobs',
  one: 'training job',
  page: 'training-jobs',
  operation: 'ListTrainingJobs',
  member: 'TrainingJobSummaries',
  name: (job) => job.TrainingJobName,
  columns: [
    ['Status', (job) => <Status of={job.TrainingJobStatus} />],
    ['Created', (job) => dateTime(job.CreationTime)],
    ['Duration', (job, now) => duration((job.TrainingEndTime ?? now / 1000) - job.CreationTime)],
  ],
  statuses: ['InProgress', 'Completed', 'Failed', 'Stopping', 'Stopped'],
  busy: (job) => job.TrainingEndTime === undefined,
};

export function TrainingJobs() {
  return <ResourceList of={TRAINING_JOBS} />;
}

export function TrainingJob({ name }: { name: string }) {
  const [stopping, setStopping] = useState(false);
  const announce = useAnnounce();
  const [status, setStatus] = useState<string>();
  return (
    <>
      <PageHead title={name} crumbs={[['Training jobs', '/training-jobs']]} status={status && <Status of={status} />}>
        {status === 'InProgress' && (
          <button type="button" onClick={() => setStopping(true)}>
            Stop
          </button>
        )}
      </PageHead>
      <Panel title="The job">
        <JobDetail kind="training" name={name} onStatus={setStatus} />
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
