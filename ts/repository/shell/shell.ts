/**
 * The shell around the machine of a node: it carries out what the machine asks, against a store and the engine of a
 * folder, and tells those who wait for commits what the machine says. It decides nothing about the branch.
 *
 * @module
 */

import { setMaxListeners } from 'node:events';
import { aborted, CoppiceError, closed } from '../../errors.js';
import { CLOSE_MS } from '../../limits.js';
import type { Replication } from '../../native/types.js';
import {
  type Answer,
  type Forking,
  type Head,
  isMade,
  knownUpTo,
  type Local,
  type Notice,
  ORIGIN,
  type Position,
  type Request,
  type Slot,
  type State,
} from '../protocol/index.js';
import { adopt } from './adoption.js';
import { Backlog } from './backlog.js';
import { type Belonging, belong, removeTraces } from './belonging.js';
import type { Branch } from './branch.js';
import { Budget } from './budget.js';
import { Checkpoints } from './checkpoints.js';
import { Counted } from './counted.js';
import { noCounts } from './counts.js';
import { Disk, LOST } from './disk.js';
import { Downloads } from './download.js';
import { Driver } from './driver.js';
import type { OpenEngine } from './engine.js';
import {
  branchExists,
  failed,
  failedCommit,
  fenced,
  fencedCommit,
  isPassing,
  mayCome,
  noBranch,
  ofOwner,
  unshipped,
} from './errors.js';
import type { Published } from './events.js';
import { Following, isAtEnd } from './following.js';
import { type ShellOptions, settingsOf } from './options.js';
import { makeOwn } from './own-tables.js';
import { type OnProgress, type Progress, Reading, tellProgress, tellTrying, uploads } from './progress.js';
import { Remote } from './remote.js';
import { repairFiles } from './repair.js';
import { type BranchStatus, statusOf } from './status.js';
import { tidy, tipOf } from './tidy.js';
import { Waiters } from './waiters.js';

const ENDED: ReadonlySet<State['phase']> = new Set(['restored', 'deposed', 'closed', 'failed']);

export class Shell implements Branch {
  readonly #options: ShellOptions;
  readonly #belonging: Belonging;
  readonly #counts = noCounts();
  readonly #waiters = new Waiters();
  readonly #abort = new AbortController();
  readonly #disk: Disk;
  readonly #remote: Remote;
  readonly #checkpoints: Checkpoints;
  /** What is on this disk only. */
  readonly backlog: Backlog;
  /** Of a replica. */
  readonly #following: Following | undefined;
  /** The newest revision that it has shown; 0: none yet. */
  #shown = 0;
  readonly #reading = new Reading();
  /** Those who hear how far a checkpoint is. */
  readonly #watching = new Set<OnProgress>();
  #driver!: Driver;
  /** Commits may be made, or what is to be read is there. */
  #isReady = false;
  #isOpen = false;
  /** What has to be in the store before the open resolves. */
  #heldSeq = 0;
  #error: CoppiceError | undefined;
  #shippedMs: number | undefined;
  #closing: Promise<number> | undefined;
  #hasClosed = false;

  private constructor(options: ShellOptions, belonging: Belonging) {
    const { folder, engine, on } = options;
    this.#options = options;
    this.#belonging = belonging;
    // Every request under way listens.
    setMaxListeners(0, this.#abort.signal);
    const store = new Counted(options.store, this.#counts, this.#abort.signal);
    const budget = new Budget();
    this.backlog = options.backlog ?? new Backlog(options.unshippedBytesMax);
    this.#following = options.mode === 'replica' && options.until === null ? new Following(store) : undefined;
    const downloaded = (done: number, total: number) => {
      if (!this.#isReady) this.#progress({ phase: 'tables', done, total, unit: 'bytes' });
    };
    const isAwaited = () => options.shipsFirst || this.#waiters.areAny;
    this.#disk = new Disk(
      engine,
      belonging.place,
      new Downloads(folder, store, budget, options.near, downloaded),
      isAwaited,
    );
    this.#remote = new Remote(store, budget, (id) => this.#disk.pinned.pathOf(id));
    this.#checkpoints = new Checkpoints(options.checkpoint, store.location, (checkpoint) => {
      this.#disk.pinned.release();
      on({ type: 'published', checkpoint });
    });
  }

  /**
   * Opens the branch, and resolves when commits may be made, the copy is complete, or a replica holds what was in the store
   * when it was opened. A standby waits until the owner has gone. It goes on trying for as long as the store cannot be reached.
   */
  static async open(options: ShellOptions): Promise<Shell> {
    const { signal } = options;
    const shell = new Shell(options, await belong(options, signal ?? new AbortController().signal));
    const giveUp = () => shell.#end(aborted(signal as AbortSignal, 'opening a branch'));
    signal?.addEventListener('abort', giveUp, { once: true });
    try {
      if (signal?.aborted) giveUp();
      await shell.#open();
      return shell;
    } catch (error) {
      await shell.close(0).catch(() => {});
      throw error;
    } finally {
      signal?.removeEventListener('abort', giveUp);
    }
  }

  /** Whether it only reads, and follows whoever writes. */
  get follows(): boolean {
    return this.#following !== undefined;
  }

  /** The engine of the folder, for whoever reads and writes. Nobody else closes it. */
  engine(): Promise<OpenEngine> {
    return this.#disk.open();
  }

  /** Resolves when a revision is in the store, where no other machine takes it back; of a replica: and can be read here. */
  stored(revision: number): Promise<void> {
    return this.#waiters.until(revision);
  }

  /** Resolves when whoever waits now for something to be stored knows what came of it. */
  idle(): Promise<void> {
    return this.#waiters.idle();
  }

  /** Of the repository. */
  get databaseId(): string {
    return this.#belonging.place.remembered.databaseId;
  }

  /** What it knows of the end of its log, for whoever makes a branch of it; nothing unless it leads. */
  get tip(): Forking['known'] {
    return tipOf(this.#driver.state);
  }

  /** The last record that is in the store. */
  get storedSeq(): number {
    return this.#driver.state.log.seq;
  }

  status(): BranchStatus {
    const ago = this.#shippedMs === undefined ? undefined : Math.round(performance.now() - this.#shippedMs);
    const { state } = this.#driver;
    const bytes = this.#unshippedBytes();
    const behindMs = this.#following?.behindMs;
    const status = statusOf(state, this.#options.store, this.#counts, { ago, bytes, behindMs });
    if (this.#error === undefined) return status;
    // The machine does not know what has ended it from outside.
    const role = ENDED.has(state.phase) ? status.role : 'failed';
    return { ...status, role, ready: false, reason: this.#error.message };
  }

  /** Publishes everything that was committed before the call, and lets go of what is not kept any longer. */
  async checkpoint(onProgress?: OnProgress): Promise<Published> {
    const { replication } = await this.#disk.open();
    const taking = this.#checkpoints.take(this.#driver, replication.lastSeq);
    const published = await (onProgress === undefined ? taking : this.#watch(taking, onProgress));
    if (published !== undefined) return published;
    // A close that is under way begins no checkpoint, and gives up one that the store does not come to have.
    throw this.#error ?? (this.#closing === undefined ? fenced(this.#options.branch) : closed('database'));
  }

  readonly detach = () => makeOwn(this.#driver, this.#checkpoints, this.#options, this.#abort.signal);

  async repair(paths: readonly string[]): Promise<string[]> {
    const { replication } = await this.#disk.open();
    const { folder, store, branch } = this.#options;
    return repairFiles({ folder, replication, store, branch }, paths);
  }

  /**
   * Ships what it can until then, gives the branch up and closes the engine. Answers how many records are on this disk
   * only; they are shipped when the branch is opened here again. `handsOver`: another thread goes on, so that nothing is given
   * up, and commits are accepted.
   */
  close(timeoutMs = CLOSE_MS, handsOver = false): Promise<number> {
    this.#closing ??= this.#close(timeoutMs, handsOver);
    return this.#closing;
  }

  async #open(): Promise<void> {
    await this.#adopt();
    const { place } = this.#belonging;
    const { local } = place.remembered;
    const lastSeq = local === null ? 0 : (await this.#disk.open()).replication.lastSeq;
    // Records are on the disk before the position after them; without them it is another disk.
    if (place.isNew) {
      // While the store is asked: whatever is done with the folder waits for it.
      this.#disk.lose().catch((error) => this.#end(error));
      this.#drive(null);
    } else if (local === null || lastSeq < local.position.seq) await this.#lose();
    else this.#drive({ ...local, logged: lastSeq });
    for (let driver: Driver | undefined; driver !== this.#driver && this.#error === undefined; ) {
      driver = this.#driver;
      await driver.until(({ phase }) => ENDED.has(phase) || this.#isReady);
    }
    // Rule: a checkpoint says how the database was made before the log says anything.
    const isSettled = ({ head, log }: State) => isMade(head?.head) && log.seq >= this.#heldSeq;
    if (this.#error === undefined && !this.follows && !this.#options.takesOver) {
      await this.#driver.until((state) => ENDED.has(state.phase) || isSettled(state));
    }
    if (this.#error !== undefined) throw this.#error;
    if (this.#driver.state.phase === 'deposed') throw fenced(this.#options.branch);
    this.#isOpen = true;
  }

  /** A database that belongs to no branch becomes the first content of this one. */
  async #adopt(): Promise<void> {
    const { place, mark } = this.#belonging;
    if (mark === undefined) return;
    const { signal } = this.#abort;
    await adopt({ options: this.#options, place, mark, disk: this.#disk, remote: this.#remote, signal });
    this.#disk.pinned.release();
  }

  #drive(local: Local | null): void {
    // Whoever gave up while the folder was emptied begins nothing.
    if (this.#error !== undefined || this.#hasClosed) return;
    const { disk } = this.#belonging.place.remembered;
    const driver: Driver = new Driver(settingsOf(this.#options, disk), local, {
      carry: (request) => this.#carry(request),
      notice: (notice) => this.#notice(notice),
      moved: (state) => this.#moved(state),
      isOpening: () => !this.#isOpen,
      failed: (error, failures) => this.#failed(error, failures),
    });
    this.#driver = driver;
  }

  async #carry(request: Exclude<Request, { type: 'wait' }>): Promise<Answer> {
    const isOpening = this.#driver.state.phase === 'opening';
    if (request.type === 'get') this.#following?.asks();
    if (request.type === 'install') this.#ahead(request.position);
    const answer = (await this.#remote.carry(request)) ?? (await this.#local(request));
    const isNew = this.#options.wants === 'new' && this.#belonging.mark === undefined;
    const isThere = isOpening && answer.type === 'found' && (answer.body as Head).state !== 'gone';
    if (isThere && isNew) this.#end(this.#exists());
    if (this.#following !== undefined) return this.#following.heard(request, answer);
    const isSlot = request.type === 'put' && 'previous' in request.body;
    if (isSlot && answer.type === 'stored') this.#count(request.body as Slot);
    return answer;
  }

  /** While tables are on their way, the slots that come after them are too. */
  #ahead(log: Position): void {
    const { branchId, head } = this.#driver.state;
    this.#remote.ahead(log.of ?? branchId, log.slot, knownUpTo({ branchId, head, log }));
  }

  #count({ records }: Slot): void {
    this.#shippedMs = performance.now();
    this.#checkpoints.count((records?.body as Uint8Array | undefined)?.length ?? 0);
  }

  async #local(request: Request): Promise<Answer> {
    const driver = this.#driver;
    const { branch, on, takesOver } = this.#options;
    const isTaking = takesOver && !this.#isReady;
    // The last put of the thread before may have come to its end after it: what is below the fence is in the branch.
    if (isTaking && request.type === 'cut') on({ type: 'acknowledged', revision: request.position.revision });
    // A replica takes back nothing that it has shown: it only steps over the fence of a new owner.
    if (request.type === 'cut' && (this.#isReady || isTaking) && !this.follows)
      on({ type: 'overtaken', error: fenced(branch) });
    // What others read and write is not replaced: the branch has gone on without them.
    if (isTaking && request.type === 'install') this.#end(fenced(branch));
    if (this.#error !== undefined) throw this.#error;
    let answer: Answer | typeof LOST;
    try {
      answer = await this.#disk.carry(request, driver.state.branchId);
    } catch (error) {
      if (!mayCome(error)) this.#end(error);
      throw error;
    }
    // The fence of another node stands where this one would have gone on: what is beyond it has been taken back.
    if (isTaking && request.type === 'cut') {
      this.#waiters.end((revision) => fencedCommit(branch, revision));
      this.#end(fenced(branch));
    }
    if (answer !== LOST) return answer;
    // What it was told before it was opened again is of no use to an owner that steps down.
    if (this.#isReady && !this.follows) return { type: 'done' };
    driver.stop();
    this.#drive(null);
    return { type: 'unknown', why: 'the folder held something else, and begins anew' };
  }

  #exists(): CoppiceError {
    return branchExists(this.#options.branch, this.#options.store.location);
  }

  async #watch<T>(taking: Promise<T>, onProgress: OnProgress): Promise<T> {
    // One of each call, also of the same function.
    const watching: OnProgress = (progress) => onProgress(progress);
    this.#watching.add(watching);
    return taking.finally(() => this.#watching.delete(watching));
  }

  #progress(progress: Progress | undefined): void {
    const { onProgress } = this.#options;
    if (progress !== undefined && onProgress !== undefined) tellProgress(onProgress, progress);
  }

  #moved(state: State): void {
    if (!this.#isReady) this.#progress(this.#reading.of(state));
    const uploaded = this.#watching.size > 0 ? uploads(state) : undefined;
    if (uploaded !== undefined) for (const watching of this.#watching) tellProgress(watching, uploaded);
    this.#follow(state);
    // The head names another owner.
    if (this.#options.takesOver && !this.#isReady && isAtEnd(state)) this.#end(fenced(this.#options.branch));
  }

  /** What a replica shows follows what it has read. */
  #follow(state: State): void {
    const following = this.#following;
    if (following === undefined) return;
    if (following.moved(state)) {
      this.#shown = ORIGIN.revision;
      this.#waiters.restart();
    }
    const { branch, store, folder } = this.#options;
    const { replication } = this.#disk;
    const { log } = state;
    if (following.isNowhere(state)) return this.#end(noBranch(branch, store));
    if (replication === undefined || !following.isCurrent) return;
    if (!this.#isReady) {
      const isWhole = replication.lastSeq <= log.seq;
      if (!isWhole && isAtEnd(state)) this.#end(ofOwner(folder));
      // What this disk has read before is shown again only when all of it is there.
      if (!isWhole) return;
      this.#isReady = true;
    }
    replication.raise(log.revision);
    if (log.revision <= this.#shown) return;
    this.#waiters.acknowledge(log.revision);
    if (this.#shown > 0) this.#options.on({ type: 'acknowledged', revision: log.revision });
    this.#shown = log.revision;
  }

  async #lose(): Promise<void> {
    await this.#disk.lose();
    this.#drive(null);
  }

  #failed(error: unknown, failures: number): void {
    this.#counts.failures += 1;
    if (!isPassing(error, !this.#isReady && !this.#options.takesOver, failures)) this.#end(error);
    else if (!this.#isReady) tellTrying(this.#options.onProgress, error);
  }

  #notice(notice: Notice): void {
    const { branch, on } = this.#options;
    switch (notice.type) {
      case 'lead':
        try {
          return this.#lead();
        } catch (error) {
          return this.#end(error);
        }
      case 'restored':
        this.#isReady = true;
        return;
      case 'acknowledge': {
        const { revision } = notice.position;
        this.#disk.reach({ branchId: this.#driver.state.branchId, position: notice.position });
        this.#weigh();
        this.#waiters.acknowledge(revision);
        on({ type: 'acknowledged', revision });
        return this.#checkpoints.due(this.#driver);
      }
      case 'fenced':
        this.#waiters.end((revision) => fencedCommit(branch, revision));
        return this.#end(fenced(branch));
      case 'published':
        this.#checkpoints.published(this.#driver);
        return tidy(this.#driver.state, this.#options.store, this.#abort.signal);
      case 'failed':
        return this.#end(failed(branch, this.#options.store, this.#driver.state));
      case 'closed':
    }
  }

  /** At once: a moment later another node may have the branch. */
  #lead(): void {
    const { revision } = this.#driver.state.log;
    const replication = this.#disk.replication as Replication;
    replication.raise(revision);
    this.#waiters.acknowledge(revision);
    replication.lead(true);
    replication.onLogged((seq) => {
      this.#driver.tell({ type: 'logged', seq });
      this.#weigh();
    });
    this.#weigh();
    const { durableSeq } = replication;
    if (this.#options.shipsFirst) this.#heldSeq = durableSeq;
    this.#driver.tell({ type: 'logged', seq: durableSeq });
    this.#checkpoints.due(this.#driver);
    this.#isReady = true;
  }

  #unshippedBytes(): number {
    const { replication } = this.#disk;
    const { seq } = this.#driver.state.log;
    return replication === undefined || replication.lastSeq <= seq ? 0 : replication.logBytesAfter(seq);
  }

  #weigh(): void {
    this.backlog.weigh(this.#unshippedBytes());
  }

  /** For good, in this process. */
  #end(cause: unknown): void {
    if (this.#error !== undefined || this.#hasClosed) return;
    const { branch, on } = this.#options;
    const message = `the branch "${branch}" cannot be used: ${(cause as Error).message}`;
    const error = cause instanceof CoppiceError ? cause : new CoppiceError('IO', message, { cause });
    this.#error = error;
    this.#driver?.stop();
    this.#abort.abort(error);
    // Another thread goes on where this one has only given up to.
    const goesOn = this.#options.takesOver && error.code === 'COPPICE_ABORTED';
    if (!goesOn) this.#disk.replication?.lead(false);
    this.#waiters.end((revision) => failedCommit(error, revision));
    on({ type: 'ended', error });
  }

  async #close(timeoutMs: number, handsOver: boolean): Promise<number> {
    let left = 0;
    try {
      const owns = this.#error === undefined && this.#isReady && !this.follows;
      if (owns && !handsOver) await this.#giveUp(timeoutMs);
      const held = this.follows ? 0 : (this.#disk.replication?.lastSeq ?? 0);
      left = Math.max(0, held - (this.#driver?.state.log.seq ?? 0));
    } finally {
      this.#hasClosed = true;
      this.#driver?.stop();
      this.#waiters.end(this.follows ? () => closed('database') : unshipped);
      this.#abort.abort();
      await this.#disk.close().finally(() => this.#leave());
    }
    return left;
  }

  /** Gives the folder back. A copy that is complete belongs to nobody, and of any other nothing is left. */
  async #leave(): Promise<void> {
    const { until, engine, folder } = this.#options;
    const isCopy = until !== null;
    try {
      if (isCopy && !this.#isReady) await engine.clear();
    } finally {
      this.#belonging.unlock();
      if (isCopy) await removeTraces(folder);
    }
  }

  async #giveUp(timeoutMs: number): Promise<void> {
    const { replication } = await this.#disk.open();
    replication.lead(false);
    // Only what is on the disk is shipped.
    this.#driver.tell({ type: 'logged', seq: await replication.sync() });
    this.#driver.tell({ type: 'close' });
    const timer = setTimeout(() => this.#driver.stop(), timeoutMs);
    await this.#driver.until(({ phase }) => ENDED.has(phase)).finally(() => clearTimeout(timer));
  }
}
