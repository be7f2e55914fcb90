// After `vite build`: every file compressed beside itself, which is the form the server keeps and sends.
// What an earlier build left is removed, and the first load is held to its budget.
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { gzipSync } from 'node:zlib';

const dist = new URL('dist', import.meta.url).pathname;
const files = readdirSync(dist, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile() && entry.name !== '.gitignore')
  .map((entry) => join(entry.parentPath, entry.name));

const page = readFileSync(join(dist, 'index.html'), 'utf8');
const texts = new Map(
  files.filter((file) => !file.endsWith('.gz')).map((file) => [relative(dist, file), readFileSync(file)]),
);
// Reachable from the page: what it names, and what those name.
const reachable = new Set(['index.html', 'icon.svg', 'licenses.md']);
const follow = (text) => {
  for (const name of texts.keys()) {
    if (!reachable.has(name) && text.includes(name.split('/').pop())) {
      reachable.add(name);
      follow(texts.get(name).toString('utf8'));
    }
  }
};
follow(page);

let first = 0;
for (const file of files) {
  if (file.endsWith('.gz')) rmSync(file);
}
for (const [name, bytes] of texts) {
  if (!reachable.has(name)) {
    rmSync(join(dist, name));
    continue;
  }
  const small = gzipSync(bytes, { level: 9 });
  // No time of day in it: the same source gives the same bytes.
  small.fill(0, 4, 8);
  writeFileSync(join(dist, `${name}.gz`), small);
  if (name === 'index.html' || page.includes(name)) first += small.length;
}

const budget = 300_000;
console.log(`console: first load ${(first / 1000).toFixed(0)} kB compressed (budget ${budget / 1000} kB)`);
if (first > budget) {
  console.error('console: the first load is over its budget');
  process.exit(1);
}
