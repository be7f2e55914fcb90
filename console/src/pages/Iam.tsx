// IAM: roles and policies.

import { useState } from 'react';

import { useQuery } from '../api/query';
import { Link, go, setParameter, to, useLocation } from '../router';
import { dateTime } from '../ui/format';
import { Arn, Code, Copy, Facts, PageHead, Panel, Shown, Table, Tabs, TextField } from '../ui/parts';
import { listPolicies, listRoles, policyDocument } from '../api/iam';

const on = (change: { service: string }) => change.service === 'iam';
const SHOWN = 50;
const ROLES_MAX = 500;

export function Iam() {
  const { query } = useLocation();
  const tab = query.get('tab') ?? 'roles';
  return (
    <>
      <PageHead title="IAM">
        <button type="button" className="primary" onClick={() => go('/iam/create-role')}>
          Create role
        </button>
      </PageHead>
      <Tabs
        label="IAM"
        current={tab}
        onChoose={(id) => setParameter('tab', id)}
        tabs={[
          ['roles', 'Roles'],
          ['policies', 'Policies'],
        ]}
      />
      {tab === 'roles' ? <Roles /> : <Policies />}
    </>
  );
}

function Roles() {
  const [search, setSearch] = useState('');
  const roles = useQuery('roles', listRoles, { on });
  return (
    <Panel title="Roles">
      <TextField label="Search by name" type="search" value={search} onChange={setSearch} />
      <Shown query={roles}>
        {(all) => {
          const found = all.filter((role) => role.name.toLowerCase().includes(search.trim().toLowerCase()));
          return (
            <>
              <Table
                label="Roles"
                head={['Name', 'Trusts', 'Created', 'ARN']}
                empty={
                  all.length === 0 ? (
                    <p>
                      There is no role yet. <Link to="/iam/create-role">Create one</Link> for Step Functions or
                      SageMaker.
                    </p>
                  ) : (
                    <p>No name contains this.</p>
                  )
                }
              >
                {found.slice(0, ROLES_MAX).map((role) => (
                  <tr key={role.arn}>
                    <th scope="row">
                      <Link to={to('iam', 'roles', role.name)}>{role.name}</Link>
                    </th>
                    <td>{trusted(role.trust)}</td>
                    <td>{dateTime(Date.parse(role.created) / 1000)}</td>
                    <td>
                      <Copy text={role.arn} label="Copy ARN" />
                    </td>
                  </tr>
                ))}
              </Table>
              {found.length > ROLES_MAX && (
                <p className="quiet">and {(found.length - ROLES_MAX).toLocaleString()} more: search for them.</p>
              )}
            </>
          );
        }}
      </Shown>
    </Panel>
  );
}

/** Whom a trust policy trusts, in short. */
export function trusted(trust: string): string {
  try {
    const { Statement } = JSON.parse(trust) as { Statement: unknown };
    const names = [Statement].flat().flatMap((statement) => {
      const principal = (statement as { Principal?: unknown }).Principal;
      return typeof principal === 'string' ? [principal] : Object.values(principal ?? {}).flat();
    });
    return [...new Set(names)].join(', ');
  } catch {
    return '';
  }
}

function Policies() {
  const [search, setSearch] = useState('');
  const policies = useQuery('policies', () => listPolicies(), { on });
  return (
    <Panel title="Policies">
      <TextField label="Search by name" type="search" value={search} onChange={setSearch} />
      <Shown query={policies}>
        {(all) => {
          const found = all.filter((policy) => policy.name.toLowerCase().includes(search.trim().toLowerCase()));
          return (
            <>
              <Table label="Policies" head={['Name', 'From']} empty={<p>No name contains this.</p>}>
                {found.slice(0, SHOWN).map((policy) => (
                  <tr key={policy.arn}>
                    <th scope="row">
                      <Link to={to('iam', 'policies', policy.arn)}>{policy.name}</Link>
                    </th>
                    <td>{policy.arn.includes('::aws:') ? 'AWS' : 'this account'}</td>
                  </tr>
                ))}
              </Table>
              {found.length > SHOWN && (
                <p className="quiet">and {(found.length - SHOWN).toLocaleString()} more: search for them.</p>
              )}
            </>
          );
        }}
      </Shown>
    </Panel>
  );
}

export function Policy({ arn }: { arn: string }) {
  const policy = useQuery(`policy ${arn}`, () => policyDocument(arn), { on });
  return (
    <>
      <PageHead
        title={arn.split('/').pop()!}
        crumbs={[
          ['IAM', '/iam'],
          ['Policies', '/iam?tab=policies'],
        ]}
      />
      <Shown query={policy}>
        {({ document, version }) => (
          <>
            <Facts
              of={[
                ['ARN', <Arn key="arn" arn={arn} />],
                ['Version', version],
              ]}
            />
            <Code text={document} label="Policy" />
          </>
        )}
      </Shown>
    </>
  );
}
