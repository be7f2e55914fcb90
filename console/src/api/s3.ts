// S3 as rest-xml: listing, reading, writing.

import { send, text } from './call';

export interface Bucket {
  name: string;
  created: string;
}

export interface Listing {
  folders: string[];
  objects: { key: string; size: number; modified: string }[];
  next?: string | undefined;
}

async function xml(path: string): Promise<Element> {
  const response = await send('s3', { path });
  return new DOMParser().parseFromString(await response.text(), 'text/xml').documentElement;
}

/** As SigV4 wants it in queries and paths. */
function encode(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
}

function pathOf(bucket: string, key: string): string {
  return `/${bucket}/${key.split('/').map(encode).join('/')}`;
}

export async function listBuckets(): Promise<Bucket[]> {
  const root = await xml('/');
  return [...root.getElementsByTagName('Bucket')].map((bucket) => ({
    name: text(bucket, 'Name'),
    created: text(bucket, 'CreationDate'),
  }));
}

export async function createBucket(name: string): Promise<void> {
  await send('s3', { method: 'PUT', path: `/${encode(name)}` });
}

export async function listObjects(bucket: string, prefix: string, token?: string): Promise<Listing> {
  const query: [string, string][] = [
    ['delimiter', '/'],
    ['list-type', '2'],
    ['max-keys', '200'],
    ['prefix', prefix],
  ];
  if (token !== undefined) query.push(['continuation-token', token]);
  const root = await xml(`/${bucket}?${query.map(([name, value]) => `${name}=${encode(value)}`).join('&')}`);
  return {
    folders: [...root.getElementsByTagName('CommonPrefixes')].map((folder) => text(folder, 'Prefix')),
    objects: [...root.getElementsByTagName('Contents')].map((object) => ({
      key: text(object, 'Key'),
      size: Number(text(object, 'Size')),
      modified: text(object, 'LastModified'),
    })),
    next: text(root, 'NextContinuationToken') || undefined,
  };
}

/** An object's first bytes, and how many there are. */
export async function readStart(bucket: string, key: string, bytes: number): Promise<{ text: string; size: number }> {
  const response = await send('s3', {
    path: pathOf(bucket, key),
    headers: { range: `bytes=0-${bytes - 1}` },
  });
  const range = response.headers.get('content-range');
  const body = await response.arrayBuffer();
  return {
    text: new TextDecoder().decode(body),
    size: range === null ? body.byteLength : Number(range.split('/')[1]),
  };
}

export async function readObject(bucket: string, key: string): Promise<Blob> {
  return (await send('s3', { path: pathOf(bucket, key) })).blob();
}

export async function putObject(bucket: string, key: string, body: Blob): Promise<void> {
  await send('s3', { method: 'PUT', path: pathOf(bucket, key), body });
}

export async function deleteObject(bucket: string, key: string): Promise<void> {
  await send('s3', { method: 'DELETE', path: pathOf(bucket, key) });
}

/** `s3://bucket/key` in two. */
export function parseUri(uri: string): { bucket: string; key: string } | undefined {
  const match = /^s3:\/\/([^/]+)\/?(.*)$/.exec(uri);
  return match ? { bucket: match[1]!, key: match[2]! } : undefined;
}
