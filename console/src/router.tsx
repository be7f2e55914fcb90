// Addresses of pages: `/_stepwell/console/executions/ARN`, and AWS's own, which lead here.

import { type AnchorHTMLAttributes, useSyncExternalStore } from 'react';

export const HOME = '/_stepwell/console';

const listeners = new Set<() => void>();

function tell(): void {
  for (const listener of listeners) listener();
}

window.addEventListener('popstate', tell);

/** Why the page should not be left, if there is a reason. */
let held: string | undefined;

window.addEventListener('beforeunload', (event) => {
  if (held !== undefined) event.preventDefault();
});

/** Whoever leaves the page is asked first; gives what ends that. */
export function holdBack(reason: string): () => void {
  held = reason;
  return () => {
    held = undefined;
  };
}

/** Goes to a page of ours: `/executions/…`. */
export function go(to: string, { replace = false, held: asks = true } = {}): void {
  if (asks && !replace && held !== undefined && !window.confirm(`${held} Leave the page?`)) return;
  if (replace) history.replaceState(null, '', HOME + to);
  else history.pushState(null, '', HOME + to);
  tell();
  if (!replace) window.scrollTo(0, 0);
}

function current(): string {
  return location.pathname.slice(HOME.length) + location.search + location.hash;
}

/** Where we are, without `HOME`. */
export function useLocation(): { path: string; query: URLSearchParams } {
  const whole = useSyncExternalStore((listener) => {
    listeners.add(listener);
    return () => listeners.delete(listener);
  }, current);
  const url = new URL(whole, 'http://here');
  return { path: url.pathname, query: url.searchParams };
}

/** Sets a parameter of the address, which a link then carries; null takes it away. */
export function setParameter(name: string, value: string | null): void {
  const url = new URL(location.href);
  if (value === null || value === '') url.searchParams.delete(name);
  else url.searchParams.set(name, value);
  go(url.pathname.slice(HOME.length) + url.search, { replace: true });
}

/** The address of a page, its parts escaped. */
export function to(...parts: string[]): string {
  return `/${parts.map(encodeURIComponent).join('/')}`;
}

/** A link to a page of ours. */
export function Link({ to, onClick, ...rest }: AnchorHTMLAttributes<HTMLAnchorElement> & { to: string }) {
  return (
    <a
      {...rest}
      href={HOME + to}
      onClick={(event) => {
        onClick?.(event);
        if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey) return;
        event.preventDefault();
        go(to);
      }}
    />
  );
}

/** The page that shows what an ARN names, if we have one. */
export function pageOfArn(arn: string): string | undefined {
  const [, , service, , , ...rest] = arn.split(':');
  const [kind = '', ...name] = rest.join(':').split(/[:/]/);
  const last = name.join(':');
  if (service === 'states') {
    if (kind === 'stateMachine') return to('state-machines', arn.split(':').slice(0, 7).join(':'));
    if (kind === 'execution' || kind === 'express') return to('executions', arn);
    if (kind === 'mapRun') return to('map-runs', arn);
  }
  if (service === 'sagemaker') {
    if (kind === 'training-job') return to('training-jobs', last);
    if (kind === 'model') return to('models', last);
    if (kind === 'endpoint') return to('endpoints', last);
  }
  if (service === 'iam' && kind === 'role') return to('iam', 'roles', rest.join(':').split('/').pop()!);
  if (service === 'iam' && kind === 'policy') return to('iam', 'policies', arn);
  if (service === 'logs' && kind === 'log-group') return to('logs', last.replace(/:\*$/, '').replaceAll(':', '/'));
  if (service === 's3') {
    const [bucket = '', ...key] = rest.join(':').split('/');
    return to('s3', bucket) + (key.length ? `?key=${encodeURIComponent(key.join('/'))}` : '');
  }
  return undefined;
}

/**
 * Where an address of AWS's console leads here: `/states/home?region=…#/v2/executions/details/ARN`, with
 * the path after `/aws` and the fragment given apart.
 */
export function ofAws(path: string, fragment: string): string {
  const page = decodeURIComponent(fragment.replace(/^#\/?/, ''));
  const arn = /arn:[^?]*/.exec(page)?.[0];
  if (arn !== undefined) {
    const known = pageOfArn(arn);
    if (known !== undefined) return page.includes('statemachines/edit/') ? `${known}/edit` : known;
  }
  const last = page
    .split('?')[0]!
    .split('/')
    .filter((part) => part !== '')
    .pop();
  if (path.startsWith('/states/')) return page.includes('statemachines/create') ? '/create' : '/state-machines';
  if (path.startsWith('/sagemaker/')) {
    if (/^jobs\/.+/.test(page)) return to('training-jobs', last!);
    if (/^endpoints\/.+/.test(page)) return to('endpoints', last!);
    if (/^models\/.+/.test(page)) return to('models', last!);
    if (page.startsWith('endpoints')) return '/endpoints';
    if (page.startsWith('models')) return '/models';
    return '/training-jobs';
  }
  if (path.startsWith('/iam'))
    return /roles\/(details\/)?.+/.test(page)
      ? to(
          'iam',
          'roles',
          page
            .split('?')[0]!
            .split('/')
            .filter((part) => part !== 'details')[1]!,
        )
      : '/iam';
  if (path.startsWith('/s3')) return '/s3';
  if (path.startsWith('/cloudwatch')) {
    // AWS escapes a group's name twice, with $ for %.
    const group = /log-group\/([^/]+)/.exec(fragment)?.[1];
    return group ? to('logs', decodeURIComponent(decodeURIComponent(group.replaceAll('$', '%')))) : '/logs';
  }
  return '/';
}
