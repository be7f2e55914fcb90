// Our JSONata beside jsonata-js on the expressions of jsonata.json, each compiled once:
//
//     npm install --prefix .build/jsonata jsonata@2.0.6
//     node crates/asl/benches/beside_jsonata_js.mjs .build/jsonata/node_modules/jsonata
//
// Both sides tell their fastest sample: on a machine with other work that is the one without it.
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { resolve } from "node:path";

const here = new URL(".", import.meta.url);
const jsonata = createRequire(import.meta.url)(process.argv[2] ? resolve(process.argv[2]) : "jsonata");
const { input, expressions } = JSON.parse(readFileSync(new URL("jsonata.json", here)));

const table = execFileSync("cargo", ["bench", "-p", "asl", "--bench", "language", "--", "jsonata"], {
  cwd: here, encoding: "utf8", stdio: ["ignore", "pipe", "inherit"],
});
const unit = { ns: 1e-3, "µs": 1, ms: 1e3 };
const rows = [...table.matchAll(/[├╰]─ (\d+): .*?\s+([\d.]+) (ns|µs|ms)\s+│/g)];
const ours = new Map(rows.map(([, index, number, of]) => [Number(index), number * unit[of]]));

async function fastest(expression) {
  const compiled = jsonata(expression);
  const bindings = { states: { input } };
  let best = Infinity;
  for (let sample = 0; sample < 60; sample++) {
    const rounds = sample < 10 ? 20 : 100; // the first samples warm the compiler up
    const start = process.hrtime.bigint();
    for (let round = 0; round < rounds; round++) await compiled.evaluate(undefined, bindings);
    best = Math.min(best, Number(process.hrtime.bigint() - start) / 1e3 / rounds);
  }
  return best;
}

console.log("  ours µs    js µs   js/ours");
for (const [index, expression] of expressions.entries()) {
  const [mine, theirs] = [ours.get(index), await fastest(expression)];
  const columns = [mine.toFixed(2), theirs.toFixed(2), (theirs / mine).toFixed(1)];
  console.log(columns.map((column) => column.padStart(9)).join(""), " ", expression);
}
