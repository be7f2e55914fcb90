// The AWS APIs as the server answers them: AWS JSON, the query protocol with its XML, and plain paths.

import { credentials, region } from './session';
import { sign } from './sign';

/** What a service refuses, in its own words. */
export class ApiError extends Error {
  constructor(
    readonly code: string,
    message: string,
    readonly status: number,
  ) {
    super(message);
  }

  /** The server wants to know who asks. */
  get needsSignIn(): boolean {
    return (
      this.status === 401 ||
      [
        'MissingAuthenticationToken',
        'MissingAuthenticationTokenException',
        'UnrecognizedClientException',
        'InvalidClientTokenId',
        'InvalidSignatureException',
        'SignatureDoesNotMatch',
        'IncompleteSignature',
        'InvalidAccessKeyId',
        'ExpiredToken',
        'ExpiredTokenException',
      ].includes(this.code)
    );
  }
}

const refusals = new Set<(error: ApiError) => void>();

/** Called when the server wants to know who asks. */
export function onSignInNeeded(listener: (error: ApiError) => void): () => void {
  refusals.add(listener);
  return () => refusals.delete(listener);
}

export interface Sent {
  method?: string;
  path: string;
  headers?: Record<string, string>;
  body?: string | Blob | null;
  signal?: AbortSignal;
}

/** Sends a signed request and gives the answer if it is a good one. */
export async function send(service: string, request: Sent): Promise<Response> {
  const { method = 'GET', path, headers = {}, body = null, signal } = request;
  const where = service === 'iam' ? 'us-east-1' : region();
  const signed = sign({ method, path, headers, body }, credentials(), service, where, new Date());
  let response: Response;
  try {
    response = await fetch(path, { method, headers: signed, body, signal: signal ?? null, cache: 'no-store' });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new ApiError('NoAnswer', 'The server does not answer.', 0);
  }
  if (response.ok) return response;
  const error = told(response.status, await response.text());
  if (error.needsSignIn) for (const listener of refusals) listener(error);
  throw error;
}

function told(status: number, text: string): ApiError {
  try {
    const body = JSON.parse(text) as Record<string, string>;
    const code = (body['__type'] ?? body['code'] ?? `HTTP ${status}`).replace(/^.*#/, '');
    return new ApiError(code, body['message'] ?? body['Message'] ?? code, status);
  } catch {
    const xml = new DOMParser().parseFromString(text, 'text/xml');
    const part = (name: string) => xml.getElementsByTagName(name)[0]?.textContent ?? undefined;
    const code = part('Code') ?? `HTTP ${status}`;
    return new ApiError(code, part('Message') ?? code, status);
  }
}

const JSON_SERVICES = {
  states: { target: 'AWSStepFunctions', version: '1.0' },
  sagemaker: { target: 'SageMaker', version: '1.1' },
  logs: { target: 'Logs_20140328', version: '1.1' },
  monitoring: { target: 'GraniteServiceVersion20100801', version: '1.0' },
} as const;

/** Calls an operation of a service that speaks AWS JSON. */
export async function call<T>(
  service: keyof typeof JSON_SERVICES,
  operation: string,
  input: object = {},
  signal?: AbortSignal,
): Promise<T> {
  const { target, version } = JSON_SERVICES[service];
  const response = await send(service, {
    method: 'POST',
    path: '/',
    headers: {
      'content-type': `application/x-amz-json-${version}`,
      'x-amz-target': `${target}.${operation}`,
    },
    body: JSON.stringify(input),
    ...(signal ? { signal } : {}),
  });
  const text = await response.text();
  return (text === '' ? {} : JSON.parse(text)) as T;
}

const QUERY_VERSIONS = { iam: '2010-05-08', sts: '2011-06-15' } as const;

/** Calls an operation of a service that speaks the query protocol; gives its result element. */
export async function query(
  service: keyof typeof QUERY_VERSIONS,
  operation: string,
  input: Record<string, string | undefined> = {},
): Promise<Element> {
  const form = new URLSearchParams({ Action: operation, Version: QUERY_VERSIONS[service] });
  for (const [name, value] of Object.entries(input)) if (value !== undefined) form.set(name, value);
  const response = await send(service, {
    method: 'POST',
    path: '/',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: form.toString(),
  });
  const xml = new DOMParser().parseFromString(await response.text(), 'text/xml');
  const root = xml.documentElement;
  return child(root, `${operation}Result`) ?? root;
}

/** The first child element of that name. */
export function child(element: Element, name: string): Element | undefined {
  return [...element.children].find((child) => child.localName === name);
}

/** The text of the child element of that name. */
export function text(element: Element, name: string): string {
  return child(element, name)?.textContent ?? '';
}

/** The `member`s of a list. */
export function members(element: Element, name: string): Element[] {
  return [...(child(element, name)?.children ?? [])];
}

/** All pages of a list, up to `most` things. */
export async function pages<T>(
  fetchPage: (token: string | undefined) => Promise<{ items: T[]; next?: string | undefined }>,
  most = 1000,
): Promise<T[]> {
  const all: T[] = [];
  let token: string | undefined;
  do {
    const page = await fetchPage(token);
    all.push(...page.items);
    token = page.next;
  } while (token !== undefined && all.length < most);
  return all;
}
