// Who we are to the server: an access key (kept for this tab alone), a region, a look.

export interface Credentials {
  accessKeyId: string;
  secretAccessKey: string;
  sessionToken?: string;
}

/** What `stepwell env` gives to every client of a server that does not check. */
const ANYBODY: Credentials = { accessKeyId: 'test', secretAccessKey: 'test' };

const KEY = 'stepwell.credentials';

let current: Credentials | null = null;
const listeners = new Set<() => void>();

export function credentials(): Credentials {
  if (current === null) {
    const kept = sessionStorage.getItem(KEY);
    current = kept === null ? ANYBODY : (JSON.parse(kept) as Credentials);
  }
  return current;
}

export function isSignedIn(): boolean {
  return credentials() !== ANYBODY;
}

export function signIn(given: Credentials): void {
  current = given;
  sessionStorage.setItem(KEY, JSON.stringify(given));
  tell();
}

export function signOut(): void {
  current = ANYBODY;
  sessionStorage.removeItem(KEY);
  tell();
}

export function region(): string {
  return localStorage.getItem('stepwell.region') ?? 'us-east-1';
}

export function setRegion(name: string): void {
  localStorage.setItem('stepwell.region', name);
  tell();
}

/** Called when whoever we are has changed: everything shown is to be asked for again. */
export function onSession(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

function tell(): void {
  for (const listener of listeners) listener();
}
