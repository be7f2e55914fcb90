// When each state ran: bars over time.

import type { Visit } from '../api/history';
import { duration } from '../ui/format';
import { VirtualList } from '../ui/virtual';

const ROW = 30;

export function Timeline({ stays, now, onChoose }: { stays: Visit[]; now: number; onChoose: (name: string) => void }) {
  if (stays.length === 0) return <p className="quiet">No state was entered yet.</p>;
  const start = stays[0]!.start;
  let end = start + 0.001;
  for (const visit of stays) end = Math.max(end, visit.end ?? now / 1000);
  const across = (time: number) => ((time - start) / (end - start)) * 100;
  return (
    <>
      <div className="timeline-axis" aria-hidden="true">
        {[0, 0.25, 0.5, 0.75, 1].map((part) => (
          <span key={part} style={{ left: `${part * 100}%` }}>
            {duration((end - start) * part)}
          </span>
        ))}
      </div>
      <VirtualList
        label="Timeline"
        count={stays.length}
        rowHeight={ROW}
        height={480}
        row={(index) => {
          const visit = stays[index]!;
          const until = visit.end ?? now / 1000;
          return (
            <>
              <span role="cell" className="timeline-name">
                <button type="button" className="link" onClick={() => onChoose(visit.name)}>
                  {visit.name}
                  {visit.iteration === undefined ? '' : ` #${visit.iteration}`}
                </button>
              </span>
              <span
                role="cell"
                className="timeline-bar"
                aria-label={`${visit.status}, ${duration(until - visit.start)}`}
              >
                <span
                  className={`bar ${visit.status}`}
                  style={{
                    left: `${across(visit.start)}%`,
                    width: `max(3px, ${across(until) - across(visit.start)}%)`,
                  }}
                />
              </span>
              <span role="cell" className="timeline-duration">
                {duration(until - visit.start)}
              </span>
            </>
          );
        }}
      />
    </>
  );
}
