// What pages are made of.

import { type FormEvent, type ReactNode, createContext, useContext, useEffect, useId, useRef, useState } from 'react';

import { ApiError } from '../api/call';
import type { Query } from '../api/query';
import { Link } from '../router';
import { pretty } from './format';

/** A page's head: where it is, its name, what can be done. */
export function PageHead({
  title,
  crumbs = [],
  status,
  children,
}: {
  title: string;
  crumbs?: [string, string][];
  status?: ReactNode;
  children?: ReactNode;
}) {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    document.title = `${title} · Stepwell`;
    // Whoever cannot see that the page has changed hears its name.
    heading.current?.focus({ preventScroll: true });
  }, [title]);
  return (
    <header className="page-head">
      {crumbs.length > 0 && (
        <nav aria-label="Breadcrumb" className="crumbs">
          {crumbs.map(([name, path]) => (
            <span key={path}>
              <Link to={path}>{name}</Link> <span aria-hidden="true">›</span>{' '}
            </span>
          ))}
        </nav>
      )}
      <div className="page-title">
        <h1 ref={heading} tabIndex={-1}>
          {title}
        </h1>
        {status}
        <div className="actions">{children}</div>
      </div>
    </header>
  );
}

export function Panel({ title, actions, children }: { title: string; actions?: ReactNode; children: ReactNode }) {
  const id = useId();
  return (
    <section className="panel" aria-labelledby={id}>
      <div className="panel-head">
        <h2 id={id}>{title}</h2>
        <div className="actions">{actions}</div>
      </div>
      {children}
    </section>
  );
}

/** What a query gives, or that it does not. */
export function Shown<T>({ query, children }: { query: Query<T>; children: (data: T) => ReactNode }) {
  return (
    <>
      {query.error && <Problem error={query.error} retry={query.reload} />}
      {query.loading && (
        <p className="quiet" role="status">
          Loading…
        </p>
      )}
      {query.data !== undefined && children(query.data)}
    </>
  );
}

export function Problem({ error, retry }: { error: Error; retry?: () => void }) {
  return (
    <div className="problem" role="alert">
      <strong>{error instanceof ApiError ? error.code : 'Something went wrong'}</strong>
      <p>{error.message}</p>
      {retry && (
        <button type="button" onClick={retry}>
          Try again
        </button>
      )}
    </div>
  );
}

const SHAPES: Record<string, [string, string]> = {
  succeeded: ['good', '✓'],
  completed: ['good', '✓'],
  inservice: ['good', '✓'],
  active: ['good', '✓'],
  allowed: ['good', '✓'],
  failed: ['bad', '✕'],
  timedout: ['bad', '⏱'],
  running: ['busy', '▸'],
  inprogress: ['busy', '▸'],
  creating: ['busy', '▸'],
  updating: ['busy', '▸'],
  stopping: ['busy', '▸'],
  deleting: ['busy', '▸'],
  pendingredrive: ['busy', '▸'],
  caught: ['caught', '!'],
  aborted: ['stopped', '■'],
  stopped: ['stopped', '■'],
};

/** A status by colour, shape and word. */
export function Status({ of }: { of: string }) {
  const [look, shape] = SHAPES[of.toLowerCase().replaceAll('_', '')] ?? ['none', '○'];
  const word = of.includes('_') || of === of.toUpperCase() ? of.toLowerCase().replaceAll('_', ' ') : of;
  return (
    <span className={`status ${look}`} data-status={of}>
      <span aria-hidden="true">{shape}</span> {word.charAt(0).toUpperCase() + word.slice(1)}
    </span>
  );
}

export function Tabs({
  tabs,
  current,
  onChoose,
  label,
}: {
  tabs: [string, string][];
  current: string;
  onChoose: (id: string) => void;
  label: string;
}) {
  const chooseBy = (step: number) => {
    const at = tabs.findIndex(([id]) => id === current);
    const next = tabs[(at + step + tabs.length) % tabs.length]![0];
    onChoose(next);
    document.getElementById(`tab-${label}-${next}`)?.focus();
  };
  return (
    <div
      className="tabs"
      role="tablist"
      aria-label={label}
      onKeyDown={(event) => {
        if (event.key === 'ArrowRight') chooseBy(1);
        else if (event.key === 'ArrowLeft') chooseBy(-1);
      }}
    >
      {tabs.map(([id, name]) => (
        <button
          key={id}
          id={`tab-${label}-${id}`}
          type="button"
          role="tab"
          aria-selected={id === current}
          tabIndex={id === current ? 0 : -1}
          onClick={() => onChoose(id)}
        >
          {name}
        </button>
      ))}
    </div>
  );
}

/** Names and what they are. */
export function Facts({ of }: { of: [string, ReactNode][] }) {
  return (
    <dl className="facts">
      {of
        .filter(([, value]) => value !== undefined && value !== null && value !== '')
        .map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
    </dl>
  );
}

export function Copy({ text, label = 'Copy' }: { text: string; label?: string }) {
  const [done, setDone] = useState(false);
  return (
    <button
      type="button"
      className="small"
      aria-label={`${label}: ${text.length > 80 ? `${text.slice(0, 80)}…` : text}`}
      onClick={() => {
        void copy(text).then(() => {
          setDone(true);
          setTimeout(() => setDone(false), 1500);
        });
      }}
    >
      <span role="status">{done ? 'Copied' : label}</span>
    </button>
  );
}

/** To the clipboard; a page that is not from this machine over plain HTTP has only the old way. */
async function copy(text: string): Promise<void> {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const area = document.createElement('textarea');
  area.value = text;
  document.body.append(area);
  area.select();
  document.execCommand('copy');
  area.remove();
}

export function Arn({ arn }: { arn: string }) {
  return (
    <span className="arn">
      <code>{arn}</code> <Copy text={arn} label="Copy ARN" />
    </span>
  );
}

/** Text in full, laid out if it is JSON. */
export function Code({ text, label }: { text: string | undefined; label: string }) {
  const shown = pretty(text);
  return (
    <div className="code">
      <div className="code-head">
        <span>{label}</span>
        <Copy text={shown} />
      </div>
      <pre tabIndex={0} aria-label={label}>
        {shown}
      </pre>
    </div>
  );
}

/** A table of things. */
export function Table({
  label,
  head,
  children,
  empty,
}: {
  label: string;
  head: ReactNode[];
  children: ReactNode[];
  empty: ReactNode;
}) {
  if (children.length === 0) return <div className="empty">{empty}</div>;
  return (
    <div className="table" role="group" aria-label={label} tabIndex={0}>
      <table>
        <thead>
          <tr>
            {head.map((name, index) => (
              <th key={index} scope="col">
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>{children}</tbody>
      </table>
    </div>
  );
}

export function Field({
  label,
  hint,
  children,
}: {
  label: string;
  hint?: string;
  children: (id: string, describedBy: string | undefined) => ReactNode;
}) {
  const id = useId();
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      {children(id, hint ? `${id}-hint` : undefined)}
      {hint && (
        <p className="hint" id={`${id}-hint`}>
          {hint}
        </p>
      )}
    </div>
  );
}

export function TextField({
  label,
  value,
  onChange,
  hint,
  type = 'text',
  required = false,
  placeholder,
  list,
}: {
  label: string;
  value: string;
  onChange: (value: string) => void;
  hint?: string;
  type?: string;
  required?: boolean;
  placeholder?: string;
  list?: string[];
}) {
  const listId = useId();
  return (
    <Field label={label} {...(hint ? { hint } : {})}>
      {(id, described) => (
        <>
          <input
            id={id}
            type={type}
            value={value}
            required={required}
            placeholder={placeholder}
            aria-describedby={described}
            list={list ? listId : undefined}
            spellCheck={false}
            autoComplete="off"
            onChange={(event) => onChange(event.target.value)}
          />
          {list && (
            <datalist id={listId}>
              {list.map((item) => (
                <option key={item} value={item} />
              ))}
            </datalist>
          )}
        </>
      )}
    </Field>
  );
}

export function TextArea({
  label,
  value,
  onChange,
  hint,
  rows = 8,
}: {
  label: string;
  value: string;
  onChange: (value: string) => void;
  hint?: string;
  rows?: number;
}) {
  return (
    <Field label={label} {...(hint ? { hint } : {})}>
      {(id, described) => (
        <textarea
          id={id}
          rows={rows}
          value={value}
          spellCheck={false}
          aria-describedby={described}
          onChange={(event) => onChange(event.target.value)}
        />
      )}
    </Field>
  );
}

/** A modal form; Escape closes it, and what failed is said in it. */
export function Dialog({
  title,
  submit,
  onSubmit,
  onClose,
  children,
  danger = false,
}: {
  title: string;
  submit: string;
  /** What is done; false leaves the dialog open, with what came of it. */
  onSubmit: () => Promise<boolean | void> | boolean | void;
  onClose: () => void;
  children: ReactNode;
  danger?: boolean;
}) {
  const dialog = useRef<HTMLDialogElement>(null);
  const id = useId();
  const { busy, error, run } = useAction();
  useEffect(() => {
    dialog.current?.showModal();
  }, []);
  return (
    <dialog ref={dialog} aria-labelledby={id} onClose={onClose}>
      <form
        method="dialog"
        onSubmit={(event: FormEvent) => {
          event.preventDefault();
          void run(async () => {
            if ((await onSubmit()) !== false) dialog.current?.close();
          });
        }}
      >
        <h2 id={id}>{title}</h2>
        {children}
        {error && <Problem error={error} />}
        <div className="actions">
          <button type="button" onClick={() => dialog.current?.close()}>
            Cancel
          </button>
          <button type="submit" className={danger ? 'danger' : 'primary'} disabled={busy}>
            {submit}
          </button>
        </div>
      </form>
    </dialog>
  );
}

/** Something that is done when asked for, and may fail. */
export function useAction(): {
  busy: boolean;
  error: Error | undefined;
  run: (what: () => Promise<void>) => Promise<void>;
  clear: () => void;
} {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<Error>();
  return {
    busy,
    error,
    clear: () => setError(undefined),
    run: async (what) => {
      setBusy(true);
      setError(undefined);
      try {
        await what();
      } catch (error) {
        setError(error as Error);
      } finally {
        setBusy(false);
      }
    },
  };
}

const Announce = createContext<(text: string) => void>(() => {});

/** Says what has been done: shown for a moment, and heard. */
export function useAnnounce(): (text: string) => void {
  return useContext(Announce);
}

export function Announcer({ children }: { children: ReactNode }) {
  const [said, setSaid] = useState('');
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  const say = useRef((text: string) => {
    clearTimeout(timer.current);
    setSaid(text);
    timer.current = setTimeout(() => setSaid(''), 6000);
  });
  return (
    <Announce.Provider value={say.current}>
      {children}
      <div className="announcer" role="status" aria-live="polite" hidden={said === ''}>
        {said}
      </div>
    </Announce.Provider>
  );
}

/** A value that follows only after its changes have rested. */
export function useRested<T>(value: T, milliseconds: number): T {
  const [rested, setRested] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setRested(value), milliseconds);
    return () => clearTimeout(timer);
  }, [value, milliseconds]);
  return rested;
}

/** The time, every so often, while something is under way. */
export function useNow(running: boolean): number {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    if (!running) return;
    const timer = setInterval(() => setNow(Date.now()), 500);
    return () => clearInterval(timer);
  }, [running]);
  return now;
}
