// A list of very many rows of one height: only those in sight are in the document.

import { type ReactNode, useLayoutEffect, useRef, useState } from 'react';

const BEYOND = 10;

export function VirtualList({
  label,
  count,
  rowHeight,
  height,
  row,
  end = 'never',
}: {
  label: string;
  count: number;
  rowHeight: number;
  height: number;
  row: (index: number) => ReactNode;
  /** When the last rows stay in sight though more come: from the first, once somebody has scrolled there, or never. */
  end?: 'first' | 'once there' | 'never';
}) {
  const box = useRef<HTMLDivElement>(null);
  const [top, setTop] = useState(0);
  const atEnd = useRef(end === 'first');
  const first = Math.max(0, Math.floor(top / rowHeight) - BEYOND);
  const last = Math.min(count, Math.ceil((top + height) / rowHeight) + BEYOND);
  useLayoutEffect(() => {
    if (end !== 'never' && atEnd.current) box.current!.scrollTop = box.current!.scrollHeight;
  }, [count, end]);
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
      onScroll={({ currentTarget }) => {
        setTop(currentTarget.scrollTop);
        atEnd.current = currentTarget.scrollTop + currentTarget.clientHeight >= currentTarget.scrollHeight - rowHeight;
      }}
    >
      <div role="rowgroup" className="virtual-space" style={{ height: count * rowHeight }}>
        {rows}
      </div>
    </div>
  );
}
