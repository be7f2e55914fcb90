// What is wrong with a policy's grammar, and where: IAM itself says only that something is.

import { jsonLanguage } from '@codemirror/lang-json';

import { type Place, lineOf, locate } from './locate';

export interface Remark {
  place: Place;
  message: string;
}

const TOP = ['Version', 'Id', 'Statement'];
const STATEMENT = ['Sid', 'Effect', 'Action', 'NotAction', 'Resource', 'NotResource', 'Condition'];

/** The remarks on an identity policy's text; none if IAM will take it. */
export function checkPolicy(text: string): Remark[] {
  let policy: unknown;
  try {
    policy = JSON.parse(text);
  } catch {
    return [syntax(text)];
  }
  const remarks: Remark[] = [];
  const say = (path: string, message: string) => remarks.push({ place: locate(text, path), message });
  const object = (value: unknown): value is Record<string, unknown> =>
    typeof value === 'object' && value !== null && !Array.isArray(value);
  if (!object(policy)) {
    say('/', 'A policy is an object.');
    return remarks;
  }
  for (const key of Object.keys(policy)) if (!TOP.includes(key)) say(`/${key}`, `A policy has no element ${key}.`);
  if (policy['Version'] !== undefined && !['2012-10-17', '2008-10-17'].includes(String(policy['Version']))) {
    say('/Version', 'The version is 2012-10-17 (or 2008-10-17).');
  }
  if (policy['Statement'] === undefined) say('/', 'A policy needs a Statement.');
  const listed = Array.isArray(policy['Statement']);
  const statements = (listed ? policy['Statement'] : [policy['Statement']]) as unknown[];
  statements.forEach((statement, index) => {
    if (statement === undefined) return;
    const at = listed ? `/Statement[${index}]` : '/Statement';
    if (!object(statement)) return say(at, 'A statement is an object.');
    for (const key of Object.keys(statement)) {
      if (key === 'Principal' || key === 'NotPrincipal')
        say(`${at}/${key}`, 'A policy of a role names no principal: it is the role.');
      else if (!STATEMENT.includes(key)) say(`${at}/${key}`, `A statement has no element ${key}.`);
    }
    const effect = statement['Effect'];
    if (effect === undefined) say(at, 'A statement needs an Effect: Allow or Deny.');
    else if (effect !== 'Allow' && effect !== 'Deny') say(`${at}/Effect`, 'The effect is Allow or Deny.');
    for (const [one, other] of [
      ['Action', 'NotAction'],
      ['Resource', 'NotResource'],
    ] as const) {
      const [has, hasOther] = [statement[one] !== undefined, statement[other] !== undefined];
      if (!has && !hasOther) say(at, `A statement needs ${one} (or ${other}).`);
      if (has && hasOther) say(`${at}/${other}`, `A statement has ${one} or ${other}, not both.`);
    }
    for (const key of ['Action', 'NotAction']) {
      for (const action of [statement[key]].flat()) {
        if (action !== undefined && !/^(\*|[A-Za-z0-9-]+:[A-Za-z0-9*?]+)$/.test(String(action))) {
          say(`${at}/${key}`, `${JSON.stringify(action)} is not an action such as s3:GetObject.`);
        }
      }
    }
    for (const key of ['Resource', 'NotResource']) {
      for (const resource of [statement[key]].flat()) {
        if (resource !== undefined && !/^(\*|arn:.+:.*:.*:.*:.+)$/.test(String(resource))) {
          say(`${at}/${key}`, `${JSON.stringify(resource)} is not an ARN, nor *.`);
        }
      }
    }
  });
  return remarks;
}

/** Where the text stops being JSON. */
function syntax(text: string): Remark {
  let place: Place | undefined;
  jsonLanguage.parser.parse(text).iterate({
    enter: (node) => {
      if (node.type.isError && !place) place = { from: node.from, to: node.to, line: lineOf(text, node.from) };
    },
  });
  return { place: place ?? locate(text, '/'), message: 'This is not JSON.' };
}
