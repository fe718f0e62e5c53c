/**
 * Whether transactions that have read and appended to lists can have run one after the other, by what they have read alone.
 *
 * A list tells the order of its versions: each appends one element that nobody else appends. So of every two transactions that met
 * on a list it is known who came first: the writer of one version before that of the next (ww), the writer of a version
 * before who has read it (wr), who has read a version before the writer of the next (rw); and what a lane did before what it did next
 * (lane). There is an order if and only if these have no cycle. The idea is that of Elle, by Kingsbury and Alvaro.
 *
 * @module
 */

/** A transaction that has committed. Reads are of what others have written. */
export interface Done {
  lane: number;
  reads: { list: number; elements: readonly number[] }[];
  appends: { list: number; element: number }[];
}

type Kind = 'ww' | 'wr' | 'rw' | 'lane';

/** `cycles`: by the kinds of their edges, the shortest that was found through a transaction of each tangle. */
export interface Verdict {
  /** What no order explains, whatever the isolation: lost, doubled, seen in part, never written, or in another order. */
  anomalies: string[];
  cycles: Kind[][];
  edges: number;
}

/** `lists`: what they hold at the end. */
export function check(done: readonly Done[], lists: ReadonlyMap<number, readonly number[]>): Verdict {
  const graph = new Graph(done.length);
  const anomalies = new Set<string>();
  const writers = writersOf(done, anomalies);
  for (const [list, elements] of lists) {
    const versions = elements.map((element) => writers.get(element));
    elements.forEach((element, i) => {
      if (versions[i] === undefined) anomalies.add(`element ${element} of list ${list} was appended by nobody`);
      if (elements.indexOf(element) !== i) anomalies.add(`element ${element} is in list ${list} twice`);
      graph.add(versions[i - 1], versions[i], 'ww');
    });
  }
  done.forEach(({ reads, appends }, reader) => {
    for (const { list, element } of appends) {
      if (!lists.get(list)?.includes(element)) anomalies.add(`element ${element} is lost from list ${list}`);
    }
    for (const { list, elements } of reads) {
      const final = lists.get(list) ?? [];
      if (elements.some((element, i) => element !== final[i])) {
        anomalies.add(`list ${list} was read as it never was: ${elements.join(' ')}`);
        continue;
      }
      const last = writers.get(elements.at(-1) ?? -1);
      const next = writers.get(final[elements.length] ?? -1);
      if (last !== undefined && last === next) anomalies.add(`a transaction on list ${list} was seen in part`);
      graph.add(last, reader, 'wr');
      graph.add(reader, next, 'rw');
    }
  });
  const lanes = new Map<number, number>();
  done.forEach(({ lane }, i) => {
    graph.add(lanes.get(lane), i, 'lane');
    lanes.set(lane, i);
  });
  return { anomalies: [...anomalies], cycles: graph.cycles(), edges: graph.edges };
}

function writersOf(done: readonly Done[], anomalies: Set<string>): Map<number, number> {
  const writers = new Map<number, number>();
  done.forEach(({ appends }, i) => {
    for (const { element } of appends) {
      if (writers.has(element)) anomalies.add(`element ${element} was appended twice`);
      writers.set(element, i);
    }
  });
  return writers;
}

class Graph {
  edges = 0;
  /** To where, and why. */
  readonly #next: Map<number, Kind>[];

  constructor(size: number) {
    this.#next = Array.from({ length: size }, () => new Map());
  }

  add(from: number | undefined, to: number | undefined, kind: Kind): void {
    if (from === undefined || to === undefined || from === to) return;
    const next = this.#next[from] as Map<number, Kind>;
    if (next.has(to)) return;
    next.set(to, kind);
    this.edges++;
  }

  /** One cycle of each tangle: a shortest one through some transaction that no order can place. */
  cycles(): Kind[][] {
    const left = this.#tangled();
    const cycles: Kind[][] = [];
    while (left.size > 0) {
      const [start] = left as unknown as Iterable<number>;
      const found = this.#cycleThrough(start as number, left);
      if (found !== undefined) cycles.push(found.kinds);
      for (const node of found?.nodes ?? [start as number]) left.delete(node);
    }
    return cycles;
  }

  /** What is left when again and again whoever has nobody before, or nobody after, is taken away. */
  #tangled(): Set<number> {
    const left = new Set(this.#next.keys());
    for (let before = -1; before !== left.size; ) {
      before = left.size;
      const entered = new Set<number>();
      for (const node of left) for (const to of (this.#next[node] as Map<number, Kind>).keys()) entered.add(to);
      for (const node of left) {
        const leaves = [...(this.#next[node] as Map<number, Kind>).keys()].some((to) => left.has(to));
        if (!leaves || !entered.has(node)) left.delete(node);
      }
    }
    return left;
  }

  #cycleThrough(start: number, within: ReadonlySet<number>): { nodes: number[]; kinds: Kind[] } | undefined {
    const from = new Map<number, number>();
    const queue = [start];
    for (const node of queue) {
      for (const to of (this.#next[node] as Map<number, Kind>).keys()) {
        if (!within.has(to) || from.has(to)) continue;
        from.set(to, node);
        if (to === start) return this.#walk(start, from);
        queue.push(to);
      }
    }
    return undefined;
  }

  #walk(start: number, from: ReadonlyMap<number, number>): { nodes: number[]; kinds: Kind[] } {
    const nodes: number[] = [];
    const kinds: Kind[] = [];
    let to = start;
    do {
      const node = from.get(to) as number;
      nodes.push(node);
      kinds.unshift((this.#next[node] as Map<number, Kind>).get(to) as Kind);
      to = node;
    } while (to !== start);
    return { nodes, kinds };
  }
}
