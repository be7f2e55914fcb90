// Signature Version 4. The hashes are a library's: a page that is not loaded from this machine over plain
// HTTP has no WebCrypto.

import { hmac } from '@noble/hashes/hmac.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js';

import type { Credentials } from './session';

export interface Unsigned {
  method: string;
  /** Path and query as they are sent. */
  path: string;
  headers: Record<string, string>;
  /** Text is hashed; anything else is signed as not hashed, which S3 takes. */
  body: string | Blob | null;
}

/** The request's headers with a signature for `service`. */
export function sign(
  request: Unsigned,
  credentials: Credentials,
  service: string,
  region: string,
  now: Date,
): Record<string, string> {
  const stamp = now.toISOString().replace(/[-:]|\.\d+/g, '');
  const day = stamp.slice(0, 8);
  const { body } = request;
  const hash = body === null || typeof body === 'string' ? hex(body ?? '') : 'UNSIGNED-PAYLOAD';
  const headers: Record<string, string> = { ...request.headers, 'x-amz-date': stamp };
  if (service === 's3') headers['x-amz-content-sha256'] = hash;
  if (credentials.sessionToken) headers['x-amz-security-token'] = credentials.sessionToken;

  const signed: [string, string][] = Object.entries(headers)
    .map(([name, value]): [string, string] => [name.toLowerCase(), value.trim().replace(/ +/g, ' ')])
    .concat([['host', location.host]])
    .filter(([name]) => name === 'host' || name === 'content-type' || name.startsWith('x-amz-'))
    .sort(([a], [b]) => (a < b ? -1 : 1));
  const names = signed.map(([name]) => name).join(';');
  const [path = '/', query = ''] = split(request.path);
  const canonical = [
    request.method,
    service === 's3' ? path : path.split('/').map(encodeURIComponent).join('/'),
    canonicalQuery(query),
    ...signed.map(([name, value]) => `${name}:${value}`),
    '',
    names,
    hash,
  ].join('\n');

  const scope = `${day}/${region}/${service}/aws4_request`;
  const text = ['AWS4-HMAC-SHA256', stamp, scope, hex(canonical)].join('\n');
  let key = utf8ToBytes(`AWS4${credentials.secretAccessKey}`);
  for (const part of [day, region, service, 'aws4_request']) {
    key = hmac(sha256, key, utf8ToBytes(part)) as Uint8Array<ArrayBuffer>;
  }
  const signature = bytesToHex(hmac(sha256, key, utf8ToBytes(text)));
  headers['authorization'] =
    `AWS4-HMAC-SHA256 Credential=${credentials.accessKeyId}/${scope}, ` +
    `SignedHeaders=${names}, Signature=${signature}`;
  return headers;
}

function split(path: string): [string, string] {
  const at = path.indexOf('?');
  return at < 0 ? [path, ''] : [path.slice(0, at), path.slice(at + 1)];
}

function canonicalQuery(query: string): string {
  return query
    .split('&')
    .filter((part) => part !== '')
    .map((part) => (part.includes('=') ? part : `${part}=`))
    .sort()
    .join('&');
}

function hex(text: string): string {
  return bytesToHex(sha256(utf8ToBytes(text)));
}
