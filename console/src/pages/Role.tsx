// One role: whom it trusts, what it may do; attach a policy by search, write one as JSON.

import { Suspense, lazy, useMemo, useState } from 'react';

import { query } from '../api/call';
import { useQuery } from '../api/query';
import { Link, go, to } from '../router';
import { pretty } from '../ui/format';
import {
  Arn,
  Code,
  Dialog,
  Facts,
  PageHead,
  Panel,
  Problem,
  Shown,
  Table,
  TextField,
  useAction,
  useAnnounce,
} from '../ui/parts';
import { trusted } from './Iam';
import { attachedPolicies, getRole, inlinePolicies, inlinePolicy, listPolicies } from '../api/iam';

const PolicyEditor = lazy(() => import('./PolicyEditor'));

const on = (change: { service: string }) => change.service === 'iam';

const FIRST = `{
  "Version": "2012-10-17",
  "Statement": [
    {
      "Effect": "Allow",
      "Action": ["sagemaker:CreateTrainingJob"],
      "Resource": "*"
    }
  ]
}
`;

export function Role({ name }: { name: string }) {
  const announce = useAnnounce();
  const [dialog, setDialog] = useState<'attach' | 'delete' | { inline: string; text: string } | null>(null);
  const { error, run } = useAction();
  const role = useQuery(`role ${name}`, () => getRole(name), { on });
  const attached = useQuery(`attached ${name}`, () => attachedPolicies(name), { on });
  const inline = useQuery(`inline ${name}`, () => inlinePolicies(name), { on });

  const detach = (arn: string) =>
    run(async () => {
      await query('iam', 'DetachRolePolicy', { RoleName: name, PolicyArn: arn });
      attached.reload();
    });
  const removeInline = (policy: string) =>
    run(async () => {
      await query('iam', 'DeleteRolePolicy', { RoleName: name, PolicyName: policy });
      inline.reload();
    });

  return (
    <>
      <PageHead title={name} crumbs={[['IAM', '/iam']]}>
        <button type="button" onClick={() => setDialog('delete')}>
          Delete
        </button>
      </PageHead>
      {error && <Problem error={error} />}
      <Shown query={role}>
        {(role) => (
          <>
            <Facts
              of={[
                ['ARN', <Arn key="arn" arn={role.arn} />],
                ['Trusts', trusted(role.trust)],
                ['Description', role.description],
              ]}
            />
            <Panel
              title="Attached policies"
              actions={
                <button type="button" onClick={() => setDialog('attach')}>
                  Attach policy
                </button>
              }
            >
              <Shown query={attached}>
                {(policies) => (
                  <Table label="Attached policies" head={['Policy', '']} empty={<p>None is attached.</p>}>
                    {policies.map((policy) => (
                      <tr key={policy.arn}>
                        <th scope="row">
                          <Link to={to('iam', 'policies', policy.arn)}>{policy.name}</Link>
                        </th>
                        <td>
                          <button
                            type="button"
                            className="small"
                            aria-label={`Detach ${policy.name}`}
                            onClick={() => void detach(policy.arn)}
                          >
                            Detach
                          </button>
                        </td>
                      </tr>
                    ))}
                  </Table>
                )}
              </Shown>
            </Panel>
            <Panel
              title="Inline policies"
              actions={
                <button type="button" onClick={() => setDialog({ inline: '', text: FIRST })}>
                  Add inline policy
                </button>
              }
            >
              <Shown query={inline}>
                {(names) => (
                  <Table label="Inline policies" head={['Policy', '']} empty={<p>None.</p>}>
                    {names.map((policy) => (
                      <tr key={policy}>
                        <th scope="row">
                          <button
                            type="button"
                            className="link"
                            onClick={() =>
                              void run(async () => {
                                const text = await inlinePolicy(name, policy);
                                setDialog({ inline: policy, text: pretty(text) });
                              })
                            }
                          >
                            {policy}
                          </button>
                        </th>
                        <td>
                          <button
                            type="button"
                            className="small"
                            aria-label={`Delete ${policy}`}
                            onClick={() => void removeInline(policy)}
                          >
                            Delete
                          </button>
                        </td>
                      </tr>
                    ))}
                  </Table>
                )}
              </Shown>
            </Panel>
            <Code text={role.trust} label="Trust policy" />
          </>
        )}
      </Shown>
      {dialog === 'attach' && (
        <Attach
          role={name}
          taken={attached.data?.map((policy) => policy.arn) ?? []}
          onClose={() => {
            setDialog(null);
            attached.reload();
          }}
        />
      )}
      {typeof dialog === 'object' && dialog !== null && (
        <Inline
          role={name}
          given={dialog}
          onClose={() => {
            setDialog(null);
            inline.reload();
          }}
        />
      )}
      {dialog === 'delete' && (
        <Dialog
          title={`Delete ${name}?`}
          submit="Delete"
          danger
          onClose={() => setDialog(null)}
          onSubmit={async () => {
            for (const policy of attached.data ?? []) {
              await query('iam', 'DetachRolePolicy', { RoleName: name, PolicyArn: policy.arn });
            }
            for (const policy of inline.data ?? []) {
              await query('iam', 'DeleteRolePolicy', { RoleName: name, PolicyName: policy });
            }
            await query('iam', 'DeleteRole', { RoleName: name });
            announce(`${name} is deleted.`);
            go('/iam');
          }}
        >
          <p>Its inline policies go with it. State machines that act with it may do nothing any more.</p>
        </Dialog>
      )}
    </>
  );
}

function Attach({ role, taken, onClose }: { role: string; taken: string[]; onClose: () => void }) {
  const [search, setSearch] = useState('');
  const [chosen, setChosen] = useState<string[]>([]);
  const policies = useQuery('all policies', () => listPolicies());
  const found = useMemo(() => {
    const words = search
      .toLowerCase()
      .split(/\s+/)
      .filter((word) => word !== '');
    const fits = (name: string) => words.every((word) => name.toLowerCase().includes(word));
    return (policies.data ?? []).filter((policy) => !taken.includes(policy.arn) && fits(policy.name));
  }, [policies.data, search, taken]);
  return (
    <Dialog
      title={`Attach policies to ${role}`}
      submit={chosen.length > 1 ? `Attach ${chosen.length} policies` : 'Attach'}
      onClose={onClose}
      onSubmit={async () => {
        if (chosen.length === 0) throw new Error('Choose a policy first.');
        for (const arn of chosen) await query('iam', 'AttachRolePolicy', { RoleName: role, PolicyArn: arn });
      }}
    >
      <TextField
        label="Search policies"
        type="search"
        value={search}
        onChange={setSearch}
        placeholder="AmazonSageMakerFullAccess"
      />
      <Shown query={policies}>
        {() => (
          <fieldset className="choices">
            <legend className="quiet">{found.length} found</legend>
            {found.slice(0, 12).map((policy) => (
              <label key={policy.arn} className="choice">
                <input
                  type="checkbox"
                  checked={chosen.includes(policy.arn)}
                  onChange={(event) =>
                    setChosen(
                      event.target.checked ? [...chosen, policy.arn] : chosen.filter((arn) => arn !== policy.arn),
                    )
                  }
                />{' '}
                {policy.name}
              </label>
            ))}
          </fieldset>
        )}
      </Shown>
    </Dialog>
  );
}

function Inline({
  role,
  given,
  onClose,
}: {
  role: string;
  given: { inline: string; text: string };
  onClose: () => void;
}) {
  const [name, setName] = useState(given.inline);
  const [text, setText] = useState(given.text);
  return (
    <Dialog
      title={given.inline ? `Edit ${given.inline}` : 'Add inline policy'}
      submit="Save"
      onClose={onClose}
      onSubmit={async () => {
        await query('iam', 'PutRolePolicy', { RoleName: role, PolicyName: name.trim(), PolicyDocument: text });
      }}
    >
      {!given.inline && <TextField label="Policy name" value={name} onChange={setName} required />}
      <Suspense fallback={<p className="quiet">Loading…</p>}>
        <PolicyEditor text={text} onChange={setText} />
      </Suspense>
    </Dialog>
  );
}
