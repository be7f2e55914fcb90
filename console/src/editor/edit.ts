// Changes to a definition that are more than typing: a state put in, two states that change places.

import { exact } from '../ui/format';

export type State = { Type: string; Next?: string; End?: boolean; Default?: string } & Record<string, unknown>;
export interface Machine {
  StartAt: string;
  States: Record<string, State>;
}

const TEMPLATES: Record<string, Record<string, unknown>> = {
  Task: { Type: 'Task', Resource: 'arn:aws:states:::aws-sdk:s3:listBuckets', Parameters: {} },
  Pass: { Type: 'Pass' },
  Choice: { Type: 'Choice', Choices: [{ Variable: '$.value', IsPresent: true, Next: '' }] },
  Wait: { Type: 'Wait', Seconds: 5 },
  Parallel: { Type: 'Parallel', Branches: [{ StartAt: 'Branch', States: { Branch: { Type: 'Pass', End: true } } }] },
  Map: {
    Type: 'Map',
    ItemsPath: '$.items',
    ItemProcessor: {
      ProcessorConfig: { Mode: 'INLINE' },
      StartAt: 'Item',
      States: { Item: { Type: 'Pass', End: true } },
    },
  },
  Succeed: { Type: 'Succeed' },
  Fail: { Type: 'Fail', Error: 'Error', Cause: 'Cause' },
};

export const KINDS = Object.keys(TEMPLATES);

export const EMPTY = `{
  "StartAt": "First",
  "States": {
    "First": {
      "Type": "Pass",
      "End": true
    }
  }
}
`;

/** Every name of a state, at every depth. */
export function namesOf(machine: Machine): string[] {
  return scopesOf(machine).flatMap((scope) => Object.keys(scope.States));
}

function scopesOf(machine: Machine): Machine[] {
  const found = [machine];
  for (const state of Object.values(machine.States ?? {})) {
    const inner = [
      ...((state['Branches'] as Machine[] | undefined) ?? []),
      state['ItemProcessor'] ?? state['Iterator'],
    ];
    for (const one of inner) if (one) found.push(...scopesOf(one as Machine));
  }
  return found;
}

function scopeWith(machine: Machine, name: string | undefined): Machine | undefined {
  return name === undefined ? undefined : scopesOf(machine).find((scope) => name in scope.States);
}

function written(machine: Machine): string {
  return `${JSON.stringify(machine, null, 2)}\n`;
}

/** A new state of a type after the state `after`, on its way; gives the text and the new name. */
export function insert(text: string, kind: string, after: string | undefined): { text: string; name: string } {
  const machine = exact(text) as Machine;
  const scope = scopeWith(machine, after) ?? machine;
  const all = new Set(namesOf(machine));
  const fresh = (wanted: string) => {
    let name = wanted;
    for (let number = 2; all.has(name); number++) name = `${wanted} ${number}`;
    all.add(name);
    return name;
  };
  const name = fresh(kind);
  const state = structuredClone(TEMPLATES[kind]!) as State;
  // The states inside it need names of their own too.
  for (const inner of scopesOf({ StartAt: name, States: { [name]: state } }).slice(1)) {
    const [only] = Object.keys(inner.States);
    const renamed = fresh(only!);
    inner.States = { [renamed]: inner.States[only!]! };
    inner.StartAt = renamed;
  }
  const before = after === undefined ? undefined : scope.States[after];
  const next = before?.Next;
  const goesOn = kind !== 'Succeed' && kind !== 'Fail';
  if (kind === 'Choice') {
    const target = next ?? Object.keys(scope.States)[0]!;
    (state['Choices'] as { Next: string }[])[0]!.Next = target;
    state.Default = target;
  } else if (goesOn) {
    if (next !== undefined) state.Next = next;
    else state.End = true;
  }
  if (before && (before.Next !== undefined || before.End)) {
    delete before.End;
    before.Next = name;
  }
  const states = Object.entries(scope.States);
  const at = after === undefined ? states.length : states.findIndex(([key]) => key === after) + 1;
  states.splice(at, 0, [name, state]);
  scope.States = Object.fromEntries(states);
  return { text: written(machine), name };
}

/** Lets the state `name` and the one that follows it change places; undefined if they cannot. */
export function moveLater(text: string, name: string): string | undefined {
  const machine = exact(text) as Machine;
  const scope = scopeWith(machine, name);
  const state = scope?.States[name];
  const follower = state?.Next;
  const next = follower === undefined ? undefined : scope!.States[follower];
  if (!scope || !state || follower === undefined || !next || (next.Next === undefined && !next.End)) return undefined;
  redirect(scope, name, follower, state);
  if (scope.StartAt === name) scope.StartAt = follower;
  if (next.End) {
    delete state.Next;
    state.End = true;
    delete next.End;
  } else {
    state.Next = next.Next!;
  }
  next.Next = name;
  const states = Object.entries(scope.States);
  const at = states.findIndex(([key]) => key === name);
  const moved = states.splice(at, 1)[0]!;
  states.splice(states.findIndex(([key]) => key === follower) + 1, 0, moved);
  scope.States = Object.fromEntries(states);
  return written(machine);
}

/** Lets the state `name` and the one before it change places; undefined if they cannot. */
export function moveEarlier(text: string, name: string): string | undefined {
  const scope = scopeWith(exact(text) as Machine, name);
  const before = Object.entries(scope?.States ?? {}).filter(([, state]) => state.Next === name);
  return before.length === 1 ? moveLater(text, before[0]![0]) : undefined;
}

/** Whatever led to `from` leads to `to`; what the state itself says stays. */
function redirect(scope: Machine, from: string, to: string, except: State): void {
  const change = (value: unknown): void => {
    if (Array.isArray(value)) value.forEach(change);
    else if (typeof value === 'object' && value !== null && value !== except) {
      const object = value as Record<string, unknown>;
      for (const key of ['Next', 'Default']) if (object[key] === from) object[key] = to;
      for (const [key, inner] of Object.entries(object)) {
        if (['Choices', 'Catch'].includes(key)) change(inner);
      }
    }
  };
  for (const state of Object.values(scope.States)) change(state);
}
