// A line chart: a few series over a count or time, as plain SVG.

import { useId } from 'react';

export interface Series {
  name: string;
  points: [number, number][];
}

const WIDTH = 560;
const HEIGHT = 180;
const LEFT = 52;
const BOTTOM = 22;
/** So many points are seen one by one. */
const FEW = 20;
const COLOURS = ['var(--series-1)', 'var(--series-2)', 'var(--series-3)', 'var(--series-4)'];

export function Chart({
  title,
  series,
  x = (value) => String(Math.round(value)),
  from,
  span,
}: {
  title: string;
  series: Series[];
  x?: (value: number) => string;
  /** Where the other axis begins; at the least value unless it says otherwise. */
  from?: number;
  /** From where to where the one axis goes; as far as there are points unless it says otherwise. */
  span?: [number, number];
}) {
  const id = useId();
  const all = series.flatMap((one) => one.points);
  if (all.length === 0) return null;
  const [minX, maxX] = span ?? extent(all.map((point) => point[0]));
  const [leastY, maxY] = extent(all.map((point) => point[1]));
  const minY = Math.min(from ?? leastY, leastY);
  const across = (value: number) => LEFT + ((value - minX) / (maxX - minX || 1)) * (WIDTH - LEFT - 8);
  const down = (value: number) => 8 + (1 - (value - minY) / (maxY - minY || 1)) * (HEIGHT - BOTTOM - 16);
  const told = series
    .map(({ name, points }) => `${name}: ${round(points[0]![1])} to ${round(points[points.length - 1]![1])}`)
    .join('; ');
  return (
    <figure className="chart">
      <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} role="img" aria-labelledby={id}>
        <title id={id}>{`${title}. ${told}`}</title>
        {[minY, (minY + maxY) / 2, maxY].map((value) => (
          <g key={value}>
            <line className="grid" x1={LEFT} x2={WIDTH - 8} y1={down(value)} y2={down(value)} />
            <text x={LEFT - 6} y={down(value) + 4} textAnchor="end">
              {round(value)}
            </text>
          </g>
        ))}
        {[minX, maxX].map((value, index) => (
          <text key={index} x={across(value)} y={HEIGHT - 6} textAnchor={index === 0 ? 'start' : 'end'}>
            {x(value)}
          </text>
        ))}
        {series.map(({ name, points }, index) => (
          <g key={name} stroke={COLOURS[index % COLOURS.length]}>
            <polyline
              fill="none"
              strokeWidth={1.8}
              strokeDasharray={index % 2 === 1 ? '5 3' : undefined}
              points={points.map(([a, b]) => `${across(a).toFixed(1)},${down(b).toFixed(1)}`).join(' ')}
            />
            {points.length <= FEW &&
              points.map(([a, b]) => (
                <circle
                  key={a}
                  cx={across(a)}
                  cy={down(b)}
                  r={2.5}
                  fill={COLOURS[index % COLOURS.length]}
                  stroke="none"
                />
              ))}
          </g>
        ))}
      </svg>
      <figcaption>
        {series.map(({ name }, index) => (
          <span key={name}>
            <svg width="18" height="8" aria-hidden="true">
              <line
                x1="0"
                x2="18"
                y1="4"
                y2="4"
                stroke={COLOURS[index % COLOURS.length]}
                strokeWidth={2}
                strokeDasharray={index % 2 === 1 ? '5 3' : undefined}
              />
            </svg>{' '}
            {name}
          </span>
        ))}
      </figcaption>
    </figure>
  );
}

function extent(values: number[]): [number, number] {
  let [min, max] = [Infinity, -Infinity];
  for (const value of values) {
    if (value < min) min = value;
    if (value > max) max = value;
  }
  return [min, max];
}

function round(value: number): string {
  return Number(value.toPrecision(4)).toLocaleString();
}
