// Answers of the APIs, as far as they are shown.

export interface StateMachine {
  stateMachineArn: string;
  name: string;
  type: 'STANDARD' | 'EXPRESS';
  creationDate: number;
}

export interface StateMachineDetail extends StateMachine {
  status: string;
  definition: string;
  roleArn: string;
  revisionId?: string;
  loggingConfiguration?: { level?: string; destinations?: { cloudWatchLogsLogGroup?: { logGroupArn?: string } }[] };
  label?: string;
}

export type ExecutionStatus = 'RUNNING' | 'SUCCEEDED' | 'FAILED' | 'TIMED_OUT' | 'ABORTED' | 'PENDING_REDRIVE';

export interface ExecutionItem {
  executionArn: string;
  stateMachineArn: string;
  name: string;
  status: ExecutionStatus;
  startDate: number;
  stopDate?: number;
  mapRunArn?: string;
  itemCount?: number;
  redriveCount?: number;
}

export interface Execution extends ExecutionItem {
  input?: string;
  output?: string;
  error?: string;
  cause?: string;
  redriveStatus?: string;
  redriveStatusReason?: string;
  stateMachineVersionArn?: string;
  stateMachineAliasArn?: string;
}

export interface HistoryEvent {
  id: number;
  previousEventId: number;
  timestamp: number;
  type: string;
  [details: string]: unknown;
}

export interface MapRun {
  mapRunArn: string;
  executionArn: string;
  status: string;
  startDate: number;
  stopDate?: number;
  maxConcurrency: number;
  toleratedFailurePercentage: number;
  toleratedFailureCount: number;
  itemCounts: Counts;
  executionCounts: Counts;
}

export interface Counts {
  pending: number;
  running: number;
  succeeded: number;
  failed: number;
  timedOut: number;
  aborted: number;
  total: number;
  resultsWritten: number;
}

export interface Diagnostic {
  severity: 'ERROR' | 'WARNING';
  code: string;
  message: string;
  location?: string;
}

export interface TrainingJob {
  TrainingJobName: string;
  TrainingJobArn: string;
  TrainingJobStatus: string;
  SecondaryStatus: string;
  FailureReason?: string;
  CreationTime: number;
  TrainingStartTime?: number;
  TrainingEndTime?: number;
  LastModifiedTime?: number;
  ModelArtifacts?: { S3ModelArtifacts?: string };
  AlgorithmSpecification?: { TrainingImage?: string; AlgorithmName?: string; TrainingInputMode?: string };
  HyperParameters?: Record<string, string>;
  InputDataConfig?: { ChannelName: string; DataSource?: { S3DataSource?: { S3Uri?: string } }; ContentType?: string }[];
  OutputDataConfig?: { S3OutputPath?: string };
  ResourceConfig?: { InstanceType?: string; InstanceCount?: number; VolumeSizeInGB?: number };
  StoppingCondition?: { MaxRuntimeInSeconds?: number };
  RoleArn?: string;
  SecondaryStatusTransitions?: Transition[];
  FinalMetricDataList?: { MetricName: string; Value: number; Timestamp: number }[];
  BillableTimeInSeconds?: number;
}

export interface Transition {
  Status: string;
  StartTime: number;
  EndTime?: number;
  StatusMessage?: string;
}

export interface Endpoint {
  EndpointName: string;
  EndpointArn: string;
  EndpointConfigName?: string;
  EndpointStatus: string;
  FailureReason?: string;
  CreationTime: number;
  LastModifiedTime: number;
  ProductionVariants?: {
    VariantName: string;
    CurrentWeight?: number;
    CurrentInstanceCount?: number;
    DeployedImages?: { SpecifiedImage?: string }[];
  }[];
}

export interface LogEvent {
  timestamp: number;
  message: string;
}

/** `POST /_stepwell/graph` */
export interface Picture {
  width: number;
  height: number;
  nodes: PictureNode[];
  edges: PictureEdge[];
  diagnostics: Diagnostic[];
}

export type NodeStatus = 'notReached' | 'running' | 'succeeded' | 'failed' | 'caught' | 'aborted' | 'timedOut';

export interface PictureNode {
  id: string;
  name: string;
  type: string;
  resource?: string;
  x: number;
  y: number;
  width: number;
  height: number;
  parent: string | null;
  /** Its states lie within it. */
  container: boolean;
  /** The name, in lines that fit; and what it does. */
  lines: string[];
  subtitle: string;
  status: NodeStatus;
  retries: number;
  visits: number;
  iterations?: { total: number; succeeded: number; failed: number; running: number; aborted: number };
  start?: number;
  end?: number;
}

export interface PictureEdge {
  id: string;
  from: string;
  to: string;
  kind: 'next' | 'choice' | 'default' | 'catch' | 'start' | 'end';
  /** What it is taken for, short enough to be drawn, and whole. */
  label?: string;
  text?: string;
  points: [number, number][];
  labelAt?: [number, number];
  taken: boolean;
}
