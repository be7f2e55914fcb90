// IAM's answers, as the pages need them.

import { members, pages, query, text } from './call';

export interface RoleItem {
  name: string;
  arn: string;
  created: string;
  description: string;
  /** The trust policy's JSON. */
  trust: string;
}

export interface PolicyItem {
  name: string;
  arn: string;
  description?: string;
}

function role(element: Element): RoleItem {
  return {
    name: text(element, 'RoleName'),
    arn: text(element, 'Arn'),
    created: text(element, 'CreateDate'),
    description: text(element, 'Description'),
    trust: decodeURIComponent(text(element, 'AssumeRolePolicyDocument')),
  };
}

/** A page of a list, and where the next begins. */
async function listed<T>(
  operation: string,
  input: Record<string, string | undefined>,
  list: string,
  read: (element: Element) => T,
): Promise<T[]> {
  return pages(async (marker) => {
    const page = await query('iam', operation, { ...input, Marker: marker, MaxItems: '1000' });
    return {
      items: members(page, list).map(read),
      next: text(page, 'IsTruncated') === 'true' ? text(page, 'Marker') : undefined,
    };
  }, 5000);
}

export const listRoles = () => listed('ListRoles', {}, 'Roles', role);

export async function getRole(name: string): Promise<RoleItem> {
  const answer = await query('iam', 'GetRole', { RoleName: name });
  return role(answer.getElementsByTagName('Role')[0]!);
}

export const attachedPolicies = (name: string) =>
  listed('ListAttachedRolePolicies', { RoleName: name }, 'AttachedPolicies', (policy): PolicyItem => ({
    name: text(policy, 'PolicyName'),
    arn: text(policy, 'PolicyArn'),
  }));

export const inlinePolicies = (name: string) =>
  listed('ListRolePolicies', { RoleName: name }, 'PolicyNames', (policy) => policy.textContent ?? '');

export async function inlinePolicy(role: string, name: string): Promise<string> {
  return decodeURIComponent(
    text(await query('iam', 'GetRolePolicy', { RoleName: role, PolicyName: name }), 'PolicyDocument'),
  );
}

export const listPolicies = (scope: 'All' | 'AWS' | 'Local' = 'All') =>
  listed('ListPolicies', { Scope: scope }, 'Policies', (policy): PolicyItem => ({
    name: text(policy, 'PolicyName'),
    arn: text(policy, 'Arn'),
    description: text(policy, 'Description'),
  }));

export async function policyDocument(arn: string): Promise<{ name: string; document: string; version: string }> {
  const policy = (await query('iam', 'GetPolicy', { PolicyArn: arn })).getElementsByTagName('Policy')[0]!;
  const version = text(policy, 'DefaultVersionId');
  const answer = await query('iam', 'GetPolicyVersion', { PolicyArn: arn, VersionId: version });
  const document = answer.getElementsByTagName('Document')[0]?.textContent ?? '';
  return { name: text(policy, 'PolicyName'), document: decodeURIComponent(document), version };
}
