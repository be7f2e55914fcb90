// An answer that is kept fresh: asked for once, and again when a change concerns it.

import { useCallback, useEffect, useRef, useState } from 'react';

import { type Change, onChanges } from './changes';
import { onSession } from './session';

export interface Query<T> {
  data: T | undefined;
  error: Error | undefined;
  loading: boolean;
  reload: () => void;
}

export interface Options {
  /** Whether a change concerns the answer. */
  on?: (change: Change) => boolean;
  /** At least so many milliseconds lie between two questions. */
  rest?: number;
}

/** … unless it says otherwise. */
const REST = 300;

/** The answer to `ask`; `key` says what is asked, and null that nothing is. */
export function useQuery<T>(
  key: string | null,
  ask: (signal: AbortSignal) => Promise<T>,
  { on, rest = REST }: Options = {},
): Query<T> {
  const [kept, setKept] = useState<{ key: string | null; data?: T; error?: Error }>({ key: null });
  const [session, setSession] = useState(0);
  const latest = useRef({ ask, on });
  latest.current = { ask, on };
  const again = useRef<() => void>(() => {});

  useEffect(() => onSession(() => setSession((count) => count + 1)), []);

  useEffect(() => {
    if (key === null) return;
    const controller = new AbortController();
    let busy = false;
    let wanted = false;
    let timer: ReturnType<typeof setTimeout> | undefined;
    let last = 0;

    const run = async () => {
      timer = undefined;
      busy = true;
      wanted = false;
      last = Date.now();
      try {
        const data = await latest.current.ask(controller.signal);
        if (!controller.signal.aborted) setKept({ key, data });
      } catch (error) {
        if (!controller.signal.aborted) {
          // What is shown stays; that it may be old is said beside it.
          setKept((before) => ({
            key,
            ...(before.key === key && before.data !== undefined ? { data: before.data } : {}),
            error: error as Error,
          }));
        }
      }
      busy = false;
      if (wanted && !controller.signal.aborted) soon();
    };
    const soon = () => {
      if (busy) wanted = true;
      else timer ??= setTimeout(run, Math.max(0, last + rest - Date.now()));
    };
    again.current = soon;
    void run();

    const forget = onChanges((changes) => {
      const { on } = latest.current;
      if (changes === 'everything' || (on && changes.some(on))) soon();
    });
    return () => {
      controller.abort();
      forget();
      clearTimeout(timer);
    };
  }, [key, session, rest]);

  const reload = useCallback(() => again.current(), []);
  const current = kept.key === key ? kept : { key };
  return {
    data: current.data,
    error: current.error,
    loading: key !== null && current.data === undefined && current.error === undefined,
    reload,
  };
}

/** A change of a service; of one thing, if its ARN is given. */
export function of(service: string, arn?: string): (change: Change) => boolean {
  return (change) =>
    change.service === service &&
    (arn === undefined || change.arn === undefined || change.arn.toLowerCase().startsWith(arn.toLowerCase()));
}
