// A definition as text, checked as it is typed, with its graph beside it.

import { useEffect, useMemo, useRef, useState } from 'react';

import { ApiError, call } from '../api/call';
import { useQuery } from '../api/query';
import type { Diagnostic } from '../api/types';
import JsonEditor, { type Handle, type Mark } from '../editor/JsonEditor';
import { completeDefinition } from '../editor/complete';
import { EMPTY, KINDS, type Machine, insert, moveEarlier, moveLater, namesOf } from '../editor/edit';
import { locate, pathAt } from '../editor/locate';
import { Graph } from '../graph/Graph';
import { picture } from '../graph/picture';
import { go, holdBack, to } from '../router';
import { count, exact, pretty } from '../ui/format';
import {
  Code,
  Dialog,
  Field,
  PageHead,
  Panel,
  Problem,
  Shown,
  TextArea,
  TextField,
  useAction,
  useAnnounce,
  useRested,
} from '../ui/parts';
import { StartExecution } from './StartExecution';
import { describe } from './StateMachine';
import { listRoles } from '../api/iam';

export function Editor({ arn }: { arn?: string }) {
  const machine = useQuery(arn ? `edit ${arn}` : null, (signal) => describe(arn!, signal));
  if (arn === undefined) return <Editing definition={EMPTY} />;
  return (
    <Shown query={machine}>
      {(machine) => (
        <Editing
          arn={arn}
          name={machine.name}
          definition={machine.definition}
          roleArn={machine.roleArn}
          type={machine.type}
        />
      )}
    </Shown>
  );
}

function Editing(given: {
  arn?: string;
  name?: string;
  definition: string;
  roleArn?: string;
  type?: 'STANDARD' | 'EXPRESS';
}) {
  const { arn } = given;
  const [text, setText] = useState(() => (arn ? laidOut(given.definition) : given.definition));
  const [saved, setSaved] = useState({ text, roleArn: given.roleArn ?? '' });
  const [name, setName] = useState('');
  const [type, setType] = useState(given.type ?? 'STANDARD');
  const [roleArn, setRole] = useState(given.roleArn ?? '');
  const [selected, setSelected] = useState<string>();
  const [dialog, setDialog] = useState<'run' | 'test' | null>(null);
  const [refusal, setRefusal] = useState<string>();
  const editor = useRef<Handle>(null);
  const announce = useAnnounce();
  const { busy, error, run } = useAction();

  const roles = useQuery('roles for states', listRoles);
  useEffect(() => {
    if (roleArn === '' && roles.data) {
      const fit = roles.data.find((role) => role.trust.includes('states.amazonaws.com'));
      setRole(fit?.arn ?? 'arn:aws:iam::000000000000:role/stepwell');
    }
  }, [roles.data, roleArn]);

  const rested = useRested(text, 300);
  const checked = useQuery(`validate ${type} ${rested}`, (signal) =>
    call<{ result: string; diagnostics: Diagnostic[] }>(
      'states',
      'ValidateStateMachineDefinition',
      { definition: rested, type, severity: 'WARNING' },
      signal,
    ),
  );
  const fine = checked.data?.result === 'OK';
  const drawn = useQuery(fine ? `draft ${rested}` : null, (signal) => picture({ definition: rested }, signal));
  // What cannot be drawn leaves the last that could.
  const last = useRef(drawn.data);
  if (drawn.data) last.current = drawn.data;

  const diagnostics = useMemo(
    () => (checked.data?.diagnostics ?? []).map((one) => ({ ...one, place: locate(rested, one.location) })),
    [checked.data, rested],
  );
  const marks = useMemo<Mark[]>(
    () =>
      diagnostics.map(({ place, severity, message }) => ({
        from: place.from,
        to: place.to,
        severity: severity === 'ERROR' ? 'error' : 'warning',
        message,
      })),
    [diagnostics],
  );

  const names = useMemo(() => {
    try {
      return namesOf(JSON.parse(rested) as Machine);
    } catch {
      return [];
    }
  }, [rested]);
  const current = selected !== undefined && names.includes(selected) ? selected : undefined;

  const change = (what: (after: string | undefined) => string | undefined, refused: string) => {
    setRefusal(undefined);
    try {
      const at = current ?? stateAt(text, editor.current?.cursor() ?? 0, names);
      const changed = what(at);
      if (changed === undefined) setRefusal(refused);
      else setText(changed);
    } catch {
      setRefusal('The text is not JSON yet; put right what is marked first.');
    }
  };

  const save = (publish: boolean) =>
    run(async () => {
      if (arn === undefined) {
        const made = await call<{ stateMachineArn: string }>('states', 'CreateStateMachine', {
          name: name.trim(),
          definition: text,
          roleArn,
          type,
          publish,
        });
        announce(`${name} is created.`);
        go(to('state-machines', made.stateMachineArn), { held: false });
      } else {
        await call('states', 'UpdateStateMachine', { stateMachineArn: arn, definition: text, roleArn, publish });
        setSaved({ text, roleArn });
        announce(publish ? 'Saved, and published as a version.' : 'Saved.');
      }
    });

  const dirty = text !== saved.text || (arn !== undefined && roleArn !== saved.roleArn);
  useEffect(() => (dirty ? holdBack('What was changed here is not saved.') : undefined), [dirty]);
  return (
    <>
      <PageHead
        title={arn ? `Edit ${given.name}` : 'Create state machine'}
        crumbs={[
          ['State machines', '/state-machines'],
          ...(arn ? [[given.name!, to('state-machines', arn)] as [string, string]] : []),
        ]}
      >
        <button type="button" onClick={() => setDialog('test')} disabled={names.length === 0}>
          Test state
        </button>
        {arn && (
          <button
            type="button"
            disabled={busy || dirty}
            onClick={() => setDialog('run')}
            title={dirty ? 'Save first' : undefined}
          >
            Run
          </button>
        )}
        {arn && (
          <button type="button" disabled={busy} onClick={() => void save(true)}>
            Save and publish
          </button>
        )}
        <button
          type="button"
          className="primary"
          disabled={busy || (!arn && name.trim() === '')}
          onClick={() => void save(false)}
        >
          {arn ? 'Save' : 'Create'}
        </button>
      </PageHead>
      {error && <Refused error={error} text={text} onGo={(at) => editor.current?.goTo(at)} />}
      <div className="filters">
        {!arn && <TextField label="Name" value={name} onChange={setName} required />}
        {!arn && (
          <Field label="Type">
            {(id) => (
              <select id={id} value={type} onChange={(event) => setType(event.target.value as typeof type)}>
                <option value="STANDARD">Standard</option>
                <option value="EXPRESS">Express</option>
              </select>
            )}
          </Field>
        )}
        <TextField label="Role" value={roleArn} onChange={setRole} list={(roles.data ?? []).map((role) => role.arn)} />
      </div>
      <div className="palette" role="toolbar" aria-label="States to insert">
        <span className="quiet">Insert {current ? `after ${current}` : 'after the state at the cursor'}:</span>
        {KINDS.map((kind) => (
          <button
            key={kind}
            type="button"
            className="small"
            onClick={() =>
              change((after) => {
                const made = insert(text, kind, after);
                setSelected(made.name);
                return made.text;
              }, '')
            }
          >
            {kind}
          </button>
        ))}
        <span className="quiet">Move:</span>
        <button
          type="button"
          className="small"
          onClick={() =>
            change(
              (at) => (at === undefined ? undefined : moveEarlier(text, at)),
              'Choose a state that one other leads to.',
            )
          }
        >
          Earlier
        </button>
        <button
          type="button"
          className="small"
          onClick={() =>
            change((at) => (at === undefined ? undefined : moveLater(text, at)), 'Choose a state that another follows.')
          }
        >
          Later
        </button>
        <button type="button" className="small" onClick={() => change(() => laidOut(text, true), '')}>
          Lay out
        </button>
      </div>
      {refusal && <p role="alert">{refusal}</p>}
      <div className="beside">
        <div>
          <JsonEditor
            value={text}
            onChange={setText}
            marks={marks}
            label="Definition"
            complete={completeDefinition}
            handle={editor}
          />
        </div>
        <div>
          {last.current ? (
            <Graph
              picture={last.current}
              label="Graph of the definition"
              live={false}
              selected={last.current.nodes.find((node) => node.name === current)?.id}
              onSelect={(node) => {
                setSelected(node.name);
                const at = text.indexOf(`${JSON.stringify(node.name)}: {`);
                if (at >= 0) editor.current?.goTo(at);
              }}
            />
          ) : (
            <p className="empty">The graph shows once the definition holds.</p>
          )}
        </div>
      </div>
      <Panel title="Diagnostics">
        <p role="status" className={fine && diagnostics.length === 0 ? 'status good' : 'quiet'}>
          {checked.loading
            ? 'Checking…'
            : diagnostics.length === 0
              ? '✓ The definition holds.'
              : `${count(diagnostics.length, 'remark')}; ${fine ? 'it can be saved.' : 'it cannot be saved like this.'}`}
        </p>
        {checked.error && <Problem error={checked.error} />}
        <ul className="diagnostics">
          {diagnostics.map((one, index) => (
            <li key={index} className={one.severity}>
              <button type="button" className="link" onClick={() => editor.current?.goTo(one.place.from)}>
                Line {one.place.line}
              </button>{' '}
              {one.message}
            </li>
          ))}
        </ul>
      </Panel>
      {dialog === 'run' && arn && (
        <StartExecution stateMachineArn={arn} definition={text} type={type} onClose={() => setDialog(null)} />
      )}
      {dialog === 'test' && (
        <TestState definition={text} names={names} first={current} roleArn={roleArn} onClose={() => setDialog(null)} />
      )}
    </>
  );
}

/** A refused definition, with the line that is meant. */
function Refused({ error, text, onGo }: { error: Error; text: string; onGo: (at: number) => void }) {
  const location = / at (\/\S+)/.exec(error.message)?.[1];
  const place = error instanceof ApiError && location ? locate(text, location.replace(/['"]$/, '')) : undefined;
  return (
    <>
      <Problem error={error} />
      {place && (
        <button type="button" onClick={() => onGo(place.from)}>
          Go to line {place.line}
        </button>
      )}
    </>
  );
}

interface Tested {
  status: string;
  output?: string;
  error?: string;
  cause?: string;
  nextState?: string;
  inspectionData?: Record<string, string>;
}

/** What a state that is tested alone is answered. */
const MOCKS = { none: 'its own: it is really asked', result: 'a result', error: 'an error' };

function TestState({
  definition,
  names,
  first,
  roleArn,
  onClose,
}: {
  definition: string;
  names: string[];
  first: string | undefined;
  roleArn: string;
  onClose: () => void;
}) {
  const [state, setState] = useState(first ?? names[0] ?? '');
  const [input, setInput] = useState('{}');
  const [mocked, setMocked] = useState<keyof typeof MOCKS>('none');
  const [mock, setMock] = useState('');
  const [mockedError, setMockedError] = useState('States.TaskFailed');
  const [tested, setTested] = useState<Tested>();
  const { busy, error, run } = useAction();
  return (
    <Dialog title="Test a state" submit="Done" onClose={onClose} onSubmit={() => {}}>
      <Field label="State">
        {(id) => (
          <select id={id} value={state} onChange={(event) => setState(event.target.value)}>
            {names.map((name) => (
              <option key={name}>{name}</option>
            ))}
          </select>
        )}
      </Field>
      <TextArea label="Input" rows={4} value={input} onChange={setInput} />
      <Field label="The service’s answer">
        {(id) => (
          <select id={id} value={mocked} onChange={(event) => setMocked(event.target.value as typeof mocked)}>
            {Object.entries(MOCKS).map(([key, word]) => (
              <option key={key} value={key}>
                {word}
              </option>
            ))}
          </select>
        )}
      </Field>
      {mocked === 'result' && <TextArea label="Mocked result" rows={3} value={mock} onChange={setMock} hint="JSON." />}
      {mocked === 'error' && (
        <>
          <TextField label="Mocked error" value={mockedError} onChange={setMockedError} />
          <TextArea label="Mocked cause" rows={2} value={mock} onChange={setMock} />
        </>
      )}
      <button
        type="button"
        disabled={busy}
        onClick={() =>
          void run(async () => {
            setTested(undefined);
            setTested(
              await call<Tested>('states', 'TestState', {
                definition,
                stateName: state,
                roleArn,
                input,
                inspectionLevel: 'DEBUG',
                ...(mocked === 'result' ? { mock: { result: mock } } : {}),
                ...(mocked === 'error' ? { mock: { errorOutput: { error: mockedError, cause: mock } } } : {}),
              }),
            );
          })
        }
      >
        Test
      </button>
      {error && <Problem error={error} />}
      {tested && (
        <div role="status">
          <p>
            <strong>{tested.status}</strong>
            {tested.nextState && <> → {tested.nextState}</>}
          </p>
          {tested.error && (
            <div className="problem">
              <strong>{tested.error}</strong>
              <pre>{pretty(tested.cause)}</pre>
            </div>
          )}
          {tested.output !== undefined && <Code text={tested.output} label="Output" />}
          {tested.inspectionData && (
            <details>
              <summary>How the data flowed</summary>
              {Object.entries(tested.inspectionData).map(([key, value]) => (
                <Code key={key} label={key} text={typeof value === 'string' ? value : JSON.stringify(value)} />
              ))}
            </details>
          )}
        </div>
      )}
    </Dialog>
  );
}

/** The innermost state around the cursor. */
function stateAt(text: string, at: number, names: string[]): string | undefined {
  return pathAt(text, at)
    .filter((name) => names.includes(name))
    .at(-1);
}

function laidOut(text: string, strict = false): string {
  try {
    return `${JSON.stringify(exact(text), null, 2)}\n`;
  } catch (error) {
    if (strict) throw error;
    return text;
  }
}
