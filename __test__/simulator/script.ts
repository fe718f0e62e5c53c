/**
 * A run that is directed: nothing is left to chance, every message goes where it should at once, unless the script holds
 * it back. For what random runs meet too rarely.
 *
 * @module
 */

import type { Forked, Job, Mode, Until } from '../../ts/repository/protocol/index.js';
import { Errand } from './job.js';
import type { Message, Party } from './network.js';
import { Node, type Protocol } from './node.js';
import { NO_BRANCHES, type Plan } from './plan.js';
import { Violation } from './truth.js';
import { type Trace, World } from './world.js';

const MOVES_MAX = 2_000;

const PLAN: Plan = {
  nodes: 4,
  replicas: 0,
  before: 0,
  lostRequest: 0,
  lostAnswer: 0,
  doubled: 0,
  delayed: 0,
  conflict: 0,
  unavailable: 0,
  staleList: 0,
  lateArrival: 0,
  lostDelete: 0,
  commit: 0,
  ...NO_BRANCHES,
  checkpoint: 0,
  collect: 0,
  compact: 0,
  crash: 0,
  diskLoss: 0,
  hold: 0,
  pause: 0,
  pauseSteps: 0,
  outage: 0,
  claim: 0,
  close: 0,
  syncAtOnce: 1000,
  applySynced: 1000,
  remember: 0,
  recordsPerSlot: 1,
  lingerMs: 0,
  pollMs: 20,
  keep: 0,
  retainMs: 0,
  renewMs: null,
  takeoverMs: 300,
};

type Begin<T> = (protocol: Protocol, hand: InstanceType<Protocol['Hand']>) => Job<T>;
type Held = (message: Message) => boolean;

export class Script {
  readonly world: World;
  #held: Held = () => false;
  #jobs = 0;

  constructor(protocol: Protocol, trace?: Trace, plan?: Partial<Plan>) {
    this.world = new World(protocol, 1, trace, { ...PLAN, ...plan });
  }

  /** A node that has started, and has got as far as it can by itself. */
  started(n: number | Node, mode: Mode): Node {
    const node = typeof n === 'number' ? this.node(n) : n;
    node.start(mode);
    if (mode === 'writer') this.until(() => node.leads, node);
    else this.until(() => node.state?.phase === 'waiting', node);
    return node;
  }

  node(n: number): Node {
    return this.world.nodes[n] as Node;
  }

  /** From now on such messages stay where they are, until others are named. */
  hold(held: Held = () => false): void {
    this.#held = held;
  }

  /** Moves what these nodes have sent, and nothing else, until it has come to this. */
  until(reached: () => boolean, ...nodes: Party[]): void {
    for (let moves = 0; !reached(); moves++) {
      if (moves === MOVES_MAX) throw new Violation('nothing leads on from here');
      this.#move(nodes);
    }
  }

  /** Moves everything that can be moved but timers. */
  settle(...nodes: Party[]): void {
    for (let moves = 0; moves < MOVES_MAX && this.#next(nodes) !== undefined; moves++) this.#move(nodes);
  }

  /** Moves so many messages and timers of this node. */
  move(node: Node, moves: number): void {
    for (let n = 0; n < moves; n++) this.#move([node]);
  }

  take(node: Node): void {
    node.tell({ type: 'claim' });
    this.until(() => node.leads, node);
  }

  /** Commits that are acknowledged before this returns. */
  write(node: Node, commits: number): void {
    for (let n = 0; n < commits; n++) {
      node.commit();
      this.until(() => node.pending.length === 0, node);
    }
  }

  checkpoint(node: Node): void {
    node.tell({ type: 'checkpoint' });
    this.settle(node);
  }

  /** A job that has asked for something, and gets no further by itself. */
  begun<T>(begin: Begin<T>): Errand<T> {
    const { world } = this;
    this.#jobs += 1;
    const name = `job.${this.#jobs}`;
    return new Errand(world, name, begin(world.protocol, new world.protocol.Hand(name)));
  }

  /** Has a job done, with nothing in between. */
  job<T>(begin: Begin<T>): T {
    const errand = this.begun(begin);
    this.settle(errand);
    if (!errand.ended) throw new Violation(`${errand.name} does not end`);
    return errand.result as T;
  }

  /** A branch of another, as that is now or was once. */
  fork(name: string, at: Until | null = null, parent = 'main'): Forked {
    return this.job((protocol, hand) => protocol.fork(hand, { parent, name, at }));
  }

  /** A node more, on that branch. It is not started. */
  nodeOn(branch: string): Node {
    const node = new Node(this.world, `${branch}${this.world.nodes.length}`, branch);
    this.world.nodes.push(node);
    return node;
  }

  /** Nothing but the newest checkpoint and what it needs is left. */
  collect(node: Node): void {
    node.tell({ type: 'collect' });
    this.settle(node);
  }

  #next(nodes: Party[]): Message | undefined {
    return this.world.network.wire.find(
      (message) => nodes.includes(message.node) && message.node.boot === message.boot && !this.#held(message),
    );
  }

  #move(nodes: Party[]): void {
    const { network } = this.world;
    this.world.nowMs += 1;
    const message = this.#next(nodes);
    if (message !== undefined) {
      network.take(message);
      network.pass(message);
      return;
    }
    const timer = network.timers.find(({ node, boot }) => nodes.includes(node) && node.boot === boot);
    if (timer !== undefined) network.ringNow(timer);
  }
}

/** A put of a slot, or a get, or whatever: by this node, under names that contain this. */
export function of(node: Party, type: Message['request']['type'], part = ''): Held {
  return ({ node: by, request }) =>
    by === node && request.type === type && (!('key' in request) || request.key.includes(part));
}
