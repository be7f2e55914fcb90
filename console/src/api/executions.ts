// A list of executions, the latest first: fetched as far back as somebody looks, and kept true from then on.

import { ApiError, call } from './call';
import type { Change } from './changes';
import type { ExecutionItem } from './types';

/** So many are fetched at once where they are only shown … */
const SHOWN_PAGE = 100;
/** … and where one is looked for. */
const SEARCHED_PAGE = 1000;
/** So many that changed are asked for one by one; if there are more the list is fetched again. */
const TOLD_MAX = 100;
/** So many pages of new ones are put before the known ones; if there are more the list is fetched again. */
const NEW_PAGES_MAX = 5;

/** What is known of a list. */
export interface Known {
  items: ExecutionItem[];
  /** Whether there are older ones. */
  more: boolean;
}

/** Of a state machine, or the children of a Map run. */
export type Owner = { stateMachineArn: string } | { mapRunArn: string };

/** Whoever looks for something fits it to each; the list goes back until it has `enough` of them. */
export interface Wanted {
  enough: number;
  fits?: ((item: ExecutionItem) => boolean) | undefined;
  /** Older ones, by the second they began, are not looked at. */
  since?: number | undefined;
}

interface Page {
  executions: ExecutionItem[];
  nextToken?: string;
}

export class ExecutionList {
  private items: ExecutionItem[] = [];
  private token: string | undefined;
  private begun = false;
  /** What was told to have changed, with the number of the telling. */
  private told = new Map<string, number>();
  private tellings = 0;

  /** What the ARN of each begins with. */
  private readonly prefix: string;

  constructor(
    private readonly owner: Owner,
    private readonly status: string,
  ) {
    this.prefix =
      'mapRunArn' in owner
        ? owner.mapRunArn.replace(':mapRun:', ':execution:').replace(/[^:]*$/, '')
        : `${owner.stateMachineArn.replace(':stateMachine:', ':execution:')}:`;
  }

  /** Something has changed that the list may have. */
  note(changes: Change[] | 'everything'): void {
    if (changes === 'everything') this.begun = false;
    else for (const { arn } of changes) if (arn?.startsWith(this.prefix)) this.told.set(arn, ++this.tellings);
  }

  /** Looks at what is new and has changed, then further back; `onPage` sees what there is after each page. */
  async look(wanted: Wanted, signal: AbortSignal, onPage: (known: Known) => void): Promise<Known> {
    const { enough, fits = () => true, since = 0 } = wanted;
    const size = wanted.fits ? SEARCHED_PAGE : SHOWN_PAGE;
    if (this.begun) await this.renew(size, signal);
    let found = this.items.filter(fits).length;
    while (
      !this.begun ||
      (found < enough && this.token !== undefined && (this.items.at(-1)?.startDate ?? 0) >= since)
    ) {
      if (!this.begun) {
        this.items = [];
        this.told.clear();
        found = 0;
      }
      const { executions, nextToken } = await this.page(size, this.begun ? this.token : undefined, signal);
      this.begun = true;
      this.items = [...this.items, ...executions];
      this.token = nextToken;
      found += executions.filter(fits).length;
      onPage(this.known());
    }
    return this.known();
  }

  private known(): Known {
    return { items: this.items, more: this.token !== undefined };
  }

  private async page(maxResults: number, nextToken: string | undefined, signal: AbortSignal): Promise<Page> {
    const filter = this.status ? { statusFilter: this.status } : {};
    const page = await call<Page>(
      'states',
      'ListExecutions',
      { ...this.owner, ...filter, maxResults, nextToken },
      signal,
    );
    signal.throwIfAborted();
    return page;
  }

  /** Puts new ones before the known ones, and looks again at those further back that have changed. */
  private async renew(size: number, signal: AbortSignal): Promise<void> {
    const told = new Map(this.told);
    const places = new Map(this.items.map((item, index) => [item.executionArn, index]));
    const head: ExecutionItem[] = [];
    let meets: number | undefined;
    let token: string | undefined;
    for (let count = 0; meets === undefined; count++) {
      if (count === NEW_PAGES_MAX) return this.forget();
      const page = await this.page(size, token, signal);
      head.push(...page.executions);
      token = page.nextToken;
      const last = page.executions.at(-1);
      meets = token === undefined ? this.items.length : last && places.get(last.executionArn);
    }
    const seen = new Set(head.map((item) => item.executionArn));
    // What is older than the oldest known is for later; without a filter the others are known.
    const behind =
      token === undefined
        ? []
        : [...told.keys()].filter((arn) => !seen.has(arn) && (places.has(arn) || this.status !== ''));
    if (behind.length > TOLD_MAX) return this.forget();
    let items = [...head, ...this.items.slice(meets + 1)];
    const oldest = items.at(-1)?.startDate ?? 0;
    for (const arn of behind) {
      const before = this.items[places.get(arn) ?? -1];
      const now = await this.described(arn, signal);
      items = items.filter((item) => item.executionArn !== arn);
      if (now === undefined || (this.status !== '' && now.status !== this.status) || now.startDate < oldest) continue;
      const at = items.findIndex((item) => item.startDate < now.startDate);
      items.splice(at < 0 ? items.length : at, 0, { ...before, ...now });
    }
    this.items = items;
    if (token === undefined) this.token = undefined;
    for (const [arn, telling] of told) if (this.told.get(arn) === telling) this.told.delete(arn);
  }

  private forget(): void {
    this.begun = false;
  }

  private async described(executionArn: string, signal: AbortSignal): Promise<ExecutionItem | undefined> {
    const asked = { executionArn, includedData: 'METADATA_ONLY' };
    try {
      const found = await call<ExecutionItem>('states', 'DescribeExecution', asked, signal);
      signal.throwIfAborted();
      // Two runs of one Map have children of one prefix.
      return 'mapRunArn' in this.owner && found.mapRunArn !== this.owner.mapRunArn ? undefined : found;
    } catch (error) {
      if (error instanceof ApiError && error.code === 'ExecutionDoesNotExist') return undefined;
      throw error;
    }
  }
}
