// The server's picture of a definition or an execution, drawn: pan, zoom, choose a state.

import { type KeyboardEvent, type PointerEvent, useEffect, useId, useMemo, useRef, useState } from 'react';

import type { NodeStatus, Picture, PictureEdge, PictureNode } from '../api/types';

const WORDS: Record<NodeStatus, string> = {
  notReached: 'not reached',
  running: 'running',
  succeeded: 'succeeded',
  failed: 'failed',
  caught: 'caught an error',
  aborted: 'aborted',
  timedOut: 'timed out',
};

const MARKS: Partial<Record<NodeStatus, string>> = {
  running: '▸',
  succeeded: '✓',
  failed: '✕',
  caught: '!',
  aborted: '■',
  timedOut: '⏱',
};

/** From one line of text to the next. */
const LINE = 15;

interface View {
  x: number;
  y: number;
  scale: number;
}

export function Graph({
  picture,
  selected,
  onSelect,
  label,
  live,
}: {
  picture: Picture;
  selected?: string | undefined;
  onSelect?: (node: PictureNode) => void;
  label: string;
  /** Statuses are an execution's. */
  live: boolean;
}) {
  const box = useRef<HTMLDivElement>(null);
  const [view, setView] = useState<View | null>(null);
  const [size, setSize] = useState({ width: 0, height: 0 });
  const moved = useRef(false);
  const arrow = useId();

  useEffect(() => {
    const observer = new ResizeObserver(([entry]) => {
      setSize({ width: entry!.contentRect.width, height: entry!.contentRect.height });
    });
    observer.observe(box.current!);
    return () => observer.disconnect();
  }, []);

  // Whole, and in the middle, until somebody moves it.
  const fitted = useMemo<View>(() => {
    const scale = Math.min(1.2, (size.width - 24) / picture.width, (size.height - 24) / picture.height);
    // A long machine is shown from its start rather than too small to read.
    const legible = Math.max(scale, 0.62);
    return {
      scale: legible,
      x: Math.max(12, (size.width - picture.width * legible) / 2),
      y: legible > scale ? 12 : Math.max(12, (size.height - picture.height * legible) / 2),
    };
  }, [size.width, size.height, picture.width, picture.height]);
  const now = view ?? fitted;

  const zoom = (factor: number, at = { x: size.width / 2, y: size.height / 2 }) => {
    const scale = Math.min(3, Math.max(0.08, now.scale * factor));
    const real = scale / now.scale;
    setView({ scale, x: at.x - (at.x - now.x) * real, y: at.y - (at.y - now.y) * real });
  };

  const drag = (event: PointerEvent<HTMLDivElement>) => {
    if (event.button !== 0 || (event.target as Element).closest('button')) return;
    const from = { x: event.clientX, y: event.clientY, view: now };
    moved.current = false;
    const move = (next: globalThis.PointerEvent) => {
      const [dx, dy] = [next.clientX - from.x, next.clientY - from.y];
      if (Math.abs(dx) + Math.abs(dy) > 4) moved.current = true;
      if (moved.current) setView({ ...from.view, x: from.view.x + dx, y: from.view.y + dy });
    };
    const end = () => {
      window.removeEventListener('pointermove', move);
      window.removeEventListener('pointerup', end);
    };
    window.addEventListener('pointermove', move);
    window.addEventListener('pointerup', end);
  };

  useEffect(() => {
    const element = box.current!;
    const wheel = (event: WheelEvent) => {
      // The page scrolls by the wheel alone.
      if (!event.ctrlKey && !event.metaKey) return;
      event.preventDefault();
      const { left, top } = element.getBoundingClientRect();
      zoom(Math.exp(-event.deltaY / 300), { x: event.clientX - left, y: event.clientY - top });
    };
    element.addEventListener('wheel', wheel, { passive: false });
    return () => element.removeEventListener('wheel', wheel);
  });

  const states = picture.nodes.filter((node) => node.type !== 'Start' && node.type !== 'End');
  const focusable = states.some((node) => node.id === selected) ? selected : states[0]?.id;
  const step = (event: KeyboardEvent, node: PictureNode) => {
    const at = states.indexOf(node);
    const next = { ArrowDown: at + 1, ArrowRight: at + 1, ArrowUp: at - 1, ArrowLeft: at - 1 }[event.key];
    if (event.key === 'Enter' || event.key === ' ') {
      event.preventDefault();
      onSelect?.(node);
    } else if (next !== undefined && states[next]) {
      event.preventDefault();
      const element = box.current!.querySelector<SVGGElement>(`[data-node="${CSS.escape(states[next].id)}"]`);
      element?.focus();
    }
  };

  return (
    <>
      <div className="graph" ref={box} onPointerDown={drag}>
        <svg role="group" aria-label={label} width="100%" height="100%">
          <defs>
            <marker
              id={arrow}
              viewBox="0 0 8 8"
              refX="7"
              refY="4"
              markerWidth="7"
              markerHeight="7"
              orient="auto-start-reverse"
            >
              <path d="M0 0 8 4 0 8z" className="arrow" />
            </marker>
          </defs>
          <g transform={`translate(${now.x} ${now.y}) scale(${now.scale})`}>
            {picture.nodes
              .filter((node) => node.container)
              .map((node) => (
                <Frame key={node.id} node={node} live={live} />
              ))}
            {picture.edges.map((edge) => (
              <Edge key={edge.id} edge={edge} arrow={arrow} />
            ))}
            {picture.edges.map((edge) => (
              <Label key={edge.id} edge={edge} />
            ))}
            {picture.nodes.map((node) =>
              node.type === 'Start' || node.type === 'End' ? (
                <Dot key={node.id} node={node} />
              ) : (
                <State
                  key={node.id}
                  node={node}
                  live={live}
                  selected={node.id === selected}
                  tabbable={node.id === focusable}
                  onKeyDown={(event) => step(event, node)}
                  onClick={() => {
                    if (!moved.current) onSelect?.(node);
                  }}
                  pressable={onSelect !== undefined}
                />
              ),
            )}
          </g>
        </svg>
        <div className="graph-tools">
          <button type="button" className="small" aria-label="Zoom in" onClick={() => zoom(1.25)}>
            +
          </button>
          <button type="button" className="small" aria-label="Zoom out" onClick={() => zoom(0.8)}>
            −
          </button>
          <button type="button" className="small" onClick={() => setView(null)}>
            Fit
          </button>
        </div>
      </div>
      {live && <Legend />}
    </>
  );
}

function Frame({ node, live }: { node: PictureNode; live: boolean }) {
  return (
    <rect
      className={`frame ${live ? node.status : ''}`}
      x={node.x}
      y={node.y}
      width={node.width}
      height={node.height}
      rx={8}
    />
  );
}

function State({
  node,
  live,
  selected,
  tabbable,
  pressable,
  onKeyDown,
  onClick,
}: {
  node: PictureNode;
  live: boolean;
  selected: boolean;
  tabbable: boolean;
  pressable: boolean;
  onKeyDown: (event: KeyboardEvent) => void;
  onClick: () => void;
}) {
  const container = node.container;
  // A container's own line is its head; its states lie below.
  const height = container ? Math.min(node.height, 38) : node.height;
  const status = live ? node.status : 'notReached';
  const mark = MARKS[status];
  const room = node.width - (mark ? 44 : 20);
  const left = node.x + (mark ? 32 : 12);
  // A container has one line for its name, and its kind beside the others below.
  const lines = container ? [cut(node.name, room / 7.8)] : node.lines;
  const first = container ? 16 : (height - lines.length * LINE) / 2 + 6;
  const counted = node.iterations
    ? ` ${node.iterations.succeeded + node.iterations.failed}/${node.iterations.total}`
    : '';
  const kind = cut(`${node.subtitle}${counted}${node.retries > 0 ? ` · ${node.retries}↻` : ''}`, room / 6.2);
  // What is seen is what is heard, and then what colour and mark say.
  const heard = [
    `${lines.join(' ')} ${kind}`,
    live ? WORDS[node.status] : '',
    node.retries > 0 ? `${node.retries} retries` : '',
  ]
    .filter((part) => part !== '')
    .join(', ');
  return (
    <g
      role={pressable ? 'button' : 'img'}
      aria-label={heard}
      aria-pressed={pressable ? selected : undefined}
      tabIndex={tabbable ? 0 : -1}
      className={`node ${status} ${selected ? 'selected' : ''} ${container ? 'container' : ''}`}
      data-node={node.id}
      data-name={node.name}
      data-status={node.status}
      onKeyDown={onKeyDown}
      onClick={onClick}
    >
      <rect x={node.x} y={node.y} width={node.width} height={height} rx={6} />
      {status === 'running' && (
        <rect className="moving" x={node.x} y={node.y} width={node.width} height={height} rx={6} />
      )}
      {mark && (
        <text className="mark" x={node.x + 16} y={node.y + height / 2 + 5} textAnchor="middle" aria-hidden="true">
          {mark}
        </text>
      )}{' '}
      {lines.map((line, index) => (
        <text key={index} className="name" x={left} y={node.y + first + index * LINE}>
          {`${line} `}
        </text>
      ))}
      <text className="kind" x={left} y={node.y + first + lines.length * LINE}>
        {kind}
      </text>
    </g>
  );
}

function cut(text: string, letters: number): string {
  return text.length > letters ? `${text.slice(0, Math.max(3, Math.floor(letters) - 1))}…` : text;
}

function Dot({ node }: { node: PictureNode }) {
  const [x, y] = [node.x + node.width / 2, node.y + node.height / 2];
  const radius = Math.min(node.width, node.height) / 2;
  return (
    <g className="dot" role="img" aria-label={node.name}>
      <circle cx={x} cy={y} r={radius} />
      {node.type === 'End' && <circle className="core" cx={x} cy={y} r={radius * 0.55} />}
    </g>
  );
}

function Edge({ edge, arrow }: { edge: PictureEdge; arrow: string }) {
  return (
    <g className={`edge ${edge.kind} ${edge.taken ? 'taken' : ''}`}>
      <path d={rounded(edge.points)} markerEnd={`url(#${arrow})`} />
    </g>
  );
}

/** A rule's words, over every line. */
function Label({ edge }: { edge: PictureEdge }) {
  if (!edge.label || !edge.labelAt) return null;
  return (
    <g className="edge">
      <text x={edge.labelAt[0]} y={edge.labelAt[1] + 4} textAnchor="middle">
        {cut(edge.label, 44)}
        <title>{edge.label}</title>
      </text>
    </g>
  );
}

/** A line through points with its corners rounded. */
function rounded(points: [number, number][]): string {
  const first = points[0];
  if (!first) return '';
  let path = `M${first[0]} ${first[1]}`;
  for (let i = 1; i < points.length; i++) {
    const [x, y] = points[i]!;
    const before = points[i - 1]!;
    const after = points[i + 1];
    if (!after) {
      path += `L${x} ${y}`;
      continue;
    }
    const cutOf = (other: [number, number]): [number, number] => {
      const length = Math.hypot(other[0] - x, other[1] - y);
      const back = Math.min(10, length / 2) / (length || 1);
      return [x + (other[0] - x) * back, y + (other[1] - y) * back];
    };
    const [from, to] = [cutOf(before), cutOf(after)];
    path += `L${from[0]} ${from[1]}Q${x} ${y} ${to[0]} ${to[1]}`;
  }
  return path;
}

function Legend() {
  const entries: [NodeStatus, string][] = [
    ['succeeded', 'Succeeded'],
    ['failed', 'Failed'],
    ['aborted', 'Aborted'],
    ['running', 'In progress'],
    ['caught', 'Caught error'],
    ['notReached', 'Not reached'],
  ];
  return (
    <ul className="legend" aria-label="Legend">
      {entries.map(([status, word]) => (
        <li key={status}>
          <span className={`swatch ${status}`} aria-hidden="true">
            {MARKS[status]}
          </span>{' '}
          {word}
        </li>
      ))}
    </ul>
  );
}
