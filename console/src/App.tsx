// The frame around every page: where one can go, who one is, and which page the address means.

import { Suspense, lazy, useEffect, useState, useSyncExternalStore } from 'react';

import { liveness } from './api/changes';
import { type ApiError, onSignInNeeded } from './api/call';
import { type Provider, leave, provider } from './api/oidc';
import { isSignedIn, onSession, region, setRegion, signIn, signOut } from './api/session';
import { HOME, Link, go, ofAws, useLocation } from './router';
import { Announcer, Dialog, PageHead, TextField } from './ui/parts';

function page<P extends object>(
  load: () => Promise<React.ComponentType<P>>,
): React.LazyExoticComponent<React.ComponentType<P>> {
  return lazy(async () => ({ default: await load() }));
}

const Home = page(async () => (await import('./pages/Home')).Home);
const StateMachines = page(async () => (await import('./pages/StateMachines')).StateMachines);
const StateMachine = page(async () => (await import('./pages/StateMachine')).StateMachine);
const Execution = page(async () => (await import('./pages/Execution')).Execution);
const MapRun = page(async () => (await import('./pages/MapRun')).MapRun);
const Editor = page(async () => (await import('./pages/Editor')).Editor);
const TrainingJobs = page(async () => (await import('./pages/TrainingJobs')).TrainingJobs);
const TrainingJob = page(async () => (await import('./pages/TrainingJobs')).TrainingJob);
const Models = page(async () => (await import('./pages/Models')).Models);
const Model = page(async () => (await import('./pages/Models')).Model);
const Endpoints = page(async () => (await import('./pages/Endpoints')).Endpoints);
const Endpoint = page(async () => (await import('./pages/Endpoints')).Endpoint);
const Buckets = page(async () => (await import('./pages/S3')).Buckets);
const Bucket = page(async () => (await import('./pages/S3')).Bucket);
const Logs = page(async () => (await import('./pages/Logs')).Logs);
const LogGroup = page(async () => (await import('./pages/Logs')).LogGroup);
const Iam = page(async () => (await import('./pages/Iam')).Iam);
const Role = page(async () => (await import('./pages/Role')).Role);
const CreateRole = page(async () => (await import('./pages/CreateRole')).CreateRole);
const Policy = page(async () => (await import('./pages/Iam')).Policy);
const SignedIn = page(async () => (await import('./pages/SignedIn')).SignedIn);
const SetUp = page(async () => (await import('./pages/SetUp')).SetUp);

const SECTIONS: [string, [string, string][]][] = [
  ['', [['/', 'Home']]],
  ['Step Functions', [['/state-machines', 'State machines']]],
  [
    'SageMaker',
    [
      ['/training-jobs', 'Training jobs'],
      ['/models', 'Models'],
      ['/endpoints', 'Endpoints'],
    ],
  ],
  [
    'Around them',
    [
      ['/s3', 'S3'],
      ['/logs', 'Logs'],
      ['/iam', 'IAM'],
      ['/set-up', 'Set-up'],
    ],
  ],
];

function Shown({ path }: { path: string }) {
  const parts = path
    .split('/')
    .filter((part) => part !== '')
    .map(decodeURIComponent);
  const [kind, name, more] = parts;
  switch (kind) {
    case undefined:
      return <Home />;
    case 'state-machines':
      if (name === undefined) return <StateMachines />;
      return more === 'edit' ? <Editor key={name} arn={name} /> : <StateMachine key={name} arn={name} />;
    case 'create':
      return <Editor key="new" />;
    case 'executions':
      if (name !== undefined) return <Execution key={name} arn={name} />;
      break;
    case 'map-runs':
      if (name !== undefined) return <MapRun key={name} arn={name} />;
      break;
    case 'training-jobs':
      return name === undefined ? <TrainingJobs /> : <TrainingJob key={name} name={name} />;
    case 'models':
      return name === undefined ? <Models /> : <Model key={name} name={name} />;
    case 'endpoints':
      return name === undefined ? <Endpoints /> : <Endpoint key={name} name={name} />;
    case 's3':
      return name === undefined ? <Buckets /> : <Bucket key={name} bucket={name} />;
    case 'logs':
      return name === undefined ? <Logs /> : <LogGroup key={name} group={name} />;
    case 'iam':
      if (name === 'roles' && more !== undefined) return <Role key={more} name={more} />;
      if (name === 'policies' && more !== undefined) return <Policy key={more} arn={more} />;
      return name === 'create-role' ? <CreateRole /> : <Iam />;
    case 'set-up':
      return <SetUp />;
    case 'signed-in':
      return <SignedIn />;
  }
  return (
    <>
      <PageHead title="There is nothing here" />
      <p>
        No page has this address. <Link to="/">Home</Link>
      </p>
    </>
  );
}

export function App() {
  const { path } = useLocation();
  const [refused, setRefused] = useState<ApiError>();
  const live = useSyncExternalStore(liveness.subscribe, liveness.get);
  useEffect(() => onSignInNeeded(setRefused), []);
  useEffect(() => {
    if (path.startsWith('/aws/')) {
      const wanted = new URLSearchParams(location.search).get('region');
      if (wanted) setRegion(wanted);
      go(ofAws(path.slice('/aws'.length), location.hash), { replace: true });
    }
  }, [path]);
  return (
    <Announcer>
      <a className="skip" href="#main">
        To the content
      </a>
      <header className="top">
        <Link to="/" className="brand">
          <img src={`${HOME}/icon.svg`} alt="" width="24" height="24" /> Stepwell
        </Link>
        <span className={`live ${live}`} role="status">
          <span aria-hidden="true">{live === 'live' ? '●' : '○'}</span> {live === 'live' ? 'Live' : 'Not connected'}
        </span>
        <span className="space" />
        <Region />
        <Look />
        <Who onSignIn={() => setRefused(undefined)} refused={refused} />
      </header>
      <div className="body">
        <nav className="side" aria-label="Pages">
          {SECTIONS.map(([section, links]) => (
            <div key={section}>
              {section && <h2>{section}</h2>}
              <ul>
                {links.map(([to, name]) => (
                  <li key={to}>
                    <Link to={to} aria-current={isAt(path, to) ? 'page' : undefined}>
                      {name}
                    </Link>
                  </li>
                ))}
              </ul>
            </div>
          ))}
        </nav>
        <main id="main" tabIndex={-1}>
          {!path.startsWith('/aws/') && (
            <Suspense fallback={<p className="quiet">Loading…</p>}>
              <Shown path={path} />
            </Suspense>
          )}
        </main>
      </div>
    </Announcer>
  );
}

function isAt(path: string, to: string): boolean {
  if (to === '/') return path === '/';
  if (to === '/state-machines') return /^\/(state-machines|executions|map-runs|create)/.test(path);
  return path.startsWith(to);
}

const REGIONS = [
  'us-east-1',
  'us-east-2',
  'us-west-1',
  'us-west-2',
  'ca-central-1',
  'eu-central-1',
  'eu-west-1',
  'eu-west-2',
  'eu-west-3',
  'eu-north-1',
  'ap-south-1',
  'ap-northeast-1',
  'ap-northeast-2',
  'ap-southeast-1',
  'ap-southeast-2',
  'sa-east-1',
];

function Region() {
  const current = useSyncExternalStore(onSession, region);
  const all = REGIONS.includes(current) ? REGIONS : [current, ...REGIONS];
  return (
    <select aria-label="Region" value={current} onChange={(event) => setRegion(event.target.value)}>
      {all.map((name) => (
        <option key={name}>{name}</option>
      ))}
    </select>
  );
}

/** Light, dark, or as the system has it. */
function Look() {
  const [look, setLook] = useState(() => localStorage.getItem('stepwell.look') ?? 'auto');
  useEffect(() => {
    localStorage.setItem('stepwell.look', look);
    if (look === 'auto') delete document.documentElement.dataset['look'];
    else document.documentElement.dataset['look'] = look;
  }, [look]);
  return (
    <select aria-label="Colours" value={look} onChange={(event) => setLook(event.target.value)}>
      <option value="auto">As the system</option>
      <option value="light">Light</option>
      <option value="dark">Dark</option>
    </select>
  );
}

function Who({ refused, onSignIn }: { refused: ApiError | undefined; onSignIn: () => void }) {
  const signedIn = useSyncExternalStore(onSession, isSignedIn);
  const [open, setOpen] = useState(false);
  const [accessKeyId, setKey] = useState('');
  const [secretAccessKey, setSecret] = useState('');
  const [sessionToken, setToken] = useState('');
  const [other, setOther] = useState<Provider>();
  const [problem, setProblem] = useState<Error>();
  const shown = open || refused !== undefined;
  useEffect(() => {
    if (shown) provider().then(setOther, setProblem);
  }, [shown]);
  return (
    <>
      {signedIn ? (
        <button type="button" onClick={signOut}>
          Sign out
        </button>
      ) : (
        <button type="button" onClick={() => setOpen(true)}>
          Sign in
        </button>
      )}
      {shown && (
        <Dialog
          title="Sign in"
          submit="Sign in"
          onClose={() => {
            setOpen(false);
            onSignIn();
          }}
          onSubmit={() => {
            signIn({
              accessKeyId: accessKeyId.trim(),
              secretAccessKey: secretAccessKey.trim(),
              ...(sessionToken.trim() ? { sessionToken: sessionToken.trim() } : {}),
            });
          }}
        >
          {refused && <p role="alert">{refused.message}</p>}
          {problem && <p role="alert">{problem.message}</p>}
          {other && (
            <p>
              <button type="button" onClick={() => leave(other).catch(setProblem)}>
                Sign in with {other.name}
              </button>
            </p>
          )}
          <p>
            With an access key of this server. It is kept for this tab alone and signs what the page asks; a server that
            does not check takes anybody.
          </p>
          <TextField label="Access key ID" value={accessKeyId} onChange={setKey} required />
          <TextField label="Secret access key" type="password" value={secretAccessKey} onChange={setSecret} required />
          <TextField
            label="Session token"
            type="password"
            value={sessionToken}
            onChange={setToken}
            hint="Of temporary credentials."
          />
        </Dialog>
      )}
    </>
  );
}
