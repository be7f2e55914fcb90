// The form that starts an execution: a field for each key of the input that the definition reads.

import { useState } from 'react';

import { call } from '../api/call';
import { inputKeys } from '../api/history';
import { go, to } from '../router';
import { pretty } from '../ui/format';
import { Code, Dialog, Field, TextArea, TextField } from '../ui/parts';

export function StartExecution({
  stateMachineArn,
  definition,
  type,
  input,
  onClose,
}: {
  stateMachineArn: string;
  definition: string;
  type: 'STANDARD' | 'EXPRESS';
  /** Of an execution that is run again. */
  input?: string | undefined;
  onClose: () => void;
}) {
  const keys = inputKeys(definition);
  const empty = JSON.stringify(Object.fromEntries(keys.map((key) => [key, ''])), null, 2);
  const [text, setText] = useState(input === undefined ? empty : pretty(input));
  const [name, setName] = useState('');
  const [answer, setAnswer] = useState<string>();
  let parsed: Record<string, unknown> | undefined;
  try {
    const value = JSON.parse(text) as unknown;
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) parsed = value as Record<string, unknown>;
  } catch {
    // The field below says it.
  }
  return (
    <Dialog
      title={input === undefined ? 'Start execution' : 'Run again'}
      submit="Start execution"
      onClose={onClose}
      onSubmit={async () => {
        const request = { stateMachineArn, input: text, ...(name.trim() ? { name: name.trim() } : {}) };
        if (type === 'EXPRESS') {
          const result = await call<{ status: string; output?: string; error?: string; cause?: string }>(
            'states',
            'StartSyncExecution',
            request,
          );
          setAnswer(result.output ?? `${result.status}: ${result.error ?? ''} ${result.cause ?? ''}`);
          throw new Error(`The execution has ended: ${result.status.toLowerCase()}.`);
        }
        const { executionArn } = await call<{ executionArn: string }>('states', 'StartExecution', request);
        go(to('executions', executionArn));
      }}
    >
      <TextField label="Name" value={name} onChange={setName} hint="Left empty, one is made up." />
      {keys.map((key) => {
        const value = parsed?.[key];
        const plain = value === undefined || typeof value === 'string';
        return (
          <Field key={key} label={key}>
            {(id) => (
              <input
                id={id}
                disabled={parsed === undefined}
                value={plain ? (value ?? '') : JSON.stringify(value)}
                spellCheck={false}
                onChange={(event) => {
                  const typed = event.target.value;
                  let next: unknown = typed;
                  if (!plain) {
                    try {
                      next = JSON.parse(typed);
                    } catch {
                      // On the way to JSON it is text.
                    }
                  }
                  setText(JSON.stringify({ ...parsed, [key]: next }, null, 2));
                }}
              />
            )}
          </Field>
        );
      })}
      <TextArea
        label="Input"
        value={text}
        onChange={setText}
        hint={keys.length > 0 ? 'JSON. The definition reads the keys above from it.' : 'JSON.'}
      />
      {answer !== undefined && <Code text={answer} label="Output" />}
    </Dialog>
  );
}
