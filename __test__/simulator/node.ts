/**
 * A node: a protocol machine, the engine it commands, and the clients whose commits it takes. It is the shell of the
 * simulator: it carries out what the machine asks of the engine, and tells the truth what it says to clients.
 *
 * @module
 */

import type {
  Action,
  Answer,
  Event,
  Held,
  Mode,
  Request,
  State,
  Table,
  Until,
} from '../../ts/repository/protocol/index.js';
import { tableName } from '../../ts/repository/protocol/index.js';
import { Engine, firstOf, type Part } from './engine.js';
import { must, type Truth, Violation } from './truth.js';
import type { World } from './world.js';

/** The module that is put to the test: the real one, or one with a rule taken out. */
export type Protocol = Pick<
  typeof import('../../ts/repository/protocol/index.js'),
  | 'start'
  | 'step'
  | 'fork'
  | 'remove'
  | 'expire'
  | 'removeExpired'
  | 'collect'
  | 'detach'
  | 'dueIn'
  | 'replace'
  | 'release'
  | 'mend'
  | 'Hand'
>;

/** Something without `nowMs`, which the node adds. */
type Told = Event extends infer E ? (E extends Event ? Omit<E, 'nowMs'> : never) : never;

const ENDED = new Set(['deposed', 'closed', 'restored']);
const LEADING = new Set(['leading', 'lingering', 'gathering', 'shipping', 'settling', 'disputing']);

/** Clocks run at different speeds, and none is asked for the time of day. */
export const CLOCK_RATE_MAX = 1.3;

export class Node {
  engine: Engine;
  state: State | undefined;
  boot = '';
  mode: Mode = 'standby';
  /** Until this step it does nothing; and, if frozen, what it has sent stays where it is. */
  pausedUntil = 0;
  frozen = false;
  /** Commits of this process that are neither acknowledged nor fenced. */
  pending: number[] = [];
  #boots = 0;
  #disks = 0;
  readonly #rate: number;

  constructor(
    readonly world: World,
    readonly name: string,
    readonly branch = 'main',
  ) {
    this.engine = new Engine(this.#newDisk());
    this.#rate = CLOCK_RATE_MAX - world.random(60) / 100;
  }

  #newDisk(): string {
    this.#disks += 1;
    return `${this.name}.d${this.#disks}`;
  }

  get nowMs(): number {
    return Math.floor(this.world.nowMs * this.#rate);
  }

  /** What there is to be said of its branch. */
  get truth(): Truth {
    return this.world.truths.of(this.state?.branchId ?? '');
  }

  get leads(): boolean {
    const { state } = this;
    return state !== undefined && LEADING.has(state.phase) && !state.overtaken && !state.closing;
  }

  get ended(): boolean {
    return this.state === undefined || ENDED.has(this.state.phase);
  }

  start(mode: Mode, until: Until | null = null): void {
    const { world } = this;
    this.#boots += 1;
    this.boot = `${this.name}.${this.#boots}`;
    this.mode = mode;
    this.pending = [];
    const { keep, retainMs, renewMs, takeoverMs, lingerMs, pollMs } = world.plan;
    const [state, actions] = world.protocol.start(
      {
        branch: this.branch,
        mode,
        owner: { node: this.name, disk: this.engine.disk, boot: this.boot, renewMs },
        newBranchId: `branch.${this.boot}`,
        policy: { keep, retainMs },
        lingerMs,
        pollMs,
        takeoverMs,
        until,
        backOffMsMin: 3,
        backOffMsMax: 40,
      },
      this.engine.crash(),
      this.nowMs,
    );
    world.trace?.(`${this.boot} starts as ${mode} with ${this.engine.durable} records`);
    this.state = state;
    this.#perform(actions);
  }

  crash(losesDisk: boolean): void {
    this.world.trace?.(`${this.boot} dies${losesDisk ? ' with its disk' : ''}`);
    this.state = undefined;
    this.boot = '';
    this.pausedUntil = 0;
    if (losesDisk) this.engine = new Engine(this.#newDisk());
  }

  tell(told: Told): void {
    if (this.state === undefined) return;
    const before = this.state;
    const [state, actions] = this.world.protocol.step(before, { ...told, nowMs: this.nowMs } as Event);
    this.state = state;
    if (this.world.trace !== undefined && (before.phase !== state.phase || told.type !== 'answer')) {
      this.world.trace(`${this.boot} ${told.type}: ${before.phase} > ${state.phase} at slot ${state.log.slot}`);
    }
    this.#perform(actions);
  }

  /** `tell`: hears of it before anybody else does. */
  commit(tell?: (commit: number) => void): void {
    const commit = this.world.newCommit();
    tell?.(commit);
    this.engine.append(commit);
    this.pending.push(commit);
    if (this.world.chance(this.world.plan.syncAtOnce)) this.sync();
  }

  sync(): void {
    this.engine.sync(this.world.random(8) === 0);
    this.tell({ type: 'logged', seq: this.engine.durable });
  }

  /** The engine merges tables when it likes. */
  compact(): void {
    if (this.engine.tables.length < 2) return;
    this.engine.compact(this.world.random);
    this.#noteTables();
  }

  #noteTables(): void {
    for (const part of this.engine.tables) this.world.truths.parts.set(part.sha256, part);
  }

  #perform(actions: Action[]): void {
    for (const action of actions) {
      if ('id' in action) this.world.send(this, action.id, action);
      else this.#notice(action);
    }
  }

  #notice(notice: Exclude<Action, Request>): void {
    const { engine, world, truth } = this;
    const { counters } = world;
    const state = this.state as State;
    world.trace?.(`${this.boot} says ${JSON.stringify(notice)}`);
    switch (notice.type) {
      case 'lead':
        return;
      case 'acknowledge': {
        engine.reach(state.branchId, notice.position, world.random(8) === 0);
        const { seq } = notice.position;
        const before = engine.log.length - this.pending.length;
        truth.acknowledged(engine, notice.position, this.pending.splice(0, Math.max(0, seq - before)), this.boot);
        return;
      }
      case 'fenced':
        truth.overtaken(notice.epoch, this.boot, this.boot);
        truth.fenced(this.pending.splice(0));
        return;
      case 'published':
        counters.checkpoints += 1;
        return;
      case 'closed':
        if (truth.head?.owner === null) counters['hand-overs'] += 1;
        return;
      case 'failed':
        // Its branch has been deleted, and another one may have the name.
        if (world.truths.wasDeleted(this.branch, state.branchId)) return this.crash(true);
        if (state.head?.head.kind === 'tag' && this.mode !== 'replica') return this.crash(true);
        throw new Violation(`${this.boot} has failed: ${notice.reason}`);
    }
  }

  /** What the engine does; nothing while it is not finished yet. */
  carryOut(request: Request, fetched: Part[]): Answer | undefined {
    const { engine, world } = this;
    const { branchId } = this.state as State;
    switch (request.type) {
      case 'read log':
        return { type: 'records', records: engine.read(request.after, 1 + world.random(world.plan.recordsPerSlot)) };
      case 'flush': {
        const flushed = engine.flush(request.position);
        this.#noteTables();
        this.tell({ type: 'logged', seq: engine.durable });
        return { type: 'flushed', flushed };
      }
      case 'apply':
        return { type: 'applied', ...this.#apply(request) };
      case 'remember':
        if (request.forCommits) engine.reach(branchId, request.position, true);
        else engine.owe(branchId, request.position, world.chance(world.plan.remember));
        return { type: 'done' };
      case 'cut':
        engine.cut(branchId, request.position);
        this.truth.equals(engine, request.position.seq, this.boot);
        return { type: 'done' };
      case 'install':
        return this.#install(request, fetched);
      default:
        throw new Error(`an engine cannot ${request.type}`);
    }
  }

  #apply({ records, position, until }: Request & { type: 'apply' }): Held {
    const { engine, world } = this;
    const held = engine.apply(records, until);
    this.truth.equals(engine, Math.min(records.last, firstOf(until)), this.boot);
    const remembers = world.chance(world.plan.remember);
    if (position !== null) engine.reach((this.state as State).branchId, position, remembers);
    // Records are on the disk before the position after them.
    if (world.chance(world.plan.applySynced)) engine.sync(false);
    return held;
  }

  /** Table after table; others may collect meanwhile. */
  #install({ manifest, position }: Request & { type: 'install' }, fetched: Part[]): Answer | undefined {
    const { engine, world } = this;
    const table = manifest?.tables[fetched.length];
    if (table !== undefined && world.random(3) > 0) return undefined;
    if (table !== undefined) {
      const found = world.bucket.get(tableName(table))?.body as Table | undefined;
      if (found === undefined) return { type: 'missing' };
      must(found.sha256 === table.sha256, `${this.boot} finds another table under the name of one`);
      fetched.push(world.truths.parts.get(found.sha256) as Part);
      return undefined;
    }
    const { branchId } = this.state as State;
    // What it holds of a branch that was replaced is what was to go.
    if (engine.branchId === '' || engine.branchId === branchId) this.truth.outgrown(engine, this.boot);
    else world.counters['disks that came along'] += 1;
    engine.install(branchId, position, fetched, world.chance(world.plan.remember));
    const { commits } = (manifest?.engine ?? { commits: 0 }) as { commits: number };
    must(engine.log.length === commits, `${this.boot} restores a checkpoint that lacks records`);
    this.truth.equals(engine, engine.log.length, this.boot);
    if (manifest !== null) world.counters.regrowths += 1;
    return { type: 'done' };
  }
}
