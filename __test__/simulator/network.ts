/**
 * Between the nodes and the store: what is on its way, and what becomes of it. Puts arrive late, twice or never, answers
 * are lost, lists are old; a node that sleeps neither hears nor, if it is frozen, is heard.
 *
 * @module
 */

import type { Answer, Head, Request, Slot, State } from '../../ts/repository/protocol/index.js';
import type { Part } from './engine.js';
import type { World } from './world.js';

const LATE_MAX = 60;
const STORE = new Set(['get', 'look', 'put', 'list', 'delete']);

/** Whoever asks: a node, or a job. */
export interface Party {
  readonly name: string;
  readonly boot: string;
  readonly ended: boolean;
  readonly frozen: boolean;
  readonly pausedUntil: number;
  readonly nowMs: number;
  readonly state?: State | undefined;
  tell(told: { type: 'answer'; id: number; answer: Answer }): void;
  /** What the store does not do. */
  carryOut(request: Request, fetched: Part[]): Answer | undefined;
}

/** A request on its way to the store or the engine, or an answer on its way back. */
export interface Message {
  node: Party;
  boot: string;
  id: number;
  request: Request;
  answer: Answer | undefined;
  fetched: Part[];
  /** It does not move before this step. */
  heldUntil: number;
}

export interface Timer {
  node: Party;
  boot: string;
  id: number;
  dueMs: number;
}

/** A put that has been sent, and arrives whenever. */
interface Late {
  request: Request & { type: 'put' };
  by: string;
}

export class Network {
  readonly wire: Message[] = [];
  timers: Timer[] = [];
  outageUntil = 0;
  /** For directed runs: nothing reaches the store, or nothing comes back from it. */
  outage = false;
  losesAnswers = false;
  #late: Late[] = [];

  constructor(readonly world: World) {}

  send(node: Party, id: number, request: Request): void {
    if (request.type === 'wait') this.timers.push({ node, boot: node.boot, id, dueMs: node.nowMs + request.ms });
    else this.wire.push({ node, boot: node.boot, id, request, answer: undefined, fetched: [], heldUntil: 0 });
  }

  /** Lets some message move on, if it can. */
  deliver(): void {
    const { world, wire } = this;
    const at = world.random(wire.length);
    const message = wire[at] as Message;
    const { node, request } = message;
    const alive = node.boot === message.boot && !node.ended;
    const toStore = message.answer === undefined && STORE.has(request.type);
    if (message.heldUntil > world.counters.steps) return;
    if (alive && world.sleeps(node) && (node.frozen || !toStore)) return;
    if (toStore && request.type === 'put' && message.heldUntil === 0 && world.chance(world.plan.hold)) {
      message.heldUntil = world.counters.steps + world.random(2 * world.plan.pauseSteps);
      return;
    }
    this.take(message);
    if (toStore) {
      message.answer = this.#ask(message);
      // Half of the answers come back at once, so that a run gets further.
      if (world.random(2) === 0) this.wire.push(message);
      else this.#answer(message);
    } else if (alive) this.pass(message);
  }

  take(message: Message): void {
    const last = this.wire.pop() as Message;
    if (last !== message) this.wire[this.wire.indexOf(message)] = last;
  }

  /** All the way, with nothing in between: to the store or the engine, and back. */
  pass(message: Message): void {
    const { node, boot, request, fetched } = message;
    if (message.answer === undefined) {
      if (STORE.has(request.type)) message.answer = this.#passStore(node, boot, request);
      else if (node.boot === boot) message.answer = node.carryOut(request, fetched);
    }
    if (message.answer === undefined) this.wire.push(message);
    else this.#answer(message);
  }

  /** Everything that a node has sent and goes on to send, until it is waiting for nothing. */
  passAll(node: Party): void {
    for (;;) {
      const message = this.wire.find((message) => message.node === node);
      if (message === undefined) return;
      this.take(message);
      this.pass(message);
    }
  }

  #passStore(node: Party, boot: string, request: Request): Answer {
    const answer: Answer = this.outage
      ? { type: 'unknown', why: 'no way to the store' }
      : this.#apply(node, boot, request);
    return this.losesAnswers ? { type: 'unknown' } : answer;
  }

  #answer(message: Message): void {
    const { node, boot, id, answer } = message;
    if (node.boot !== boot || answer === undefined) return;
    if (this.world.sleeps(node)) this.wire.push(message);
    else node.tell({ type: 'answer', id, answer });
  }

  /** Lets some timer ring that is due. */
  ring(): void {
    const { world } = this;
    this.timers = this.timers.filter(({ node, boot }) => node.boot === boot);
    const due = this.timers.filter(({ node, dueMs }) => dueMs <= node.nowMs && !world.sleeps(node));
    const timer = due[world.random(due.length || 1)];
    if (timer !== undefined) this.ringNow(timer);
    // Nothing but time is waited for.
    else if (this.wire.length === 0) world.nowMs += 5;
  }

  ringNow(timer: Timer): void {
    this.timers.splice(this.timers.indexOf(timer), 1);
    timer.node.tell({ type: 'answer', id: timer.id, answer: { type: 'done' } });
  }

  arriveLate(): void {
    const [late] = this.#late.splice(this.world.random(this.#late.length || 1), 1);
    if (late !== undefined) this.#put(late.request, `late of ${late.by}`);
  }

  #postpone(late: Late): void {
    if (this.#late.length >= LATE_MAX) this.#late.splice(this.world.random(LATE_MAX), 1);
    this.#late.push(late);
  }

  /** What the store makes of a request, and what the node hears of it. */
  #ask({ node, boot: by, request }: Message): Answer {
    const { world } = this;
    const { plan, counters } = world;
    if (this.outageUntil > counters.steps || world.chance(plan.lostRequest)) return { type: 'unknown' };
    if (world.chance(plan.unavailable)) {
      counters['answers 503'] += 1;
      return { type: 'unknown' };
    }
    if (request.type === 'put') {
      if (world.chance(plan.conflict)) {
        counters['answers 409'] += 1;
        return { type: 'lost' };
      }
      if (world.chance(plan.delayed)) {
        counters['puts delayed'] += 1;
        this.#postpone({ request, by });
        return { type: 'unknown' };
      }
    }
    const answer = this.#apply(node, by, request);
    if (request.type === 'put' && world.chance(plan.doubled)) {
      counters['puts doubled'] += 1;
      this.#postpone({ request, by });
    }
    if (!world.chance(plan.lostAnswer)) return answer;
    if (answer.type === 'stored') counters['lost answers'] += 1;
    return { type: 'unknown' };
  }

  #apply(node: Party, boot: string, request: Request): Answer {
    const { bucket, counters, plan, random, truths } = this.world;
    switch (request.type) {
      case 'put':
        return this.#put(request, boot);
      case 'look':
      case 'get': {
        const found = bucket.get(request.key);
        if (found === undefined) return { type: 'missing' };
        const { owner, epoch } = found.body as Slot;
        const fence = owner !== undefined && request.key.includes('/wal/');
        if (fence && node.state?.phase === 'settling' && epoch > node.state.epoch) counters['fences hit'] += 1;
        return { type: 'found', ...found };
      }
      case 'list': {
        const stale = this.world.chance(plan.staleList);
        if (stale) {
          counters['stale lists'] += 1;
          this.world.listedOld.add(request.prefix.split('/')[1] as string);
        }
        const { prefix, after = '', before = '\uffff' } = request;
        const keys = bucket.list(prefix, random, stale).filter((key) => key > after && key < before);
        return { type: 'listed', keys };
      }
      case 'delete': {
        counters.collections += 1;
        this.world.trace?.(`${boot} deletes ${request.keys.join(' ')}`);
        for (const key of request.keys) {
          if (this.world.chance(plan.lostDelete)) {
            this.world.listedOld.add(key.split('/')[1] as string);
            continue;
          }
          if (!bucket.delete(key)) continue;
          if (key.includes('/tables/')) counters['tables deleted'] += 1;
          else if (key.includes('/wal/')) counters['slots deleted'] += 1;
          else counters['manifests deleted'] += 1;
        }
        truths.named();
        return { type: 'done' };
      }
      default:
        throw new Error(`a store cannot ${request.type}`);
    }
  }

  #put({ key, body, etag }: Request & { type: 'put' }, by: string): Answer {
    const { bucket, truths, counters, trace } = this.world;
    const before = bucket.get(key)?.body as Slot | undefined;
    const stored = bucket.put(key, body, etag);
    trace?.(`${by} puts ${key} ${brief(body)}: ${stored === undefined ? 'lost' : 'stored'}`);
    if (stored !== undefined) {
      truths.stored(key, body);
      if (key.startsWith('heads/')) this.world.headChanged(body as Head, before as Head | undefined, by);
      return { type: 'stored', etag: stored };
    }
    const slot = body as Slot;
    if (key.includes('/wal/') && slot.owner === undefined && before?.owner !== undefined && before.epoch > slot.epoch) {
      counters['late puts after a fence'] += 1;
    }
    return { type: 'lost' };
  }
}

/** A head or a slot in a line. */
function brief(body: unknown): string {
  const { epoch, owner, wal, nonce, records, manifest, retained, state, origin, pins } = body as Head & Slot;
  if (wal === undefined) return `of epoch ${epoch}, ${owner ? `fence of ${owner.boot}` : (records?.sha256 ?? '')}`;
  const names = [...retained, ...(manifest ? [manifest] : [])].map((named) => `${named.epoch}-${named.n}`);
  const grown = `${state}, from ${JSON.stringify(origin)}, pins ${JSON.stringify(pins)}`;
  return `${nonce}: epoch ${epoch} of ${owner?.boot}, slots from ${wal.floor}, manifests ${names.join(' ')}; ${grown}`;
}
