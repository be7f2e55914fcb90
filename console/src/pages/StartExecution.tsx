// The form that starts an execution: a field for each key of the input that the definition reads.

import { useState } from 'react';

import { call } from '../api/call';
import { inputKeys } from '../api/history';
import { go, to } from '../router';
import { duration, exact, pretty } from '../ui/format';
import { Code, Dialog, Field, Status, TextArea, TextField } from '../ui/parts';

/** Of an Express execution. */
interface Answer {
  status: string;
  startDate: number;
  stopDate: number;
  output?: string;
  error?: string;
  cause?: string;
}

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
  const [answer, setAnswer] = useState<Answer>();
  let parsed: Record<string, unknown> | undefined;
  try {
    const value = exact(text);
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
          setAnswer(undefined);
          setAnswer(await call<Answer>('states', 'StartSyncExecution', request));
          // It leaves no page of its own: what came of it is shown here.
          return false;
        }
        const { executionArn } = await call<{ executionArn: string }>('states', 'StartExecution', request);
        go(to('executions', executionArn));
        return true;
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
                      next = exact(typed);
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
      {answer && (
        <div role="status">
          <p>
            <Status of={answer.status} /> in {duration(answer.stopDate - answer.startDate)}
          </p>
          {answer.error !== undefined && (
            <div className="problem">
              <strong>{answer.error}</strong>
              <pre>{pretty(answer.cause)}</pre>
            </div>
          )}
          {answer.output !== undefined && <Code text={answer.output} label="Output" />}
        </div>
      )}
    </Dialog>
  );
}
