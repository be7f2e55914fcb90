// Random expressions over input.json. Most are well typed, so that they get somewhere; enough are not.
import { datePicture, integerPicture, numberPicture, yearPicture } from "./pictures.mjs";

const IN = "$states.input.";
const DEPTH_MAX = 4;
const LENGTH_MAX = 600;

const NUMBERS = [
  "0", "1", "2", "3", "-1", "10", "0.5", "2.5", "-7.25", "1e3", "1e20", "1e21", "123456789", "0.1", "1.005", "99.995", "1e-7",
  "12345.678", "-0", "3.14159", "255", "1000000", "1e15", "123456789012345680", "4.35", "2.675", "-2.5",
  "0.30000000000000004", "1e300", "5e-324",
];
const TEXTS = [
  "", "a", "abc", "Hello", "hello world", "a,b,c", "10", "-5.5", "0x1F", "0b101", "1e3", " x ", "foo  bar", "tab\tnew\nline",
  "é", "日本", "😀", '"q"', "null", "true", "2023-11-14", "x-y_z", "AAA", "%20", "a/b?c=d&e", "YWJj", "Ünï", "..",
  "a.b.c", "0", "ß", "İ", "1 2",
];
const PATTERNS = [
  "/a/", "/[aeiou]/", "/(a)(b)?/i", "/l+/", "/o|e/", "/\\s+/", "/^a/", "/c$/", "/(\\w+)\\s(\\w+)/", "/[^a-z]/i", "/\\d+/",
  "/(?:b)c/", "/h(.)l/", "/b*/", "/./", "/\\bW/", "/[.]/", "/,/", "/(x)|(a)/", "/a{1,2}/", "/é/", "/[A-Z]/", "/\\//",
];
const MILLISECONDS = [
  "0", "1521801216617", "1700000000000", "-1", "-86400000", "951782400000", "1672531199999", "253402300799999",
  "-62135596800000", "1230764400000", "4102444800000", "1577836799999", "68169600000",
];
const TIMES = [
  "2023-11-14T22:13:20Z", "2023-11-14", "2023-11", "2023", "2023-11-14T22:13", "2023-11-14T22:13:20.5+01:00", "20231114",
  "2023-13-01", "x", "2023-02-30", "2024-02-29T23:59:60Z", "2023-11-14T22:13:20+0100", "2023-1-1", "-0001-01-01T00:00:00Z",
  "2023-11-14 22:13:20",
];
const ZONES = ["+0100", "-0500", "+0530", "0000", "+1400", "-0930", "+01:00", "Z", "UTC", ""];
const FORMATS = [
  '{"decimal-separator":",","grouping-separator":"."}', '{"zero-digit":"٠"}', '{"minus-sign":"~"}',
  '{"per-mille":"pm","percent":"pc"}', '{"exponent-separator":"E"}', '{"digit":"@"}', "{}", '{"pattern-separator":"|"}',
  '{"infinity":"INF","NaN":"nan"}',
];
const MAPPINGS = [
  "function($v){$v}", "function($v,$i){$i}", "function($v,$i,$a){$count($a)}", "function($v){$string($v)}",
  "function($v){$v=1}", "function($v){$type($v)}", "λ($v){[$v]}", "$string", "$uppercase", "function($v){$v.id}",
  "function($v){undefined}", "$not", "$boolean", "function($v,$k){$k}", "$length", "$sum", "function(){1}",
];
const PREDICATES = [
  "function($v){$v>1}", "function($v,$i){$i<2}", "function($v){$v.price>7}", "function($v){true}", "function($v){false}",
  "$boolean", "function($v){$v}", "function($v,$i,$a){$i=$count($a)-1}", "function($v){$v.tags}",
];
const FOLDS = [
  "function($a,$b){$a&$b}", "function($a,$b){$b}", 'function($a,$b){$string($a)&","&$string($b)}', "$append",
  "function($a,$b){[$a,$b]}", "function($a,$b,$i){$i}", "function($a){$a}", "function($a,$b,$i,$l){$count($l)}", "$max",
];
const ORDERS = [
  "function($a,$b){$a>$b}", "function($a,$b){$a<$b}", "function($a,$b){$a.id>$b.id}",
  "function($a,$b){$string($a)>$string($b)}",
];
const APPLIED = [
  "abs", "sum", "length", "uppercase", "keys", "reverse", "map", "substring", "floor", "join", "merge", "sort",
  "formatNumber", "fromMillis", "split", "contains", "zip", "spread", "max", "average", "formatBase", "pad", "number",
  "toMillis",
];
const quoted = (text) => JSON.stringify(text);

/** An expression. Those that are too long to be read are left out. */
export function expression(dice) {
  for (;;) {
    const made = new Maker(dice).top();
    if (made.length <= LENGTH_MAX) return made;
  }
}

class Maker {
  constructor(dice) {
    this.dice = dice;
  }

  top() {
    const kind = this.dice.pick([
      "number", "text", "text", "array", "array", "array", "object", "boolean", "any", "any", "any", "any",
    ]);
    return this[kind](1 + this.dice.below(DEPTH_MAX));
  }

  /** One of the alternatives, made. */
  one(...alternatives) {
    return this.dice.pick(alternatives)();
  }

  maybe(probability, make) {
    return this.dice.happens(probability) ? make() : "";
  }

  number(depth) {
    const { dice } = this;
    if (depth <= 0 || dice.happens(0.25)) {
      if (dice.happens(0.5)) return dice.pick(NUMBERS);
      const names = ["n", "f", "neg", "big", "tiny", "huge", "objs[0].id", "order.lines[1].price", "arr[0]", "arr[-1]"];
      return dice.pick([...names.map((name) => IN + name), `$count(${IN}arr)`]);
    }
    const [number, text] = [() => this.number(depth - 1), () => this.text(depth - 1)];
    return this.one(
      () => `(${number()} ${dice.pick(["+", "-", "*", "/", "%"])} ${number()})`,
      () => `$${dice.pick(["abs", "floor", "ceil", "sqrt"])}(${number()})`,
      () => `$round(${number()})`,
      () => `$round(${number()}, ${dice.pick(["0", "1", "2", "3", "-1", "-2", "5"])})`,
      () => `$power(${number()}, ${dice.pick(["2", "0", "-1", "0.5", "3", "10"])})`,
      () => `$${dice.pick(["sum", "max", "min", "average", "count"])}(${this.array(depth - 1)})`,
      () => `$length(${text()})`,
      () => `$number(${this.one(text, number, () => this.boolean(depth - 1))})`,
      () => `$parseInteger(${text()}, ${quoted(integerPicture(dice))})`,
      () => {
        const picture = quoted(integerPicture(dice));
        return `$parseInteger($formatInteger(${this.number(0)}, ${picture}), ${picture})`;
      },
      () => `$toMillis(${IN}date)`,
      () => `$toMillis(${quoted(dice.pick(TIMES))})`,
      () => {
        const picture = quoted(yearPicture(dice));
        return `$toMillis($fromMillis(${dice.pick(MILLISECONDS)}, ${picture}), ${picture})`;
      },
      () => `(${this.boolean(depth - 1)} ? ${number()} : ${number()})`,
      () => `-${this.number(0)}`,
    );
  }

  text(depth) {
    const { dice } = this;
    const literal = () => quoted(dice.pick(TEXTS));
    if (depth <= 0 || dice.happens(0.2)) {
      if (dice.happens(0.6)) return literal();
      return IN + dice.pick(["s", "t", "u", "e", "objs[0].name", "order.id", "strs[0]", "date"]);
    }
    const [text, any, number] = [() => this.text(depth - 1), () => this.any(depth - 1), () => this.number(depth - 1)];
    const array = () => this.array(depth - 1);
    const replacements = ["X", "$1", "$0-$2", "$$", "", "$1$1", "$12", "\\$", "$a"];
    return this.one(
      () => `(${any()} & ${any()})`,
      () => `$string(${any()})`,
      () => `$string(${any()}, ${dice.pick(["true", "false"])})`,
      () => {
        const names = [
          "uppercase", "lowercase", "trim", "base64encode", "encodeUrl", "encodeUrlComponent", "decodeUrl",
          "decodeUrlComponent",
        ];
        return `$${dice.pick(names)}(${text()})`;
      },
      () => `$base64decode(${dice.happens(0.5) ? `$base64encode(${text()})` : text()})`,
      () => `$substring(${text()}, ${dice.pick(["0", "1", "-1", "-2", "2", "10", "-10", "1.5", "0.9"])})`,
      () =>
        `$substring(${text()}, ${dice.pick(["0", "1", "-1", "-3", "2", "-10"])}, ${dice.pick(["0", "1", "2", "-1", "10", "1.5"])})`,
      () => `$${dice.pick(["substringBefore", "substringAfter"])}(${text()}, ${this.text(0)})`,
      () => `$pad(${text()}, ${dice.pick(["5", "-5", "0", "12", "-12", "3.7"])}${this.maybe(0.5, () => `, ${this.text(0)}`)})`,
      () => `$join(${array()}${this.maybe(0.6, () => `, ${this.text(0)}`)})`,
      () => `$join($map(${array()}, $string), ${this.text(0)})`,
      () => {
        const what = dice.happens(0.5) ? dice.pick(PATTERNS) : this.text(0);
        const by = dice.happens(0.7) ? quoted(dice.pick(replacements)) : "function($m){$uppercase($m.match)}";
        return `$replace(${text()}, ${what}, ${by}${this.maybe(0.2, () => `, ${dice.pick(["1", "2", "0", "-1"])}`)})`;
      },
      () =>
        `$formatNumber(${number()}, ${quoted(numberPicture(dice))}${this.maybe(0.15, () => `, ${dice.pick(FORMATS)}`)})`,
      () =>
        `$formatBase(${number()}${this.maybe(0.7, () => `, ${dice.pick(["2", "8", "16", "36", "10", "1", "37", "2.9"])}`)})`,
      () => `$formatInteger(${number()}, ${quoted(integerPicture(dice))})`,
      () => {
        const zone = () => `, ${quoted(dice.pick(ZONES))}`;
        const picture = () => `, ${quoted(datePicture(dice))}${this.maybe(0.4, zone)}`;
        return `$fromMillis(${dice.pick(MILLISECONDS)}${this.maybe(0.8, picture)})`;
      },
      () => `$type(${any()})`,
      () => `$keys(${this.object(depth - 1)})[0]`,
      () => `(${this.boolean(depth - 1)} ? ${text()} : ${text()})`,
    );
  }

  boolean(depth) {
    const { dice } = this;
    if (depth <= 0 || dice.happens(0.15)) return dice.pick(["true", "false", `${IN}b`]);
    const [any, text] = [() => this.any(depth - 1), () => this.text(depth - 1)];
    const comparison = () => dice.pick(["=", "!=", "<", "<=", ">", ">="]);
    return this.one(
      () => `(${this.number(depth - 1)} ${comparison()} ${this.number(depth - 1)})`,
      () => `(${text()} ${comparison()} ${text()})`,
      () => `(${any()} ${dice.pick(["=", "!=", "in"])} ${any()})`,
      () => `(${any()} in ${this.array(depth - 1)})`,
      () => `(${any()} ${dice.pick(["and", "or"])} ${any()})`,
      () => `$${dice.pick(["not", "boolean", "exists"])}(${any()})`,
      () => `$contains(${text()}, ${dice.happens(0.5) ? dice.pick(PATTERNS) : text()})`,
      () => `(${any()} ${dice.pick(["<", ">", "<=", ">="])} ${any()})`,
    );
  }

  filter(depth) {
    const { dice } = this;
    return this.one(
      () => String(dice.below(4) - 1),
      () => `id${dice.pick(["=", ">", "<"])}${dice.below(4)}`,
      () => dice.pick(['name="a"', "price", "$exists(tags)", "[0,1]", "[0..1]", "$ > 1", "tags", "-1", "1.5", "id in [1,2]"]),
      () => this.number(depth - 1),
      () => this.boolean(depth - 1),
    );
  }

  array(depth) {
    const { dice } = this;
    if (depth <= 0 || dice.happens(0.25)) {
      const names = [
        "arr", "arr2", "mixed", "empty", "nested", "strs", "objs", "objs.id", "objs.price", "objs.tags", "objs.name",
        "order.lines", "nope", "n", "s",
      ];
      return dice.pick([...names.map((name) => IN + name), "[]", "[1,2,3]", '["b","a"]', "[1..3]", "[0..0]"]);
    }
    const [array, any, object] = [() => this.array(depth - 1), () => this.any(depth - 1), () => this.object(depth - 1)];
    const field = () => dice.pick(["id", "name", "price", "tags", "extra", "extra.q", "nope", "*", "$", "tags[0]"]);
    const direction = () => dice.pick(["", "<", ">"]);
    return this.one(
      () => `[${dice.several(dice.below(4), any).join(", ")}]`,
      () => `[${dice.pick(["-2", "0", "1", "3", "0.5"])}..${dice.pick(["-1", "2", "5", "3", "2.5"])}${this.maybe(0.3, () => `, ${any()}`)}]`,
      () => `$append(${any()}, ${any()})`,
      () => `$reverse(${array()})`,
      () => `$distinct(${array()})`,
      () => `$sort(${array()}${this.maybe(0.4, () => `, ${dice.pick(ORDERS)}`)})`,
      () => `$zip(${array()}, ${array()})`,
      () => {
        const by = dice.happens(0.5) ? dice.pick(PATTERNS) : this.text(0);
        return `$split(${this.text(depth - 1)}, ${by}${this.maybe(0.2, () => `, ${dice.pick(["1", "2", "0", "-1", "1.5"])}`)})`;
      },
      () => `$match(${this.text(depth - 1)}, ${dice.pick(PATTERNS)}${this.maybe(0.2, () => `, ${dice.pick(["1", "2", "0"])}`)})`,
      () => `$map(${array()}, ${dice.pick(MAPPINGS)})`,
      () => `$filter(${array()}, ${dice.pick(PREDICATES)})`,
      () => `$reduce(${array()}, ${dice.pick(FOLDS)}${this.maybe(0.4, () => `, ${this.any(0)}`)})`,
      () => `$keys(${dice.happens(0.7) ? object() : array()})`,
      () => `$spread(${object()})`,
      () => `$each(${object()}, ${dice.pick(MAPPINGS)})`,
      () => `$lookup(${object()}, ${this.text(0)})`,
      () => `${array()}[${this.filter(depth)}]`,
      () => `${IN}objs[${this.filter(depth)}].${field()}`,
      () => {
        const second = () => `, ${direction()}${dice.pick(["name", "id"])}`;
        const first = `${direction()}${dice.pick(["id", "name", "price", "tags", "extra.q", "$"])}`;
        return `${IN}objs^(${first}${this.maybe(0.4, second)})${this.maybe(0.5, () => `.${field()}`)}`;
      },
      () => `${this.array(0)}^(${dice.pick(["", ">"])}$)`,
      () => `${IN}order.lines.(price * quantity)`,
      () => `${IN}order.lines.{"s": sku, "p": ${dice.pick(["price", "$string(price)", "%.id", "d.w"])}}`,
      () => `${IN}order.lines{sku: ${dice.pick(["price", "$sum(price)", "$", "quantity[]", "$count($)"])}}`,
      () => `${IN}objs{$string(${dice.pick(["id", "name", "price"])}): ${dice.pick(["name", "$", "id", "tags"])}}`,
      () => `${IN}order.lines@$l.${dice.pick(["$l.sku", '{"x":$l.price}', "$l", "quantity"])}`,
      () => `${IN}order.lines#$i.${dice.pick(["$i", '{"i":$i,"s":sku}', "sku"])}`,
      () => `${IN}order.lines.d.${dice.pick(["%", "%.sku", "%.%.id", "w", "%.price"])}`,
      () => `${IN}objs#$i[${dice.pick(["$i=1", "$i>1", "0"])}].${dice.pick(["$i", "name"])}`,
      () => `${IN}objs[${this.filter(depth)}]^(name)[0]`,
      () => IN + dice.pick(["objs.tags[]", "obj.*", "order.*", "objs.*", "*.*", "objs.[id, name]", "objs.(tags)[0]", "nested.$"]),
      () => `${IN}order.**.${dice.pick(["price", "w", "sku", "id"])}`,
      () => `${array()}.(${any()})`,
      () => `${array()}[]`,
      () => {
        const functions = [
          "$reverse", "$count", "$sort", "$distinct", "$sum", "$map($string)", "$filter(function($v){$v})", "$join",
          "$string()", "$length",
        ];
        return `(${array()} ~> ${dice.pick(functions)})`;
      },
      () => {
        const removed = () => `, ${dice.pick(['"id"', '["id","name"]'])}`;
        return `(${array()} ~> |${dice.pick(["$", "$[0]", "objs"])}|{"new": ${this.any(0)}}${this.maybe(0.3, removed)}|)`;
      },
      () => `(${IN}objs.tags)[0]`,
      () => "$shuffle([1])",
      () => `$single(${array()}, ${dice.pick(PREDICATES)})`,
      () => `[[${any()}], ${any()}]`,
    );
  }

  object(depth) {
    const { dice } = this;
    if (depth <= 0 || dice.happens(0.25)) {
      return dice.pick([
        ...["obj", "eobj", "objs[0]", "objs[2]", "order", "objs"].map((name) => IN + name), "{}", '{"a": 1, "b": "x"}',
      ]);
    }
    const object = () => this.object(depth - 1);
    const name = () => quoted(dice.pick(["a", "b", "c", "1", "10", "2", "", "é", "k", "01", "-1"]));
    return this.one(
      () => {
        const key = () => (dice.happens(0.85) ? name() : this.text(0));
        return `{${dice.several(1 + dice.below(3), () => `${key()}: ${this.any(depth - 1)}`).join(", ")}}`;
      },
      () => `$merge([${object()}, ${object()}])`,
      () => `$merge(${this.array(depth - 1)})`,
      () => {
        const kept = ["function($v){$v>1}", 'function($v,$k){$k="a"}', 'function($v,$k){$k>"a"}', "function($v){$boolean($v)}"];
        return `$sift(${object()}, ${dice.pick(kept)})`;
      },
      () => `(${object()} ~> |${dice.pick(["$", "a", "**", "*"])}|{"k": ${this.any(0)}}${this.maybe(0.3, () => ', ["a"]')}|)`,
      () => `${IN}objs[${dice.below(4)}]`,
      () => `(${this.boolean(depth - 1)} ? ${object()})`,
      () => `${this.array(depth - 1)}{$string($): $count($)}`,
      () => `$map(${this.array(depth - 1)}, function($v,$i){{"i":$i,"v":$v}})`,
    );
  }

  any(depth) {
    const { dice } = this;
    const deeper = () => this.any(depth - 1);
    const simple = () => dice.pick(["null", `${IN}z`, `${IN}nope`, "$x", "{}", "[]"]);
    const plain = [
      () => this.number(depth), () => this.number(depth), () => this.text(depth), () => this.text(depth),
      () => this.boolean(depth), () => this.array(depth), () => this.array(depth), () => this.object(depth), simple,
    ];
    if (depth <= 0) return this.one(...plain);
    return this.one(
      ...plain,
      () => `($x := ${deeper()}; ${this.one(() => "$x", () => '$x & ""', () => "[$x]", deeper)})`,
      () => (dice.happens(0.05) ? `$error(${this.text(0)})` : '"k"'),
      () => {
        const functions = ["$string", "$type", "$boolean", "$exists", "function($v){$v}", "$count"];
        return `(${deeper()} ~> ${dice.pick(functions)})`;
      },
      () => `$${dice.pick(APPLIED)}(${dice.several(dice.below(3), () => this.any(0)).join(", ")})`,
      () => `$assert(${this.boolean(0)}, "m")`,
      () => `function($a,$b){$a}(${deeper()})`,
    );
  }
}
