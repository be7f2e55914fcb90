// S3: buckets, folders, objects; a look into them, download, upload.

import { useRef, useState } from 'react';

import { useQuery } from '../api/query';
import {
  type Listing,
  createBucket,
  deleteObject,
  listBuckets,
  listObjects,
  putObject,
  readObject,
  readStart,
} from '../api/s3';
import { Link, setParameter, to, useLocation } from '../router';
import { bytes, count, dateTime, pretty } from '../ui/format';
import {
  Code,
  Copy,
  Dialog,
  PageHead,
  Panel,
  Problem,
  Shown,
  Table,
  TextField,
  useAction,
  useAnnounce,
} from '../ui/parts';

const on = (change: { service: string }) => change.service === 's3';
const PREVIEW = 64 << 10;
/** So many lines of CSV make rows. */
const ROWS = 100;

export function Buckets() {
  const [creating, setCreating] = useState(false);
  const [name, setName] = useState('');
  const buckets = useQuery('buckets', listBuckets, { on });
  return (
    <>
      <PageHead title="S3">
        <button type="button" className="primary" onClick={() => setCreating(true)}>
          Create bucket
        </button>
      </PageHead>
      <Panel title="Buckets">
        <Shown query={buckets}>
          {(all) => (
            <Table label="Buckets" head={['Name', 'Created']} empty={<p>No bucket yet.</p>}>
              {all.map((bucket) => (
                <tr key={bucket.name}>
                  <th scope="row">
                    <Link to={to('s3', bucket.name)}>{bucket.name}</Link>
                  </th>
                  <td>{dateTime(Date.parse(bucket.created) / 1000)}</td>
                </tr>
              ))}
            </Table>
          )}
        </Shown>
      </Panel>
      {creating && (
        <Dialog
          title="Create bucket"
          submit="Create"
          onClose={() => setCreating(false)}
          onSubmit={async () => {
            await createBucket(name.trim());
            buckets.reload();
          }}
        >
          <TextField
            label="Bucket name"
            value={name}
            onChange={setName}
            required
            hint="Lower-case letters, digits, hyphens; 3 to 63."
          />
        </Dialog>
      )}
    </>
  );
}

export function Bucket({ bucket }: { bucket: string }) {
  const { query } = useLocation();
  const key = query.get('key') ?? '';
  const isFolder = key === '' || key.endsWith('/');
  const folders = key.split('/').slice(0, -1);
  const crumbs: [string, string][] = [
    ['S3', '/s3'],
    ...(key === '' ? [] : [[bucket, to('s3', bucket)] as [string, string]]),
    ...folders
      .slice(0, isFolder ? -1 : undefined)
      .map((folder, index): [string, string] => [
        folder,
        `${to('s3', bucket)}?key=${encodeURIComponent(`${folders.slice(0, index + 1).join('/')}/`)}`,
      ]),
  ];
  const title =
    key === ''
      ? bucket
      : (key
          .split('/')
          .filter((part) => part !== '')
          .pop() ?? key);
  return (
    <>
      <PageHead title={title} crumbs={crumbs}>
        <Copy text={`s3://${bucket}/${key}`} label="Copy S3 URI" />
      </PageHead>
      {isFolder ? <Folder key={key} bucket={bucket} prefix={key} /> : <Preview key={key} bucket={bucket} name={key} />}
    </>
  );
}

function Folder({ bucket, prefix }: { bucket: string; prefix: string }) {
  const announce = useAnnounce();
  const input = useRef<HTMLInputElement>(null);
  const [pages, setPages] = useState(1);
  const { busy, error, run } = useAction();
  const listing = useQuery(
    `objects ${bucket} ${prefix} ${pages}`,
    async (): Promise<Listing> => {
      const all: Listing = { folders: [], objects: [] };
      let token: string | undefined;
      for (let page = 0; page < pages; page++) {
        const { folders, objects, next } = await listObjects(bucket, prefix, token);
        all.folders.push(...folders);
        all.objects.push(...objects);
        token = all.next = next;
        if (token === undefined) break;
      }
      return all;
    },
    { on },
  );
  const upload = (files: FileList) =>
    run(async () => {
      for (const file of files) await putObject(bucket, prefix + file.name, file);
      announce(`${files.length === 1 ? files[0]!.name : `${files.length} files`} uploaded.`);
      listing.reload();
    });
  return (
    <Panel
      title="Objects"
      actions={
        <>
          <input
            ref={input}
            type="file"
            multiple
            hidden
            aria-label="Files to upload"
            onChange={(event) => {
              if (event.target.files?.length) void upload(event.target.files);
              event.target.value = '';
            }}
          />
          <button type="button" disabled={busy} onClick={() => input.current?.click()}>
            {busy ? 'Uploading…' : 'Upload'}
          </button>
        </>
      }
    >
      {error && <Problem error={error} />}
      <Shown query={listing}>
        {({ folders, objects, next }) => (
          <>
            <Table label="Objects" head={['Name', 'Size', 'Changed']} empty={<p>Nothing is in here.</p>}>
              {[
                ...folders.map((folder) => (
                  <tr key={folder}>
                    <th scope="row">
                      <Link to={`${to('s3', bucket)}?key=${encodeURIComponent(folder)}`}>
                        {folder.slice(prefix.length)}
                      </Link>
                    </th>
                    <td>folder</td>
                    <td />
                  </tr>
                )),
                ...objects.map((object) => (
                  <tr key={object.key}>
                    <th scope="row">
                      <Link to={`${to('s3', bucket)}?key=${encodeURIComponent(object.key)}`}>
                        {object.key.slice(prefix.length) || object.key}
                      </Link>
                    </th>
                    <td>{bytes(object.size)}</td>
                    <td>{dateTime(Date.parse(object.modified) / 1000)}</td>
                  </tr>
                )),
              ]}
            </Table>
            {next && (
              <button type="button" onClick={() => setPages(pages + 2)}>
                Show more
              </button>
            )}
          </>
        )}
      </Shown>
    </Panel>
  );
}

function Preview({ bucket, name }: { bucket: string; name: string }) {
  const announce = useAnnounce();
  const [deleting, setDeleting] = useState(false);
  const { busy, error, run } = useAction();
  const start = useQuery(`object ${bucket} ${name}`, () => readStart(bucket, name, PREVIEW), { on });
  return (
    <>
      {error && <Problem error={error} />}
      <Panel
        title="Preview"
        actions={
          <>
            <button
              type="button"
              disabled={busy}
              onClick={() =>
                void run(async () => {
                  const link = document.createElement('a');
                  link.href = URL.createObjectURL(await readObject(bucket, name));
                  link.download = name.split('/').pop()!;
                  link.click();
                  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
                })
              }
            >
              Download
            </button>
            <button type="button" onClick={() => setDeleting(true)}>
              Delete
            </button>
          </>
        }
      >
        <Shown query={start}>
          {({ text, size }) => (
            <>
              <p className="quiet">
                {bytes(size)}
                {size > PREVIEW && `, the first ${bytes(PREVIEW)} are looked at`}
              </p>
              <Content name={name} text={text} whole={size <= PREVIEW} />
            </>
          )}
        </Shown>
      </Panel>
      {deleting && (
        <Dialog
          title={`Delete ${name}?`}
          submit="Delete"
          danger
          onClose={() => setDeleting(false)}
          onSubmit={async () => {
            await deleteObject(bucket, name);
            announce(`${name} is deleted.`);
            setParameter('key', name.slice(0, name.lastIndexOf('/') + 1));
          }}
        >
          <p>This cannot be undone.</p>
        </Dialog>
      )}
    </>
  );
}

/** CSV as a table, JSON laid out, other text as it is. */
function Content({ name, text, whole }: { name: string; text: string; whole: boolean }) {
  if (/[\0\ufffd]/.test(text)) return <p className="quiet">It is not text; download it to open it.</p>;
  const lines = text.split('\n').filter((line) => line !== '');
  // The last line may be cut.
  if (!whole) lines.pop();
  const columns = lines[0]?.split(',').length ?? 0;
  if (/\.csv$/i.test(name) || (columns > 2 && lines.every((line) => line.split(',').length === columns))) {
    const rows = lines.slice(0, ROWS).map(cells);
    const header = rows[0]?.some((cell) => cell !== '' && Number.isNaN(Number(cell))) ?? false;
    const head = header ? rows[0]! : (rows[0] ?? []).map((_, index) => `Column ${index + 1}`);
    return (
      <>
        {(lines.length > rows.length || !whole) && (
          <p className="quiet">The first {count(rows.length - (header ? 1 : 0), 'row')}:</p>
        )}
        <Table label={name} head={head} empty={<p>It is empty.</p>}>
          {rows.slice(header ? 1 : 0).map((row, index) => (
            <tr key={index}>
              {row.map((cell, column) => (
                <td key={column}>{cell}</td>
              ))}
            </tr>
          ))}
        </Table>
      </>
    );
  }
  return <Code text={whole ? pretty(text) : text} label={name} />;
}

/** The cells of a line, quotes taken off. */
function cells(line: string): string[] {
  return [...line.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^,]*))/g)].map(([, quoted, plain]) =>
    quoted === undefined ? (plain ?? '').replace(/\r$/, '') : quoted.replaceAll('""', '"'),
  );
}
