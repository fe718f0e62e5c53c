/**
 * One run: nodes, a store, the network between them, and everything that can go wrong, drawn from one seed. The same seed
 * is the same run, step for step.
 *
 * @module
 */

import { checkpointsOf, type Head, type Mode, type Request, type Until } from '../../ts/repository/protocol/index.js';
import { type Random, splitMix32 } from '../support/random.js';
import { adopt } from './adopted.js';
import { Bucket } from './bucket.js';
import { type Counters, noCounters } from './counters.js';
import { MS_BETWEEN_COMMITS } from './engine.js';
import { Foresters, SWEEP } from './foresters.js';
import { Mergers } from './mergers.js';
import { Network, type Party } from './network.js';
import { CLOCK_RATE_MAX, Node, type Protocol } from './node.js';
import { calm, type Plan, planOf } from './plan.js';
import { must, type Truth, Violation } from './truth.js';
import { Truths } from './truths.js';

const STEPS_MIN = 1_500;
const STEPS_OF_HEALING_MAX = 20_000;
/** Whatever expires does so within this. */
const A_LONG_TIME_MS = 10_000;
/** Moments to which each run is restored in the end. */
const RESTORES = 3;

/** Takes a line of what happens. */
export type Trace = (line: string) => void;

export class World {
  readonly random: Random;
  readonly counters: Counters = noCounters();
  readonly bucket = new Bucket();
  readonly truths = new Truths(this.bucket, this.counters);
  readonly foresters = new Foresters(this);
  readonly #mergers = new Mergers(this);
  /** Branches of which somebody may have overlooked something. */
  readonly listedOld = new Set<string>();
  readonly network = new Network(this);
  readonly nodes: Node[] = [];
  nowMs = 0;
  plan: Plan;
  #commits = 0;
  /** When heads changed last, by name. */
  readonly #headMs = new Map<string, number>();

  constructor(
    readonly protocol: Protocol,
    seed: number,
    readonly trace?: Trace,
    plan?: Plan,
  ) {
    this.random = splitMix32(seed);
    this.plan = plan ?? planOf(this.random);
    for (let n = 0; n < this.plan.nodes + this.plan.replicas; n++) this.nodes.push(new Node(this, `n${n}`));
    if (this.plan.before > 0) adopt(this, this.nodes[0] as Node);
  }

  chance(inThousand: number): boolean {
    return inThousand > 0 && this.random(1000) < inThousand;
  }

  /** Of the branch that is there from the beginning, or whatever has replaced it. */
  get truth(): Truth {
    return this.truths.of(this.truths.heads.get('main')?.branchId ?? '');
  }

  sleeps(node: Party): boolean {
    return node.pausedUntil > this.counters.steps;
  }

  newCommit(): number {
    this.counters.commits += 1;
    this.#commits += 1;
    return this.#commits;
  }

  send(node: Node, id: number, request: Request): void {
    this.network.send(node, id, request);
  }

  /** Runs it through; throws a `Violation` if anything is not as it must be. */
  run(): Counters {
    this.nodes.forEach((node, n) => {
      node.start(this.#modeOf(n));
    });
    for (let n = 0; n < STEPS_MIN; n++) this.#step();
    this.#heal();
    for (const name of this.truths.live) {
      const truth = this.truths.of(this.truths.heads.get(name)?.branchId ?? '');
      truth.restorable();
      for (let n = 0; n < RESTORES; n++) this.#restore(name, truth);
    }
    this.#clear();
    return this.counters;
  }

  /** A copy of the branch as it was at any moment that is kept. */
  #restore(name: string, { head, log }: Truth): void {
    const [oldest] = head === undefined ? [] : checkpointsOf(head);
    const from = head?.wal.floor === 1 ? 0 : (oldest?.seq ?? log.length);
    const seq = from + this.random(log.length - from + 1);
    const until: Until = this.random(2) === 0 ? { revision: seq + 1 } : { timeMs: seq * MS_BETWEEN_COMMITS + 5 };
    const copy = new Node(this, 'copy', name);
    copy.start('replica', until);
    this.network.passAll(copy);
    must(copy.state?.phase === 'restored', `a copy up to ${seq} ends ${copy.state?.phase}`);
    must(copy.engine.log.length === seq, `a copy up to ${seq} holds ${copy.engine.log.length} records`);
    copy.truth.equals(copy.engine, seq, 'a copy');
    this.counters['moments restored'] += 1;
  }

  /** Whatever jobs that were killed have left is mended; then one branch after another is deleted. */
  #clear(): void {
    const { foresters, truths } = this;
    const others = () => truths.live.filter((name) => name !== 'main');
    const mendAll = () => {
      // What one mends may be what another has waited for.
      const state = () => [...truths.heads.values()].map(({ nonce }) => nonce).join();
      for (let before = ''; before !== state(); ) {
        before = state();
        for (const name of truths.heads.keys()) this.network.passAll(foresters.mend(name));
      }
      truths.tidy(this.listedOld);
    };
    for (const errand of foresters.errands) errand.kill();
    mendAll();
    for (const name of others()) this.network.passAll(foresters.release(name));
    mendAll();
    this.nowMs += A_LONG_TIME_MS;
    for (const head of truths.heads.values()) {
      for (const name of this.protocol.dueIn(head, this.nowMs)) this.network.passAll(foresters.removeExpired(name));
    }
    for (const name of others()) must(truths.heads.get(name)?.expiresMs === null, `${name} has expired, and is there`);
    mendAll();
    for (let left = others(); left.length > 0; left = others()) {
      this.network.passAll(foresters.remove(left[this.random(left.length)] as string));
      truths.named();
    }
    this.network.passAll(foresters.remove('main'));
    mendAll();
    for (const { name, state, pins } of truths.heads.values()) {
      must(state === 'gone', `${name} is still there`);
      must(pins.length === 0, `${name} still has pins`);
    }
  }

  #modeOf(n: number): Mode {
    const { nodes, replicas } = this.plan;
    if (n >= nodes && n < nodes + replicas) return 'replica';
    return n === 0 || this.random(4) === 0 ? 'writer' : 'standby';
  }

  #step(): void {
    const { network } = this;
    this.counters.steps += 1;
    this.nowMs += 1 + this.random(2);
    if (this.random(4) === 0) this.#ail();
    if (this.random(2) === 0) this.#work();
    if (this.plan.fork > 0 && this.random(4) === 0) this.foresters.work();
    if (this.plan.merge > 0 && this.random(4) === 0) this.#mergers.work();
    if (this.chance(this.plan.lateArrival)) network.arriveLate();
    if (network.wire.length > 0 && this.random(8) > 0) network.deliver();
    else network.ring();
  }

  /** What nodes suffer. Chances are of a step, and this is called in one of four. */
  #ail(): void {
    const { plan, counters } = this;
    const n = this.random(this.nodes.length);
    const node = this.nodes[n] as Node;
    if (node.ended) {
      if (this.random(12) === 0) node.start(this.#reads(node) ? 'replica' : this.#modeOf(n));
    } else if (this.chance(plan.crash * 4)) {
      const losesDisk = this.random(100) < plan.diskLoss;
      counters.crashes += 1;
      if (losesDisk) counters['disk losses'] += 1;
      node.crash(losesDisk);
    } else if (this.chance(plan.pause * 4)) {
      counters.pauses += 1;
      node.pausedUntil = counters.steps + this.random(plan.pauseSteps);
      node.frozen = this.random(2) === 0;
      this.trace?.(`${node.boot} sleeps until step ${node.pausedUntil}${node.frozen ? ', and its network' : ''}`);
    } else if (this.chance(plan.outage * 4)) {
      counters.outages += 1;
      this.network.outageUntil = counters.steps + this.random(150);
    } else if (this.chance(plan.claim * 4) && node.mode === 'standby' && !node.leads) node.tell({ type: 'claim' });
    else if (this.chance(plan.close * 4) && node.leads) node.tell({ type: 'close' });
  }

  /** What nodes are there for. */
  #work(): void {
    const { plan } = this;
    const node = this.nodes[this.random(this.nodes.length)] as Node;
    if (!node.leads || this.sleeps(node)) return;
    if (this.chance(plan.commit * 6)) node.commit();
    if (this.chance(plan.checkpoint * 4)) this.#checkpoint(node);
    if (this.chance(plan.collect * 4)) node.tell({ type: 'collect' });
    if (this.chance(plan.compact * 4)) node.compact();
    if (node.engine.durable < node.engine.log.length && this.random(4) === 0) node.sync();
  }

  #checkpoint(node: Node): void {
    // No draw of its own: by how much it has written.
    const own = this.plan.cold > 0 && node.engine.log.length % 8 === 0;
    if (own) node.truth.makesOwn = true;
    node.tell({ type: 'checkpoint', own });
  }

  /** A standby has taken over because the owner was silent: it had been, for as long as it takes. */
  headChanged(head: Head, before: Head | undefined, by: string): void {
    const change = this.nodes.find(({ boot }) => boot === by)?.state?.changing?.change;
    const silentMs = (this.nowMs - (this.#headMs.get(head.name) ?? 0)) * CLOCK_RATE_MAX;
    this.#headMs.set(head.name, this.nowMs);
    const isSwept = by.includes(SWEEP) && before?.state === 'live' && head.state === 'deleted';
    must(!isSwept || (before.expiresMs ?? Infinity) <= this.nowMs, `${head.name} is deleted, and has not expired`);
    if (change?.kind !== 'claim' || change.silentSince === null) return;
    if (head.epoch !== change.epoch || before?.owner === null) return;
    must(silentMs >= this.plan.takeoverMs, `${by} takes over from an owner that has just shown that it lives`);
  }

  /** The store behaves again, whoever died is started again: now somebody must lead, write, and be followed. */
  #heal(): void {
    this.plan = calm(this.plan);
    this.network.outageUntil = 0;
    this.trace?.('from here on nothing goes wrong');
    for (const node of this.nodes) node.pausedUntil = 0;
    for (const message of this.network.wire) message.heldUntil = 1;
    const { acknowledged } = this.counters;
    for (let n = 0; n < STEPS_OF_HEALING_MAX; n++) {
      this.#step();
      this.nodes.forEach((node, at) => {
        if (node.ended && this.truths.live.includes(node.branch)) node.start(this.#healed(node, at));
      });
      const leader = this.nodes.find((node) => node.leads && this.truth.head?.owner?.boot === node.boot);
      if (this.counters.acknowledged > acknowledged && leader !== undefined && this.#allCaughtUp()) return;
      if (this.counters.acknowledged === acknowledged && leader?.pending.length === 0) leader.commit();
    }
    const where = this.nodes.map(({ boot, state }) => `${boot} ${state?.phase} at slot ${state?.log.slot}`);
    must(this.counters.acknowledged > acknowledged, `nobody leads and writes: ${where.join(', ')}`);
    throw new Violation(`not everyone has seen slot ${this.truth.slots.length}: ${where.join(', ')}`);
  }

  #healed(node: Node, at: number): Mode {
    const { nodes, replicas } = this.plan;
    if ((at >= nodes && at < nodes + replicas) || this.#reads(node)) return 'replica';
    return this.nodes.findIndex(({ branch }) => branch === node.branch) === at ? 'writer' : 'standby';
  }

  /** Whoever works on a tag has heard that nobody writes it. */
  #reads({ branch }: Node): boolean {
    return this.truths.heads.get(branch)?.kind === 'tag';
  }

  #allCaughtUp(): boolean {
    return this.nodes.every(({ state, branch, truth }) => {
      if (state === undefined || state.branchId === '') return branch !== 'main';
      const now = this.truths.heads.get(branch);
      if (now?.state === 'live' && now.branchId !== state.branchId) return false;
      return state.log.of === undefined && state.log.slot === truth.slots.length + 1;
    });
  }
}

export function simulate(protocol: Protocol, seed: number, trace?: Trace, plan?: Plan): Counters {
  return new World(protocol, seed, trace, plan).run();
}
