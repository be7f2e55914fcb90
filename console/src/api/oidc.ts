// Sign-in with an identity provider: there with a question only this tab can have asked, and back with a
// code that the server exchanges. The provider's pages and ours never speak to each other directly.

import { sha256 } from '@noble/hashes/sha2.js';
import { utf8ToBytes } from '@noble/hashes/utils.js';

import { HOME } from '../router';
import { ApiError } from './call';
import { type Credentials, signIn } from './session';

export interface Provider {
  name: string;
  clientId: string;
  scope: string;
}

/** What this tab asked, until it comes back. */
interface Asked {
  state: string;
  nonce: string;
  codeVerifier: string;
  /** Where one was. */
  from: string;
}

const KEY = 'stepwell.sign-in';
const BACK = `${HOME}/signed-in`;

async function ask<T>(path: string, body?: object): Promise<T> {
  const response = await fetch(`/_stepwell/sign-in${path}`, {
    method: body ? 'POST' : 'GET',
    headers: { 'content-type': 'application/json' },
    body: body ? JSON.stringify(body) : null,
    cache: 'no-store',
  });
  const told = (await response.json()) as T & { __type?: string; message?: string };
  if (!response.ok) throw new ApiError(told.__type ?? 'Refused', told.message ?? 'The sign-in failed.', response.status);
  return told;
}

/** The provider that the server is configured with, if it is. */
export async function provider(): Promise<Provider | undefined> {
  return (await ask<{ provider: Provider | null }>('')).provider ?? undefined;
}

/** Leaves for the provider. */
export async function leave({ clientId, scope }: Provider): Promise<void> {
  const { url } = await ask<{ url: string }>('/authorize');
  const asked: Asked = {
    state: random(),
    nonce: random(),
    codeVerifier: random(),
    from: location.pathname.slice(HOME.length) + location.search,
  };
  sessionStorage.setItem(KEY, JSON.stringify(asked));
  const there = new URL(url);
  const parameters = {
    response_type: 'code',
    client_id: clientId,
    redirect_uri: location.origin + BACK,
    scope,
    state: asked.state,
    nonce: asked.nonce,
    code_challenge: base64url(sha256(utf8ToBytes(asked.codeVerifier))),
    code_challenge_method: 'S256',
  };
  for (const [name, value] of Object.entries(parameters)) there.searchParams.set(name, value);
  location.assign(there);
}

/** Back from the provider: signs in, and gives the page one came from. */
export async function comeBack(query: URLSearchParams): Promise<string> {
  const kept = sessionStorage.getItem(KEY);
  sessionStorage.removeItem(KEY);
  const asked = kept === null ? undefined : (JSON.parse(kept) as Asked);
  // Somebody else's answer would sign this tab in as somebody else.
  if (asked === undefined || query.get('state') !== asked.state) {
    throw new Error('This is not the answer to a sign-in of this tab. Please sign in again.');
  }
  const refused = query.get('error_description') ?? query.get('error');
  if (refused !== null) throw new Error(`The identity provider says: ${refused}`);
  const { nonce, codeVerifier, from } = asked;
  const code = query.get('code') ?? '';
  signIn(await ask<Credentials>('', { code, codeVerifier, redirectUri: location.origin + BACK, nonce }));
  return from;
}

function random(): string {
  return base64url(crypto.getRandomValues(new Uint8Array(32)));
}

function base64url(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replaceAll('=', '');
}
