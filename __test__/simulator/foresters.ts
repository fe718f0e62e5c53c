/**
 * Those who make branches, delete them, make others under the same names, let go of what is not needed and mend what others
 * have left.
 *
 * @module
 */

import type { Forked, Forking, Head, Replaced, Until } from '../../ts/repository/protocol/index.js';
import { MS_BETWEEN_COMMITS } from './engine.js';
import { Errand } from './job.js';
import { Node } from './node.js';
import { must } from './truth.js';
import type { World } from './world.js';

/** Few, so that they are given again and again. */
const NAMES = ['a', 'b', 'c'];
const ERRANDS_MAX = 4;
/** A branch that expires does so that soon, more or less. */
const MS_TO_LIVE_MAX = 800;
/** Of the names of those who delete what has expired. */
export const SWEEP = 'sweep';
/** On branches that have grown from others. */
const NODES_MAX = 4;

export class Foresters {
  errands: Errand[] = [];
  #begun = 0;

  constructor(readonly world: World) {}

  /** Begins something, or has somebody killed, if it comes to that. */
  work(): void {
    const { world } = this;
    const { plan, random, counters } = world;
    this.errands = this.errands.filter(({ ended }) => !ended);
    for (const errand of this.errands) {
      if (!world.chance(plan.killJob)) continue;
      counters['jobs killed'] += 1;
      errand.kill();
    }
    if (this.errands.length >= ERRANDS_MAX) return;
    const name = NAMES[random(NAMES.length)] as string;
    const any = () => [...world.truths.heads.keys()][random(world.truths.heads.size)];
    if (world.chance(plan.fork * 4)) this.#fork(name);
    else if (world.chance(plan.remove * 4)) this.remove(name);
    else if (world.chance(plan.expire * 4)) this.#expire(name);
    else if (world.chance(plan.sweep * 4)) this.#sweep(any() ?? name);
    else if (world.chance(plan.replace * 4)) this.#replace(name);
    else if (world.chance(plan.release * 4)) this.release(name);
    else if (world.chance(plan.mend * 4)) this.mend(any() ?? name);
    else if (world.chance(plan.cold * 4)) this.#collect(any() ?? name);
    else if (world.chance(plan.cold)) this.#detach(name);
  }

  #begin<T>(
    what: string,
    job: (hand: InstanceType<World['protocol']['Hand']>) => Errand<T>['job'],
    done?: (result: T) => void,
  ) {
    this.#begun += 1;
    const { Hand } = this.world.protocol;
    const boot = `${what}.${this.#begun}`;
    const errand = new Errand(this.world, boot, job(new Hand(boot)), done);
    this.errands.push(errand as Errand);
    return errand;
  }

  #fork(name: string): void {
    const { world } = this;
    const { truths, random } = world;
    const parent = truths.live[random(truths.live.length || 1)];
    if (parent === undefined || parent === name) return;
    const truth = truths.of(truths.heads.get(parent)?.branchId ?? '');
    const { collections, log } = truth;
    const owner = world.nodes.find((node) => node.leads && node.truth === truth && !world.sleeps(node));
    const { slot, revision } = owner?.state?.log ?? {};
    const branchId = truths.heads.get(parent)?.branchId ?? '';
    const known = slot && revision && random(2) === 0 ? { branchId, to: slot, revision } : undefined;
    const at = this.#moment(log.length);
    const kind = random(100) < world.plan.tag ? 'tag' : 'branch';
    const forking: Forking = { parent, name, at, known, kind, expiresMs: this.#time() };
    this.#begin<Forked>(
      `fork ${name} of ${parent}`,
      (hand) => world.protocol.fork(hand, forking),
      (result) => {
        if (result.type !== 'forked') return;
        const { counters } = world;
        this.#begunAt(result.head, at);
        counters.forks += 1;
        if (kind === 'tag') counters.tags += 1;
        if (truth.collections > collections) counters['forks racing a collection'] += 1;
        if (truth.head?.origin) counters['branches of branches'] += 1;
        this.#settle(name, kind);
      },
    );
  }

  #begunAt({ branchId }: Head, at: Until | null): void {
    const { begun } = this.world.truths.of(branchId);
    const isThen = at === null || !('revision' in at) || begun === at.revision - 1;
    must(isThen, `a branch at ${JSON.stringify(at)} has ${begun}`);
    must(at === null || 'revision' in at || begun * MS_BETWEEN_COMMITS <= at.timeMs, 'a branch holds what came later');
  }

  /** In half of the cases the new branch grows from the one that has the name. */
  #replace(other: string): void {
    const { protocol, truths, random, counters, plan } = this.world;
    const any = () => truths.live[random(truths.live.length || 1)] ?? other;
    const name = any();
    const from = random(2) === 0 ? name : any();
    const at = this.#moment(truths.of(truths.heads.get(from)?.branchId ?? '').log.length);
    const free = NAMES.filter((name) => (truths.heads.get(name)?.state ?? 'gone') === 'gone');
    const keep = random(2) === 0 ? free[random(free.length || 1)] : undefined;
    const kind = name !== 'main' && random(100) < plan.tag ? 'tag' : 'branch';
    this.#begin<Replaced>(
      `replace ${name} by ${from}`,
      (hand) => protocol.replace(hand, { name, from, at, kind, keep }),
      (result) => {
        if (result.type !== 'replaced') return;
        if (keep !== undefined) this.#keptAll(keep, result.head);
        this.#begunAt(result.head, at);
        counters.replacements += 1;
        const { origin, retiring } = result.head;
        if (origin?.branchId === retiring?.branchId) counters['replacements in place'] += 1;
        if (retiring !== null) truths.of(retiring.branchId).isOver = true;
      },
    );
  }

  /** What was replaced is in the tag, if that is there still. */
  #keptAll(keep: string, { lineage }: Head): void {
    const { truths, counters } = this.world;
    const tag = truths.heads.get(keep);
    const before = truths.of(lineage.at(-1) as string);
    if (tag?.origin?.branchId !== before.head?.branchId || tag?.state !== 'live') return;
    must(truths.of(tag.branchId).begun === before.log.length, `${keep} does not have all that was replaced`);
    counters['replacements kept'] += 1;
  }

  /** When a branch expires, if it does. */
  #time(): number | null {
    const { random, nowMs, plan } = this.world;
    return plan.expire === 0 || random(2) === 0 ? null : nowMs + random(MS_TO_LIVE_MAX);
  }

  #moment(newest: number): Until | null {
    const { random } = this.world;
    const seq = random(2) === 0 ? Math.max(0, newest - random(4)) : random(newest + 2);
    return [null, { revision: seq + 1 }, { timeMs: seq * MS_BETWEEN_COMMITS + 5 }][random(3)] as Until | null;
  }

  /** Somebody begins to work on a branch. */
  #settle(name: string, kind: Head['kind']): void {
    const { nodes, random, plan } = this.world;
    const free = nodes.findIndex(
      ({ branch, state }, n) => n >= plan.nodes + plan.replicas && (!state || branch === name),
    );
    const node = new Node(this.world, `${name}${random(1000)}`, name);
    if (nodes.length < plan.nodes + plan.replicas + NODES_MAX) nodes.push(node);
    else if (free >= 0) {
      nodes[free]?.crash(true);
      nodes[free] = node;
    } else return;
    const reads = kind === 'tag' && random(4) > 0;
    node.start(reads ? 'replica' : random(4) === 0 ? 'standby' : 'writer');
  }

  #expire(name: string): void {
    const expiresMs = this.#time();
    this.#begin(`expire ${name}`, (hand) => this.world.protocol.expire(hand, name, expiresMs));
  }

  /** What whoever owns a branch does now and then, going by the head that it knows, or by that of the store. */
  #sweep(name: string): void {
    const { nodes, truths, random, protocol, nowMs } = this.world;
    const owner = nodes.find((node) => node.leads && node.branch === name && random(2) === 0);
    const head = owner?.state?.head?.head ?? truths.heads.get(name);
    if (head !== undefined) for (const due of protocol.dueIn(head, nowMs)) this.removeExpired(due);
  }

  removeExpired(name: string): Errand<string | null> {
    const { protocol, truths, counters, nowMs } = this.world;
    return this.#begin(
      `${SWEEP} ${name}`,
      (hand) => protocol.removeExpired(hand, name, nowMs),
      (branchId) => {
        counters[branchId === null ? 'branches extended' : 'branches expired'] += 1;
        if (branchId !== null) truths.of(branchId).isOver = true;
      },
    );
  }

  remove(name: string): Errand<string | null> {
    const { truths, counters } = this.world;
    return this.#begin(
      `remove ${name}`,
      (hand) => this.world.protocol.remove(hand, name),
      (branchId) => {
        if (branchId === null) return;
        counters['branches deleted'] += 1;
        truths.of(branchId).isOver = true;
      },
    );
  }

  release(name: string): Errand<boolean> {
    return this.#begin(
      `release ${name}`,
      (hand) => this.world.protocol.release(hand, name),
      (isFree) => {
        if (isFree) this.world.counters.releases += 1;
      },
    );
  }

  #collect(name: string): void {
    this.#begin(
      `collect ${name}`,
      (hand) => this.world.protocol.collect(hand, name),
      (keys) => {
        if (keys.length > 0) this.world.counters['cold collections'] += 1;
      },
    );
  }

  #detach(name: string): void {
    this.#begin(
      `detach ${name}`,
      (hand) => this.world.protocol.detach(hand, name),
      ({ isFree }) => {
        if (isFree) this.world.counters.releases += 1;
      },
    );
  }

  mend(name: string): Errand<void> {
    return this.#begin(`mend ${name}`, (hand) => this.world.protocol.mend(hand, name));
  }
}
