// Times, durations and sizes as people read them.

const time = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'medium' });

/** Of seconds since 1970, as the JSON protocols say a time. */
export function dateTime(seconds: number | undefined): string {
  return seconds === undefined || Number.isNaN(seconds) ? '–' : time.format(seconds * 1000);
}

export function duration(time: number | undefined): string {
  if (time === undefined || Number.isNaN(time)) return '–';
  // Times are told to the millisecond: what lies beyond is an error of the subtraction.
  const seconds = Math.round(time * 1000) / 1000;
  if (seconds < 1) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 60) return `${seconds.toFixed(seconds < 10 ? 2 : 1)} s`;
  const whole = Math.round(seconds);
  const [h, m, s] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const two = (n: number) => String(n).padStart(2, '0');
  return h > 0 ? `${h} h ${two(m)} min` : `${m} min ${two(s)} s`;
}

export function bytes(count: number): string {
  if (count < 1000) return `${count} B`;
  const units = ['kB', 'MB', 'GB', 'TB'];
  let value = count;
  let unit = '';
  for (unit of units) {
    value /= 1000;
    if (value < 1000) break;
  }
  return `${value.toFixed(value < 10 ? 1 : 0)} ${unit}`;
}

export function count(n: number, one: string, many = `${one}s`): string {
  return `${n.toLocaleString()} ${n === 1 ? one : many}`;
}

/**
 * JSON as a value that is written as it was read: a number that JavaScript would round, or write in another
 * way, stays as it stands in the text (where the browser can).
 */
export function exact(text: string): unknown {
  const { rawJSON } = JSON as { rawJSON?: (text: string) => unknown };
  if (rawJSON === undefined) return JSON.parse(text);
  const keep = (_: string, value: unknown, { source }: { source?: string } = {}) =>
    typeof value === 'number' && source !== undefined && String(value) !== source ? rawJSON(source) : value;
  return JSON.parse(text, keep as (this: unknown, key: string, value: unknown) => unknown);
}

/** JSON laid out; text that is none as it is. */
export function pretty(text: string | undefined): string {
  if (text === undefined) return '';
  try {
    return JSON.stringify(exact(text), null, 2);
  } catch {
    return text;
  }
}

/** What follows the last `:` or `/` of an ARN. */
export function nameOf(arn: string): string {
  return arn.split(/[:/]/).pop() ?? arn;
}
