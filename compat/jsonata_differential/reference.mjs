// node reference.mjs PACKAGE SEED COUNT: so many random expressions with what jsonata-js makes of them, one a line:
// {"expr", "gives": value} or "nothing", "refused" or "fails" instead. `-` for COUNT evaluates the lines of standard input.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { Dice } from "./dice.mjs";
import { expression } from "./expressions.mjs";

const [folder, seed, count] = process.argv.slice(2);
const jsonata = createRequire(import.meta.url)(folder);
const text = readFileSync(new URL("input.json", import.meta.url), "utf8");

if (folder.endsWith("jsonata-states")) {
  // Its `$string` rounds all numbers to fifteen digits. AWS writes whole ones as they are: 2^63 is 9223372036854776000.
  const toPrecision = Number.prototype.toPrecision;
  Number.prototype.toPrecision = function (digits) {
    return Number.isInteger(Number(this)) ? String(this) : toPrecision.call(this, digits);
  };
}

/** What the clients of JSON see: no functions, and names for numbers that JSON does not have. */
function shown(value) {
  if (typeof value === "function" || value?._jsonata_lambda || value?._jsonata_function || value instanceof RegExp) return undefined;
  if (typeof value === "number") return Number.isFinite(value) ? value : String(value);
  if (Array.isArray(value)) return value.map((item) => shown(item) ?? null);
  if (value && typeof value === "object") {
    const members = Object.keys(value).map((name) => [name, shown(value[name])]);
    return Object.fromEntries(members.filter(([, member]) => member !== undefined));
  }
  return value;
}

async function evaluated(expr) {
  let compiled;
  try {
    compiled = jsonata(expr);
  } catch (error) {
    return { expr, refused: { code: error.code, message: error.message } };
  }
  try {
    const value = shown(await compiled.evaluate(undefined, { states: { input: JSON.parse(text) } }));
    return value === undefined ? { expr, nothing: true } : { expr, gives: value };
  } catch (error) {
    return { expr, fails: { code: error.code ?? null, message: error.message } };
  }
}

const dice = new Dice(seed);
const given = count === "-" ? readFileSync(0, "utf8").split("\n").filter(Boolean) : null;
for (let made = 0; made < (given ? given.length : Number(count)); made++) {
  process.stdout.write(`${JSON.stringify(await evaluated(given ? given[made] : expression(dice)))}\n`);
}
