// What may be written next in a definition: fields by the state's type, types, names of states.

import type { Completion, CompletionContext, CompletionResult } from '@codemirror/autocomplete';
import { syntaxTree } from '@codemirror/language';
import type { SyntaxNode } from '@lezer/common';

import { nameOf, properties } from './locate';

const COMMON = ['Type', 'Comment', 'QueryLanguage', 'Assign', 'Output', 'InputPath', 'OutputPath'];
const GOES_ON = ['Next', 'End'];
const CATCHES = ['Retry', 'Catch'];
const RESULTS = ['Parameters', 'Arguments', 'ResultSelector', 'ResultPath'];

const FIELDS: Record<string, string[]> = {
  Task: [
    ...COMMON,
    ...GOES_ON,
    ...CATCHES,
    ...RESULTS,
    'Resource',
    'TimeoutSeconds',
    'TimeoutSecondsPath',
    'HeartbeatSeconds',
    'HeartbeatSecondsPath',
    'Credentials',
  ],
  Pass: [...COMMON, ...GOES_ON, 'Parameters', 'Result', 'ResultPath'],
  Choice: [...COMMON, 'Choices', 'Default'],
  Wait: [...COMMON, ...GOES_ON, 'Seconds', 'SecondsPath', 'Timestamp', 'TimestampPath'],
  Succeed: COMMON,
  Fail: ['Type', 'Comment', 'QueryLanguage', 'Error', 'ErrorPath', 'Cause', 'CausePath'],
  Parallel: [...COMMON, ...GOES_ON, ...CATCHES, ...RESULTS, 'Branches'],
  Map: [
    ...COMMON,
    ...GOES_ON,
    ...CATCHES,
    ...RESULTS,
    'ItemProcessor',
    'ItemsPath',
    'Items',
    'ItemSelector',
    'ItemBatcher',
    'ItemReader',
    'ResultWriter',
    'MaxConcurrency',
    'MaxConcurrencyPath',
    'ToleratedFailureCount',
    'ToleratedFailurePercentage',
    'Label',
  ],
};
const MACHINE = ['Comment', 'StartAt', 'States', 'QueryLanguage', 'TimeoutSeconds', 'Version'];
const INSIDE: Record<string, string[]> = {
  Retry: [
    'ErrorEquals',
    'IntervalSeconds',
    'MaxAttempts',
    'BackoffRate',
    'MaxDelaySeconds',
    'JitterStrategy',
    'Comment',
  ],
  Catch: ['ErrorEquals', 'Next', 'ResultPath', 'Assign', 'Output', 'Comment'],
  Choices: [
    'Next',
    'Variable',
    'Condition',
    'And',
    'Or',
    'Not',
    'StringEquals',
    'StringMatches',
    'NumericEquals',
    'NumericGreaterThan',
    'NumericGreaterThanEquals',
    'NumericLessThan',
    'NumericLessThanEquals',
    'BooleanEquals',
    'TimestampEquals',
    'TimestampGreaterThan',
    'TimestampLessThan',
    'IsPresent',
    'IsNull',
    'IsString',
    'IsNumeric',
    'IsBoolean',
    'IsTimestamp',
    'Assign',
    'Output',
    'Comment',
  ],
  ItemProcessor: [...MACHINE, 'ProcessorConfig'],
  Branches: MACHINE,
  ProcessorConfig: ['Mode', 'ExecutionType'],
  ItemBatcher: ['MaxItemsPerBatch', 'MaxInputBytesPerBatch', 'BatchInput'],
  ItemReader: ['Resource', 'Parameters', 'Arguments', 'ReaderConfig'],
  ReaderConfig: ['InputType', 'CSVHeaderLocation', 'CSVHeaders', 'MaxItems'],
  ResultWriter: ['Resource', 'Parameters', 'Arguments', 'WriterConfig'],
};
const VALUES: Record<string, string[]> = {
  Type: Object.keys(FIELDS),
  QueryLanguage: ['JSONPath', 'JSONata'],
  Mode: ['INLINE', 'DISTRIBUTED'],
  ExecutionType: ['STANDARD', 'EXPRESS'],
  JitterStrategy: ['FULL', 'NONE'],
  InputType: ['CSV', 'JSON', 'JSONL', 'MANIFEST', 'PARQUET'],
  ErrorEquals: [
    'States.ALL',
    'States.TaskFailed',
    'States.Timeout',
    'States.HeartbeatTimeout',
    'States.Permissions',
    'States.DataLimitExceeded',
    'States.Runtime',
  ],
  Resource: [
    'arn:aws:states:::sagemaker:createTrainingJob.sync',
    'arn:aws:states:::sagemaker:createTransformJob.sync',
    'arn:aws:states:::sagemaker:createModel',
    'arn:aws:states:::sagemaker:createEndpointConfig',
    'arn:aws:states:::sagemaker:createEndpoint',
    'arn:aws:states:::sagemaker:updateEndpoint',
    'arn:aws:states:::states:startExecution.sync:2',
    'arn:aws:states:::aws-sdk:s3:putObject',
    'arn:aws:states:::aws-sdk:s3:getObject',
    'arn:aws:states:::s3:listObjectsV2',
  ],
};

/** Completions of a definition in the States Language. */
export function completeDefinition(context: CompletionContext): CompletionResult | null {
  const text = context.state.doc.toString();
  const node = syntaxTree(context.state).resolveInner(context.pos, -1);
  if (node.name === 'PropertyName' || (node.name === 'Object' && context.explicit)) {
    const object = node.name === 'Object' ? node : node.parent?.parent;
    if (!object) return null;
    const there = properties(object).map((property) => nameOf(property, text));
    const from = node.name === 'Object' ? context.pos : node.from;
    return result(
      from,
      fieldsOf(object, text).filter((name) => !there.includes(name)),
      context.pos,
      node,
    );
  }
  if (node.name === 'String') {
    const property = above(node, 'Property');
    if (!property) return null;
    const name = nameOf(property, text);
    const values = ['Next', 'Default', 'StartAt'].includes(name) ? statesAround(property, text) : VALUES[name];
    return values ? result(node.from, values, context.pos, node) : null;
  }
  return null;
}

function result(from: number, names: string[], at: number, node: SyntaxNode): CompletionResult {
  const options: Completion[] = names.map((name) => ({ label: JSON.stringify(name), type: 'property' }));
  return { from, to: node.name === 'Object' ? at : node.to, options, validFor: /^"?[^"\n]*"?$/ };
}

function above(node: SyntaxNode, name: string): SyntaxNode | null {
  for (let up = node.parent; up; up = up.parent) if (up.name === name) return up;
  return null;
}

function fieldsOf(object: SyntaxNode, text: string): string[] {
  const holder = above(object, 'Property');
  if (!holder) return MACHINE;
  const name = nameOf(holder, text);
  if (INSIDE[name]) return INSIDE[name];
  const outer = above(holder, 'Property');
  if (outer && nameOf(outer, text) === 'States') {
    const type = properties(object).find((property) => nameOf(property, text) === 'Type')?.lastChild;
    const known = type ? FIELDS[text.slice(type.from + 1, type.to - 1)] : undefined;
    return known ?? [...new Set(Object.values(FIELDS).flat())];
  }
  return [];
}

/** The names of the states beside which a property stands, or which it holds. */
function statesAround(property: SyntaxNode, text: string): string[] {
  for (let up: SyntaxNode | null = property; up; up = up.parent) {
    if (up.name !== 'Object') continue;
    const states = properties(up).find((one) => nameOf(one, text) === 'States')?.lastChild;
    if (states) return properties(states).map((one) => nameOf(one, text));
  }
  return [];
}
