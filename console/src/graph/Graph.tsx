// The server's picture of a definition or an execution, drawn: pan, zoom, choose a state.

import {
  type KeyboardEvent,
  type PointerEvent,
  memo,
  useCallback,
  useEffect,
  useId,
  useMemo,
  useRef,
  useState,
} from 'react';

import type { NodeStatus, Picture, PictureEdge, PictureNode } from '../api/types';
import { count, duration } from '../ui/format';
import { useNow } from '../ui/parts';

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

/** Of a picture with more states only those in sight, and around it, are in the page. */
const WHOLE_MAX = 300;

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

  const shown = useShown(picture, now, size);
  const states = useMemo(() => picture.nodes.filter((node) => node.type !== 'Start' && node.type !== 'End'), [picture]);
  // The tab key comes to the chosen state, or to the first that there is to see.
  const inSight = shown.nodes.filter((node) => node.type !== 'Start' && node.type !== 'End');
  const focusable = inSight.some((node) => node.id === selected) ? selected : inSight[0]?.id;

  const [wanted, setWanted] = useState<string>();
  useEffect(() => {
    if (wanted === undefined) return;
    box.current!.querySelector<SVGGElement>(`[data-node="${CSS.escape(wanted)}"]`)?.focus({ preventScroll: true });
    setWanted(undefined);
  }, [wanted]);
  const act = useRef<(event: KeyboardEvent | null, node: PictureNode) => void>(() => {});
  act.current = (event, node) => {
    if (event === null) {
      if (!moved.current) onSelect?.(node);
      return;
    }
    const at = states.indexOf(node);
    const step = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 }[event.key];
    if (event.key === 'Enter' || event.key === ' ') {
      event.preventDefault();
      onSelect?.(node);
    } else if (step !== undefined && states[at + step]) {
      event.preventDefault();
      const next = states[at + step]!;
      setView(broughtIn(next, now, size) ?? view);
      setWanted(next.id);
    }
  };
  const onAct = useCallback((event: KeyboardEvent | null, node: PictureNode) => act.current(event, node), []);

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
            <Drawn
              shown={shown}
              arrow={arrow}
              live={live}
              selected={selected}
              focusable={focusable}
              pressable={onSelect !== undefined}
              onAct={onAct}
            />
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

/** What is drawn of a picture; nothing of it changes while it is only moved. */
const Drawn = memo(function Drawn({
  shown,
  arrow,
  live,
  selected,
  focusable,
  pressable,
  onAct,
}: {
  shown: { nodes: PictureNode[]; edges: PictureEdge[] };
  arrow: string;
  live: boolean;
  selected: string | undefined;
  focusable: string | undefined;
  pressable: boolean;
  onAct: (event: KeyboardEvent | null, node: PictureNode) => void;
}) {
  return (
    <>
      {shown.nodes
        .filter((node) => node.container)
        .map((node) => (
          <Frame key={node.id} node={node} live={live} />
        ))}
      {shown.edges.map((edge) => (
        <Edge key={edge.id} edge={edge} arrow={arrow} />
      ))}
      {shown.edges.map((edge) => (
        <Label key={edge.id} edge={edge} />
      ))}
      {shown.nodes.map((node) =>
        node.type === 'Start' || node.type === 'End' ? (
          <Dot key={node.id} node={node} />
        ) : (
          <State
            key={node.id}
            node={node}
            live={live}
            selected={node.id === selected}
            tabbable={node.id === focusable}
            pressable={pressable}
            onAct={onAct}
          />
        ),
      )}
    </>
  );
});

interface Box {
  left: number;
  top: number;
  right: number;
  bottom: number;
}

/** The part of a great picture that is in sight, and as much again on every side of it. */
function useShown(
  picture: Picture,
  view: View,
  size: { width: number; height: number },
): { nodes: PictureNode[]; edges: PictureEdge[] } {
  const great = picture.nodes.length > WHOLE_MAX;
  const extents = useMemo(() => (great ? picture.edges.map((edge) => extentOf(edge.points)) : []), [picture, great]);
  const across = Math.max(1, size.width / view.scale);
  const down = Math.max(1, size.height / view.scale);
  // In steps: what is shown stays the same while the picture is moved a little.
  const column = great ? Math.floor(-view.x / view.scale / across) : 0;
  const row = great ? Math.floor(-view.y / view.scale / down) : 0;
  return useMemo(() => {
    if (!great) return picture;
    const sight = {
      left: (column - 1) * across,
      top: (row - 1) * down,
      right: (column + 3) * across,
      bottom: (row + 3) * down,
    };
    return {
      nodes: picture.nodes.filter(({ x, y, width, height }) =>
        meet(sight, { left: x, top: y, right: x + width, bottom: y + height }),
      ),
      edges: apart(
        picture.edges.filter((_, index) => meet(sight, extents[index]!)),
        sight,
      ),
    };
  }, [picture, great, extents, column, row, across, down]);
}

/**
 * Lines as far as they are in sight (a browser draws every dash of a line, however long it is), and each
 * once: a thousand states may have one handler, and their lines to it share their way.
 */
function apart(edges: PictureEdge[], sight: Box): PictureEdge[] {
  const known = new Map<string, PictureEdge>();
  for (const edge of edges) {
    const points: [number, number][] = [];
    for (const [x, y] of edge.points) {
      const point: [number, number] = [x, Math.min(sight.bottom, Math.max(sight.top, y))];
      const last = points.at(-1);
      // What lies beyond is one point on the rim, or two where the line comes from the side.
      if (last?.[0] !== x || last[1] !== point[1]) points.push(point);
    }
    const look = `${edge.kind} ${edge.taken} ${edge.label ?? ''} ${points.join(' ')}`;
    if (!known.has(look)) known.set(look, { ...edge, points });
  }
  return [...known.values()];
}

function extentOf(points: [number, number][]): Box {
  const box = { left: Infinity, top: Infinity, right: -Infinity, bottom: -Infinity };
  for (const [x, y] of points) {
    box.left = Math.min(box.left, x);
    box.right = Math.max(box.right, x);
    box.top = Math.min(box.top, y);
    box.bottom = Math.max(box.bottom, y);
  }
  return box;
}

function meet(one: Box, other: Box): boolean {
  return one.left <= other.right && other.left <= one.right && one.top <= other.bottom && other.top <= one.bottom;
}

/** The view in which a state is to be seen whole, if in this one it is not. */
function broughtIn(
  { x, y, width, height }: PictureNode,
  view: View,
  size: { width: number; height: number },
): View | undefined {
  const [left, top] = [view.x + x * view.scale, view.y + y * view.scale];
  const inside = (from: number, length: number, room: number) => from >= 0 && from + length <= room;
  if (inside(left, width * view.scale, size.width) && inside(top, Math.min(height, 60) * view.scale, size.height)) {
    return undefined;
  }
  return {
    ...view,
    x: size.width / 2 - (x + width / 2) * view.scale,
    y: size.height / 2 - (y + Math.min(height, 60) / 2) * view.scale,
  };
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
  onAct,
}: {
  node: PictureNode;
  live: boolean;
  selected: boolean;
  tabbable: boolean;
  pressable: boolean;
  /** A key, or none for a click. */
  onAct: (event: KeyboardEvent | null, node: PictureNode) => void;
}) {
  const container = node.container;
  const status = live ? node.status : 'notReached';
  const mark = MARKS[status];
  const room = node.width - (mark ? 44 : 20);
  const left = node.x + (mark ? 32 : 12);
  const now = useNow(status === 'running');
  const detail = live ? detailOf(node, now) : '';
  // A container has one line for its name.
  const lines = container ? [cut(node.name, room, 'name')] : node.lines;
  const rows = [...lines, cut(node.subtitle, room, 'kind'), ...(detail ? [cut(detail, room, 'kind')] : [])];
  // A container's own lines are its head; its states lie below.
  const height = container ? Math.min(node.height, rows.length * LINE + 8) : node.height;
  const first = (height - rows.length * LINE) / 2 + 11;
  // What is seen is what is heard, and then what colour and mark say.
  const heard = [rows.join(' '), live ? WORDS[node.status] : ''].filter((part) => part !== '').join(', ');
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
      onKeyDown={(event) => onAct(event, node)}
      onClick={() => onAct(null, node)}
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
      {rows.map((row, index) => (
        <text key={index} className={index < lines.length ? 'name' : 'kind'} x={left} y={node.y + first + index * LINE}>
          {`${row} `}
        </text>
      ))}
    </g>
  );
}

/** How long the last stay took, retries, and a Map's items or how often it was entered. */
function detailOf({ start, end, status, retries, visits, iterations }: PictureNode, now: number): string {
  const parts: string[] = [];
  const until = end ?? (status === 'running' ? now : undefined);
  if (start !== undefined && until !== undefined) parts.push(duration(Math.max(0, until - start) / 1000));
  if (retries > 0) parts.push(count(retries, 'retry', 'retries'));
  if (iterations) {
    const { succeeded, total, failed, aborted, running } = iterations;
    parts.push(`${succeeded.toLocaleString()} of ${count(total, 'item')}`);
    for (const [n, word] of [
      [failed, 'failed'],
      [aborted, 'aborted'],
      [running, 'running'],
    ] as const) {
      if (n > 0) parts.push(`${n.toLocaleString()} ${word}`);
    }
  } else if (visits > 1) {
    parts.push(count(visits, 'visit'));
  }
  return parts.join(' · ');
}

/** As the sheet of styles has them. */
const LETTERS = { name: '600 13.5px', kind: '11px' };
let pen: CanvasRenderingContext2D | null | undefined;
let family = '';

/** How wide a text is drawn. */
function widthOf(text: string, look: keyof typeof LETTERS): number {
  if (pen === undefined) {
    pen = document.createElement('canvas').getContext('2d');
    family = getComputedStyle(document.body).fontFamily;
  }
  if (!pen) return 0;
  pen.font = `${LETTERS[look]} ${family}`;
  return pen.measureText(text).width;
}

/** As much of a text as there is room for. */
function cut(text: string, room: number, look: keyof typeof LETTERS): string {
  if (widthOf(text, look) <= room) return text;
  let [fits, not] = [1, text.length];
  while (not - fits > 1) {
    const middle = (fits + not) >> 1;
    if (widthOf(`${text.slice(0, middle)}…`, look) <= room) fits = middle;
    else not = middle;
  }
  return `${text.slice(0, fits)}…`;
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
  const wide = widthOf(edge.label, 'kind') + 6;
  return (
    <g className="edge">
      <rect x={edge.labelAt[0] - wide / 2} y={edge.labelAt[1] - 8} width={wide} height={16} />
      <text x={edge.labelAt[0]} y={edge.labelAt[1] + 4} textAnchor="middle">
        {edge.label}
        <title>{edge.text ?? edge.label}</title>
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
