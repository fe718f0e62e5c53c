/**
 * What a network and a server have in store for the requests of one machine, drawn from a seed, and how much of it really
 * hit. Faults are dealt like cards, so that a short run meets every kind.
 */

import type { Fault, FaultyProxy, Seen, Stage } from './proxy.js';
import type { Random } from './random.js';

/** What a request to a store of a repository is about. */
export type Errand = 'slot' | 'table' | 'manifest' | 'head' | 'list' | 'delete' | 'get' | 'other';

/** Of a hundred requests, as many of each; the rest pass. */
export interface Forecast {
  readonly cards: Readonly<Record<Kind, number>>;
  readonly latencyMsMax: number;
  readonly lateMsMax: number;
}

export type Kind = 'lost' | 'torn' | 'unheard' | 'cut' | 'silence' | 'busy' | 'conflict' | 'late';

export const CALM: Forecast = {
  cards: { lost: 0, torn: 0, unheard: 0, cut: 0, silence: 0, busy: 0, conflict: 0, late: 0 },
  latencyMsMax: 0,
  lateMsMax: 0,
};

/** What has hit, for the figures of a proof. */
export function noHits() {
  return {
    'requests lost on their way': 0,
    'puts that broke off half-way': 0,
    'answers lost of puts that were applied': 0,
    'other answers lost': 0,
    'answers that broke off half-way': 0,
    'requests never answered': 0,
    'answers 503': 0,
    'answers 409': 0,
    'puts that landed after their connection was cut': 0,
    'puts that came too late to land': 0,
    'requests held up': 0,
    partitions: 0,
    'requests cut off by a partition': 0,
  };
}

const CARDS = 100;

export class Weather {
  readonly hits: ReturnType<typeof noHits>;
  /** Told of every request that is under way. */
  onStage: (stage: Stage, errand: Errand, request: Seen) => void = () => {};
  forecast = CALM;
  /** Whether the machine is dead: what is done to its last requests hits nobody, but for puts that land later. */
  isDead = false;
  readonly #proxy: FaultyProxy;
  readonly #random: Random;
  #cards: (Kind | 'pass')[] = [];
  #partition: 'cut-before' | 'hang' | undefined;
  readonly #underWay = new Set<Seen>();
  /** Cut off by a partition. */
  readonly #parted = new WeakSet<Seen>();
  #requests = 0;
  #awaited: { requests: number; resolve: () => void }[] = [];

  constructor(proxy: FaultyProxy, random: Random, hits = noHits()) {
    this.#proxy = proxy;
    this.#random = random;
    this.hits = hits;
    proxy.faults = (request) => this.#fault(request);
    proxy.latencyMs = () => this.#latency();
    proxy.watch = (stage, request, fault, status) => this.#watch(stage, request, fault, status);
  }

  get url(): string {
    return this.#proxy.url;
  }

  /** Resolves when so many requests have come from now on. */
  requests(count: number): Promise<void> {
    return new Promise((resolve) => this.#awaited.push({ requests: this.#requests + count, resolve }));
  }

  /** From now on nothing gets through: connections are cut, or nothing is heard on them. */
  part(kind: 'cut' | 'silence'): void {
    this.hits.partitions += 1;
    this.#partition = kind === 'cut' ? 'cut-before' : 'hang';
    for (const request of this.#underWay) this.#parted.add(request);
    this.#proxy.cut();
  }

  /** Ends a partition. Connections on which nothing was heard are cut. */
  heal(): void {
    if (this.#partition === undefined) return;
    this.#partition = undefined;
    this.#proxy.cut();
  }

  /** Resolves when every request has come to its end, also those that are late. */
  async close(): Promise<void> {
    this.heal();
    await this.#proxy.settled();
    this.#proxy.close();
  }

  #fault(request: Seen): Fault {
    if (this.#partition !== undefined) {
      this.#parted.add(request);
      return this.#partition;
    }
    const kind = this.#draw(request);
    switch (kind) {
      case 'lost':
        return 'cut-before';
      case 'torn':
        return 'cut-body';
      case 'unheard':
        return 'cut-after';
      case 'cut':
        return 'cut-within';
      case 'silence':
        return 'hang';
      case 'busy':
        return { status: 503, code: 'SlowDown' };
      case 'conflict':
        return { status: 409, code: 'ConditionalRequestConflict' };
      case 'late':
        return { lateMs: 1 + this.#random(this.forecast.lateMsMax) };
      case 'pass':
        return 'pass';
    }
  }

  /** The first card that can hit this request; those before it wait for one that they can. */
  #draw(request: Seen): Kind | 'pass' {
    if (this.#cards.length === 0) this.#shuffle();
    const at = this.#cards.findIndex((kind) => applies(kind, request));
    return at < 0 ? 'pass' : (this.#cards.splice(at, 1)[0] as Kind | 'pass');
  }

  #shuffle(): void {
    const kinds = Object.entries(this.forecast.cards).flatMap(([kind, count]) => Array(count).fill(kind as Kind));
    const cards = [...kinds, ...Array(Math.max(1, CARDS - kinds.length)).fill('pass')];
    for (let at = cards.length - 1; at > 0; at--) {
      const other = this.#random(at + 1);
      [cards[at], cards[other]] = [cards[other], cards[at]];
    }
    this.#cards = cards;
  }

  #latency(): number {
    const { latencyMsMax } = this.forecast;
    if (latencyMsMax === 0) return 0;
    this.hits['requests held up'] += 1;
    return 1 + this.#random(latencyMsMax);
  }

  #watch(stage: Stage, request: Seen, fault: Fault, status: number | undefined): void {
    if (stage === 'begun') {
      this.#requests += 1;
      this.#underWay.add(request);
      for (const { resolve } of this.#awaited.filter(({ requests }) => requests <= this.#requests)) resolve();
      this.#awaited = this.#awaited.filter(({ requests }) => requests > this.#requests);
    }
    if (stage === 'ended') {
      this.#underWay.delete(request);
      this.#count(request, fault, status);
    }
    this.onStage(stage, errandOf(request), request);
  }

  #count(request: Seen, fault: Fault, status = 0): void {
    const landed = request.method === 'PUT' && status === 200;
    if (this.isDead && !(typeof fault === 'object' && 'lateMs' in fault)) return;
    if (this.#parted.has(request)) this.hits['requests cut off by a partition'] += 1;
    else if (typeof fault === 'object' && 'lateMs' in fault) {
      this.hits[landed ? 'puts that landed after their connection was cut' : 'puts that came too late to land'] += 1;
    } else if (typeof fault === 'object') this.hits[fault.status === 409 ? 'answers 409' : 'answers 503'] += 1;
    else if (fault === 'cut-before') this.hits['requests lost on their way'] += 1;
    else if (fault === 'cut-body') this.hits['puts that broke off half-way'] += 1;
    else if (fault === 'cut-after')
      this.hits[landed ? 'answers lost of puts that were applied' : 'other answers lost'] += 1;
    else if (fault === 'cut-within' && status === 200) this.hits['answers that broke off half-way'] += 1;
    else if (fault === 'hang') this.hits['requests never answered'] += 1;
  }
}

/** A put that is late, or of which half gets there, is what makes a difference; so is half of what was to be read. */
function applies(kind: Kind | 'pass', { method, path }: Seen): boolean {
  if (kind === 'torn' || kind === 'late' || kind === 'conflict') return method === 'PUT';
  return kind !== 'cut' || (method === 'GET' && !path.includes('list-type='));
}

export function errandOf({ method, path }: Seen): Errand {
  if (method === 'POST' && path.includes('delete')) return 'delete';
  if (path.includes('list-type=')) return 'list';
  if (method === 'GET') return 'get';
  if (method !== 'PUT') return 'other';
  if (path.includes('/heads/')) return 'head';
  const kinds: [string, Errand][] = [
    ['/wal/', 'slot'],
    ['/tables/', 'table'],
    ['/manifests/', 'manifest'],
  ];
  return kinds.find(([part]) => path.includes(part))?.[1] ?? 'other';
}
