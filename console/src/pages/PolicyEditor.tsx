// A policy as JSON, with what is wrong at its line.

import { useMemo, useRef } from 'react';

import JsonEditor, { type Handle, type Mark } from '../editor/JsonEditor';
import { checkPolicy } from '../editor/policy';

export default function PolicyEditor({ text, onChange }: { text: string; onChange: (text: string) => void }) {
  const editor = useRef<Handle>(null);
  const remarks = useMemo(() => checkPolicy(text), [text]);
  const marks = useMemo<Mark[]>(
    () => remarks.map(({ place, message }) => ({ from: place.from, to: place.to, severity: 'error', message })),
    [remarks],
  );
  return (
    <>
      <JsonEditor value={text} onChange={onChange} marks={marks} label="Policy" handle={editor} />
      <ul className="diagnostics" aria-live="polite">
        {remarks.map(({ place, message }, index) => (
          <li key={index} className="ERROR">
            <button type="button" className="link" onClick={() => editor.current?.goTo(place.from)}>
              Line {place.line}
            </button>{' '}
            {message}
          </li>
        ))}
      </ul>
    </>
  );
}
