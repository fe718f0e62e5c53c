/**
 * A branch that several threads of this process have open in one folder. They share the engine. One of them has the seat: it
 * carries the shell, and says how far the store has got; the others wait for that. When it closes or ends, whichever way, another
 * takes the seat and goes on from the position that the folder remembers, as a process would that was started again on this
 * disk: it claims the branch anew, and its fence stands behind whatever the one before has stored. Commits are accepted
 * meanwhile, and acknowledged when that is done.
 *
 * What must hold: before anything in the folder is taken back every thread has closed the engine; whoever waits for a commit
 * is told that it has failed only when it is certain that no slot holds it, and that nobody knows otherwise.
 *
 * @module
 */

import { randomUUID } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { orAborted, orElapsed, throwIfAborted } from '../abort.js';
import { aborted, type CoppiceError, closed } from '../errors.js';
import { CLOSE_MS } from '../limits.js';
import {
  type Engine,
  type EngineEvent,
  type EngineOptions,
  joinSeat,
  type Replication,
  type Seat,
} from '../native/index.js';
import { DatabaseFolder } from './folder.js';
import type { Agreement } from './options.js';
import type { LetOff } from './protocol/index.js';
import {
  type Answer,
  checkAgreement,
  decodeSaid,
  differs,
  encodeSaid,
  endedElsewhere,
  errorOf,
  failureOf,
  type Said,
} from './said.js';
import {
  Backlog,
  type Branch,
  type BranchStatus,
  branchExists,
  doubtful,
  failedCommit,
  fenced,
  fencedCommit,
  findRoot,
  KeepAlive,
  type OnProgress,
  OWN,
  type Published,
  repairFiles,
  Shell,
  type ShellEvent,
  type ShellOptions,
  shippedElsewhere,
  tellProgress,
  tellTrying,
  throughOutage,
  unshipped,
  Waiters,
} from './shell/index.js';

/** So many answers are repeated: each thread asks for one checkpoint after the other. */
const ANSWERS_MAX = 64;

type Options = Omit<ShellOptions, 'engine' | 'on'> & { readonly on: (event: EngineEvent | ShellEvent) => void };

export class SharedBranch implements Branch {
  readonly follows = false;
  readonly backlog: Backlog;
  readonly #options: Options;
  readonly #database: DatabaseFolder;
  readonly #seat: Seat;
  readonly #id = randomUUID();
  readonly #waiters = new Waiters();
  readonly #keepAlive = new KeepAlive();
  /** Who waits for the next change of the seat. */
  readonly #awaiting = new Set<() => void>();
  /** Who waits for a checkpoint that was asked for. */
  readonly #asking = new Map<string, { resolve(published: Published): void; reject(error: CoppiceError): void }>();
  #asked = 0;
  /** What another thread has said. */
  #heard: Said | undefined;
  #told = 0;
  /** It relies on the engine. */
  #isAttached = false;
  #isOvertaken = false;
  #ended: CoppiceError | undefined;
  #inDoubt = false;
  #hasLeft = false;
  /** This thread has the seat; while it takes over there is no shell yet. */
  #shell: Shell | undefined;
  #taking: Promise<void> | undefined;
  #giveUp = new AbortController();
  #published: Published | null = null;
  #answers: Record<string, Answer> = {};
  #saying: NodeJS.Immediate | undefined;
  /** Nobody goes on. */
  #isClosing = false;
  #closing: Promise<number> | undefined;

  private constructor(options: Options, engine: EngineOptions, agreement: Agreement) {
    const { folder, on } = options;
    this.#options = options;
    this.backlog = new Backlog(options.unshippedBytesMax, () => this.#saySoon());
    const beforeChange = () => this.#mustClose();
    this.#database = new DatabaseFolder(folder, engine, on, { beforeChange });
    this.#seat = joinSeat(folder, join(folder, OWN, 'lock'), JSON.stringify(agreement), () => this.#wake());
  }

  /** Opens the branch, or shares it with the threads of this process that have it open. */
  static async open(
    options: Options,
    engine: EngineOptions,
    agreement: Agreement,
  ): Promise<{ engine: Engine; branch: SharedBranch }> {
    await mkdir(join(options.folder, OWN), { recursive: true });
    const branch = new SharedBranch(options, engine, agreement);
    try {
      checkAgreement(agreement, JSON.parse(branch.#seat.agreement));
      await branch.#open();
    } catch (error) {
      await branch.#database.close().catch(() => {});
      branch.#leave();
      throw error;
    }
    return { engine: branch.#database.engine as Engine, branch };
  }

  stored(revision: number): Promise<void> {
    return this.#shell?.stored(revision) ?? this.#waiters.until(revision);
  }

  status(): BranchStatus {
    if (this.#shell !== undefined) return this.#shell.status();
    const { status } = this.#heard as Said;
    if (this.#taking === undefined) return status;
    return { ...status, role: 'claiming', ready: false, unshippedBytes: this.backlog.bytes };
  }

  get tip(): Branch['tip'] {
    return this.#shell?.tip;
  }

  repair(paths: readonly string[]): Promise<string[]> {
    const { folder, store, branch } = this.#options;
    const { replication } = this.#database.engine as { replication: Replication };
    return repairFiles({ folder, replication, store, branch }, paths);
  }

  async detach(): Promise<LetOff> {
    if (this.#shell !== undefined) return this.#shell.detach();
    throw this.#ended ?? shippedElsewhere();
  }

  async checkpoint(onProgress?: OnProgress): Promise<Published> {
    if (this.#shell !== undefined) return this.#shell.checkpoint(onProgress);
    if (this.#ended !== undefined) throw this.#ended;
    this.#asked += 1;
    const question = `${this.#id} ${this.#asked}`;
    this.#keepAlive.set(true);
    const answer = new Promise<Published>((resolve, reject) => this.#asking.set(question, { resolve, reject }));
    this.#seat.ask(question);
    const published = await answer.finally(() => {
      this.#asking.delete(question);
      this.#keepAlive.set(this.#asking.size > 0);
    });
    const { bytes } = published;
    if (onProgress !== undefined)
      tellProgress(onProgress, { phase: 'checkpoint', done: bytes, total: bytes, unit: 'bytes' });
    return published;
  }

  /**
   * The last thread ships what it can until then, and gives the branch up. Of any other the rest go on: it waits for what it
   * was asked to wait for, and answers how many records of all threads are not in the store yet.
   */
  close(timeoutMs = CLOSE_MS): Promise<number> {
    this.#closing ??= this.#close(performance.now() + timeoutMs);
    return this.#closing;
  }

  async #open(): Promise<void> {
    const { signal, branch, folder } = this.#options;
    for (;;) {
      throwIfAborted(signal, 'opening a branch');
      if (this.#seat.take()) return this.#begin();
      const said = this.#hear();
      if (said?.phase === 'ended' || said?.phase === 'overtaken') throw endedElsewhere(folder, branch);
      if (said === undefined || said.phase === 'closing') await this.#changes(signal);
      else if (await this.#join(said)) return;
    }
  }

  /** Nobody has the folder open. */
  async #begin(): Promise<void> {
    this.#shell = await Shell.open({ ...this.#shellOptions(), takesOver: false });
    await this.#shell.engine();
    this.#seat.attach();
    this.#isAttached = true;
    this.#say();
  }

  /** Another thread has it open. False if there is none any more. */
  async #join(said: Said): Promise<boolean> {
    const { branch, folder, store, wants, signal, onProgress } = this.#options;
    if (wants === 'new') throw branchExists(branch, folder);
    const until = signal ?? new AbortController().signal;
    const found = throughOutage(
      () => findRoot(store, until),
      until,
      (error) => tellTrying(onProgress, error),
    );
    const root = await found.catch((error: CoppiceError) => {
      if (error.code !== 'COPPICE_NOT_FOUND') throw error;
    });
    if (root?.databaseId !== said.databaseId) throw differs('store');
    if (!this.#seat.attach()) return false;
    await this.#database.open();
    this.#isAttached = true;
    this.#heard = said;
    this.#told = said.revision;
    for (;;) {
      this.#wake();
      if (this.#ended !== undefined) throw this.#ended;
      if (this.#isOvertaken) throw endedElsewhere(folder, branch);
      // Commits are accepted.
      if (this.#shell !== undefined || (this.#seat.isCurrent && this.#heard?.phase === 'open')) return true;
      await this.#changes(signal);
    }
  }

  #shellOptions(): ShellOptions {
    const { backlog } = this;
    return { ...this.#options, engine: this.#database, backlog, on: (event) => this.#tell(event) };
  }

  /** What the shell of this thread tells. */
  #tell(event: ShellEvent): void {
    switch (event.type) {
      case 'acknowledged':
        this.#reach(event.revision);
        return this.#saySoon();
      case 'published':
        this.#published = event.checkpoint;
        this.#options.on(event);
        return this.#saySoon();
      case 'overtaken':
        this.#overtake(event.error);
        return this.#say();
      case 'ended':
        if (this.#giveUp.signal.aborted) return;
        // Where a fence was met, what is beyond it has been taken back for certain.
        this.#inDoubt = this.#taking !== undefined && !this.#isOvertaken;
        this.#end(event.error);
        return this.#say();
    }
  }

  /** Something of the seat has changed. */
  #wake(): void {
    if (this.#hasLeft) return;
    for (const resolve of [...this.#awaiting]) resolve();
    if (!this.#isAttached) return;
    const said = this.#hear();
    if (said !== undefined && said.carrier !== this.#id) this.#follow(said);
    if (this.#hasLeft || this.#ended !== undefined) return;
    if (this.#shell !== undefined) {
      this.#answer();
      this.#saySoon();
    } else if (this.#taking === undefined && this.#seat.take()) {
      this.#taking = this.#takeOver();
      this.#saySoon();
    }
  }

  #follow(said: Said): void {
    const before = this.#heard;
    this.#heard = said;
    this.#reach(said.revision);
    this.backlog.weigh(said.status.unshippedBytes);
    const { published, error } = said;
    if (published !== null && before !== undefined && published.location !== before.published?.location) {
      this.#options.on({ type: 'published', checkpoint: published });
    }
    for (const [question, answer] of Object.entries(said.answers)) {
      if ('published' in answer) this.#asking.get(question)?.resolve(answer.published);
      else this.#asking.get(question)?.reject(errorOf(answer.error));
    }
    // What the one before was asked may have ended with it.
    if (before !== undefined && before.carrier !== said.carrier) {
      for (const question of this.#asking.keys()) this.#seat.ask(question);
    }
    if (said.phase === 'overtaken') this.#overtake(fenced(this.#options.branch));
    if (said.phase !== 'ended' || error === null || this.#ended !== undefined) return;
    this.#inDoubt = said.inDoubt;
    this.#end(errorOf(error));
  }

  /** Everything up to there is in the store. */
  #reach(revision: number): void {
    this.#waiters.acknowledge(revision);
    if (revision <= this.#told) return;
    this.#told = revision;
    this.#options.on({ type: 'acknowledged', revision });
  }

  /** Whoever had the seat has gone: this thread ships from now on. */
  async #takeOver(): Promise<void> {
    // An owner that is another node by now is left in peace.
    const options: ShellOptions = { ...this.#shellOptions(), mode: 'standby', wants: 'any', takesOver: true };
    try {
      const { signal } = this.#giveUp;
      this.#watchBacklog();
      const shell = await Shell.open({ ...options, signal, onProgress: undefined });
      this.#shell = shell;
      this.#reach(shell.status().revision);
      for (const [question, { resolve, reject }] of this.#asking) {
        this.#asking.delete(question);
        shell.checkpoint().then(resolve, reject);
      }
      this.#answer();
    } catch (error) {
      if (this.#ended === undefined && !this.#giveUp.signal.aborted) {
        this.#inDoubt = true;
        this.#end(error as CoppiceError);
      }
    } finally {
      this.#taking = undefined;
      this.#say();
      for (const resolve of [...this.#awaiting]) resolve();
    }
  }

  /** Until there is a shell, which does it itself. */
  #watchBacklog(): void {
    const replication = this.#database.engine?.replication;
    replication?.onLogged(() => this.backlog.weigh(replication.logBytesAfter(this.#heard?.seq ?? 0)));
  }

  /** The branch has been lost: nothing of the folder is to be held when it is taken back. */
  #overtake(error: CoppiceError): void {
    if (this.#isOvertaken) return;
    this.#isOvertaken = true;
    this.#options.on({ type: 'overtaken', error });
    // Whoever has the seat closes what is its own itself.
    if (this.#shell === undefined && this.#taking === undefined) this.#database.close().catch(() => {});
  }

  /** The folder is about to be changed. */
  #mustClose(): void {
    if (!this.#isAttached || this.#isOvertaken) return;
    this.#overtake(fenced(this.#options.branch));
    this.#say();
  }

  #end(error: CoppiceError): void {
    const { branch, on } = this.#options;
    const isFenced = error.code === 'COPPICE_FENCED';
    if (isFenced) this.#overtake(error);
    this.#ended = error;
    const isDoubtful = this.#inDoubt;
    this.#waiters.end((revision) => {
      if (!isFenced) return failedCommit(error, revision);
      return isDoubtful ? doubtful(branch, revision) : fencedCommit(branch, revision);
    });
    for (const { reject } of this.#asking.values()) reject(error);
    on({ type: 'ended', error });
    // Whoever opens it again is not to wait for this one.
    const hasSeat = this.#shell !== undefined || this.#taking !== undefined;
    if (isFenced && !hasSeat && this.#isAttached)
      this.#database
        .close()
        .finally(() => this.#leave())
        .catch(() => {});
  }

  #saySoon(): void {
    if (this.#shell === undefined && this.#taking === undefined) return;
    this.#saying ??= setImmediate(() => {
      this.#saying = undefined;
      this.#say();
    });
  }

  #phase(): Said['phase'] {
    if (this.#ended !== undefined) return 'ended';
    if (this.#isOvertaken) return 'overtaken';
    if (this.#shell === undefined) return 'taking';
    return this.#isClosing ? 'closing' : 'open';
  }

  /** Tells the others, if there are any. */
  #say(): void {
    if (this.#hasLeft || !this.#isAttached || this.#seat.others === 0) return;
    const shell = this.#shell;
    const error = this.#ended;
    const said: Said = {
      carrier: this.#id,
      phase: this.#phase(),
      databaseId: shell?.databaseId ?? (this.#heard as Said).databaseId,
      revision: this.#told,
      seq: shell?.storedSeq ?? (this.#heard as Said).seq,
      status: this.status(),
      published: this.#published ?? this.#heard?.published ?? null,
      answers: this.#answers,
      error: error === undefined ? null : failureOf(error),
      inDoubt: this.#inDoubt,
    };
    this.#seat.say(encodeSaid(said));
  }

  #hear(): Said | undefined {
    return decodeSaid(this.#seat.said);
  }

  /** Checkpoints that other threads have asked for. */
  #answer(): void {
    for (let question = this.#seat.asked(); question !== undefined; question = this.#seat.asked()) {
      const to = question;
      const say = (answer: Answer) => {
        const answers = { ...this.#answers, [to]: answer };
        this.#answers = Object.fromEntries(Object.entries(answers).slice(-ANSWERS_MAX));
        this.#saySoon();
      };
      (this.#shell as Shell).checkpoint().then(
        (published) => say({ published }),
        (error: CoppiceError) => {
          // Whoever comes next is asked again.
          if (this.#closing === undefined) say({ error: failureOf(error) });
        },
      );
    }
  }

  /** Resolves when something of the seat has changed, or of what this thread does with it. */
  async #changes(signal: AbortSignal | undefined): Promise<void> {
    const keepAlive = new KeepAlive();
    keepAlive.set(true);
    let resolve = () => {};
    const change = new Promise<void>((done) => {
      resolve = done;
    });
    this.#awaiting.add(resolve);
    const waiting =
      signal === undefined ? change : orAborted(change, signal, () => aborted(signal, 'opening a branch'));
    await waiting.finally(() => {
      this.#awaiting.delete(resolve);
      keepAlive.set(false);
    });
  }

  async #close(untilMs: number): Promise<number> {
    const leftMs = () => Math.max(0, untilMs - performance.now());
    try {
      if (!this.#hasLeft && this.#seat.others > 0) await orElapsed(this.#idle(), leftMs());
      await orElapsed(this.#mayGo(), leftMs());
      const shell = this.#shell;
      if (shell !== undefined) {
        const handsOver = this.#seat.handOver();
        this.#isClosing = !handsOver;
        this.#say();
        return await shell.close(leftMs(), handsOver && this.#ended === undefined);
      }
      const lastSeq = this.#ended === undefined ? (this.#database.engine?.replication?.lastSeq ?? 0) : 0;
      const left = lastSeq - (this.#heard?.seq ?? 0);
      this.#giveUp.abort();
      await this.#taking;
      await this.#database.close();
      return Math.max(0, left);
    } finally {
      this.#waiters.end(unshipped);
      for (const { reject } of this.#asking.values()) reject(closed('database'));
      this.#leave();
    }
  }

  async #idle(): Promise<void> {
    await Promise.all([this.#waiters.idle(), this.#shell?.idle()]);
  }

  /** The last one takes the seat before it goes, to ship what is left and to give the branch up. */
  async #mayGo(): Promise<void> {
    const isDone = () => this.#shell !== undefined || this.#ended !== undefined || this.#hasLeft;
    while (!isDone() && (this.#taking !== undefined || !this.#seat.detach())) await this.#changes(undefined);
  }

  #leave(): void {
    if (this.#hasLeft) return;
    this.#hasLeft = true;
    clearImmediate(this.#saying);
    for (const resolve of [...this.#awaiting]) resolve();
    this.#seat.leave();
  }
}
