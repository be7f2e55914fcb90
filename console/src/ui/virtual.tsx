// A list of very many rows of one height: only those in sight are in the document.

import { type ReactNode, useLayoutEffect, useRef, useState } from 'react';

const BEYOND = 10;

export function VirtualList({
  label,
  count,
  rowHeight,
  height,
  row,
  onEnd,
}: {
  label: string;
  count: number;
  rowHeight: number;
  height: number;
  row: (index: number) => ReactNode;
  /** Called when the last rows come into sight. */
  onEnd?: () => void;
}) {
  const box = useRef<HTMLDivElement>(null);
  const [top, setTop] = useState(0);
  const first = Math.max(0, Math.floor(top / rowHeight) - BEYOND);
  const last = Math.min(count, Math.ceil((top + height) / rowHeight) + BEYOND);
  useLayoutEffect(() => {
    if (last >= count) onEnd?.();
  }, [last, count, onEnd]);
  const rows = [];
  for (let index = first; index < last; index++) {
    rows.push(
      <div
        key={index}
        role="row"
        aria-rowindex={index + 1}
        className="virtual-row"
        style={{ top: index * rowHeight, height: rowHeight }}
      >
        {row(index)}
      </div>,
    );
  }
  return (
    <div
      ref={box}
      className="virtual"
      role="table"
      aria-label={label}
      aria-rowcount={count}
      tabIndex={0}
      style={{ height: Math.min(height, Math.max(1, count) * rowHeight) }}
      onScroll={(event) => setTop(event.currentTarget.scrollTop)}
    >
      <div role="rowgroup" className="virtual-space" style={{ height: count * rowHeight }}>
        {rows}
      </div>
    </div>
  );
}
