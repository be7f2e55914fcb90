// Back from the identity provider.

import { useEffect, useState } from 'react';

import { comeBack } from '../api/oidc';
import { Link, go, useLocation } from '../router';
import { PageHead } from '../ui/parts';

/** One code is exchanged once, however often the page is drawn. */
let under: Promise<string> | undefined;

export function SignedIn() {
  const { query } = useLocation();
  const [problem, setProblem] = useState<Error>();
  useEffect(() => {
    under ??= comeBack(query);
    under
      .then((from) => go(from, { replace: true }))
      .catch(setProblem)
      .finally(() => {
        under = undefined;
      });
  }, []);
  if (problem === undefined) return <p className="quiet">Signing in…</p>;
  return (
    <>
      <PageHead title="You are not signed in" />
      <p role="alert">{problem.message}</p>
      <p>
        <Link to="/">Home</Link>
      </p>
    </>
  );
}
