/**
 * A run that is directed: nothing is left to chance, every message goes where it should at once, unless the script holds
 * it back. For what random runs meet too rarely.
 *
 * @module
 */

import type { Mode } from '../../ts/repository/protocol/index.js';
import type { Message } from './network.js';
import type { Node, Protocol } from './node.js';
import type { Plan } from './plan.js';
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
  recordsPerSlot: 1,
  lingerMs: 0,
  pollMs: 20,
  keep: 0,
  retainMs: 0,
  renewMs: null,
  takeoverMs: 300,
};

type Held = (message: Message) => boolean;

export class Script {
  readonly world: World;
  #held: Held = () => false;

  constructor(protocol: Protocol, trace?: Trace, plan?: Partial<Plan>) {
    this.world = new World(protocol, 1, trace, { ...PLAN, ...plan });
  }

  /** A node that has started, and has got as far as it can by itself. */
  started(n: number, mode: Mode): Node {
    const node = this.node(n);
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
  until(reached: () => boolean, ...nodes: Node[]): void {
    for (let moves = 0; !reached(); moves++) {
      if (moves === MOVES_MAX) throw new Violation('nothing leads on from here');
      this.#move(nodes);
    }
  }

  /** Moves everything that can be moved but timers. */
  settle(...nodes: Node[]): void {
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

  /** Nothing but the newest checkpoint and what it needs is left. */
  collect(node: Node): void {
    node.tell({ type: 'collect' });
    this.settle(node);
  }

  #next(nodes: Node[]): Message | undefined {
    return this.world.network.wire.find(
      (message) => nodes.includes(message.node) && message.node.boot === message.boot && !this.#held(message),
    );
  }

  #move(nodes: Node[]): void {
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
export function of(node: Node, type: Message['request']['type'], part = ''): Held {
  return ({ node: by, request }) =>
    by === node && request.type === type && (!('key' in request) || request.key.includes(part));
}
