// What has changed, as the server tells it: where to look again.

import { send } from './call';
import { onSession } from './session';

export interface Change {
  service: string;
  arn?: string;
}

type Listener = (changes: Change[] | 'everything') => void;

const listeners = new Set<Listener>();
let running: AbortController | null = null;
let state: 'live' | 'away' = 'away';
const stateListeners = new Set<() => void>();

/** Hears of changes; `everything`: some may have been missed. */
export function onChanges(listener: Listener): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** Whether changes arrive. */
export const liveness = {
  subscribe(listener: () => void): () => void {
    stateListeners.add(listener);
    return () => stateListeners.delete(listener);
  },
  get: () => state,
};

/** Listens for as long as the page is looked at: a browser has few connections, and others want them. */
export function listen(): void {
  const start = () => {
    if (document.hidden) {
      running?.abort();
      running = null;
    } else if (running === null) {
      running = new AbortController();
      void follow(running);
    }
  };
  document.addEventListener('visibilitychange', start);
  onSession(() => {
    running?.abort();
    running = null;
    start();
  });
  start();
}

async function follow(controller: AbortController): Promise<void> {
  let pause = 500;
  let first = true;
  while (!controller.signal.aborted) {
    try {
      const response = await send('states', { path: '/_stepwell/changes', signal: controller.signal });
      pause = 500;
      become('live');
      // What happened before the first line was not told.
      if (!first) tell('everything');
      first = false;
      await read(response);
    } catch {
      // The server is away, or does not let us; it is asked again, ever more seldom.
    }
    if (controller.signal.aborted) break;
    become('away');
    await new Promise((go) => setTimeout(go, pause));
    pause = Math.min(pause * 2, 10_000);
  }
}

async function read(response: Response): Promise<void> {
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  let waiting = '';
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    waiting += value;
    let end: number;
    while ((end = waiting.indexOf('\n\n')) >= 0) {
      const event = waiting.slice(0, end);
      waiting = waiting.slice(end + 2);
      const data = event.split('\n').find((line) => line.startsWith('data: '));
      if (event.startsWith('event: missed')) tell('everything');
      else if (data) tell((JSON.parse(data.slice(6)) as { changes: Change[] }).changes);
    }
  }
}

function tell(changes: Change[] | 'everything'): void {
  for (const listener of [...listeners]) listener(changes);
}

function become(next: typeof state): void {
  if (next === state) return;
  state = next;
  for (const listener of stateListeners) listener();
}
