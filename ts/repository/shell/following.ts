/**
 * What a replica knows of how far it has got: whether it holds what the branch held when it was opened, and how old what
 * it shows may be. It asks no clock but its own.
 *
 * A replica is up to date when it finds no further slot. Beside a writer that never rests it may not get there; so it lists
 * the slots now and then, and is as new as the list when it has read the last of them.
 *
 * @module
 */

import { type Answer, HEADS, type Head, parseName, type Request, type State, slotName } from '../protocol/index.js';
import type { Counted } from './counted.js';

/** After so many slots without an end the slots are listed again: one request more in so many. */
const SLOTS_BETWEEN_LISTS = 256;

export class Following {
  readonly #store: Counted;
  /** When a slot was last asked for. */
  #askedMs = 0;
  /** Everything that was in the store then is here. */
  #currentMs: number | undefined;
  /** And where the log stood when that was found out. */
  #currentSlot = 0;
  /** What the list said: every slot below was there at that time. */
  #listed: { readonly slot: number; readonly ms: number } | undefined;
  #isListing = false;
  /** Whose log it is. */
  #branchId = '';
  /** Whether the branch is being made. */
  #isYoung = false;

  constructor(store: Counted) {
    this.#store = store;
  }

  /** Whether everything is here that was in the store at some time since the replica was opened. */
  get isCurrent(): boolean {
    return this.#currentMs !== undefined;
  }

  /** How long ago everything that is here was all there was, or more; `undefined`: not known yet. */
  get behindMs(): number | undefined {
    return this.#currentMs === undefined ? undefined : Math.round(performance.now() - this.#currentMs);
  }

  /** A slot is about to be asked for. */
  asks(): void {
    this.#askedMs = performance.now();
  }

  /**
   * What the machine is to be told. A branch is there when it has a checkpoint, which says how its database was made: until
   * then its log is empty, and an engine that was made beforehand may be another.
   */
  heard(request: Request, answer: Answer): Answer {
    if (!('key' in request && request.key.startsWith(HEADS)) || answer.type !== 'found') return answer;
    const { manifest, origin, state } = answer.body as Head;
    this.#isYoung = state === 'live' && manifest === null && !origin?.manifest;
    return this.#isYoung ? { type: 'missing' } : answer;
  }

  /** Whether there is no such branch. */
  isNowhere({ phase, branchId }: State): boolean {
    return phase === 'waiting' && branchId === '' && !this.#isYoung;
  }

  /** The machine has gone on. Answers whether to another branch, which has replaced the one before: of that nothing is known yet. */
  moved(state: State): boolean {
    const { branchId, log, head } = state;
    const isOther = this.#branchId !== '' && this.#branchId !== branchId;
    this.#branchId = branchId;
    if (isOther) {
      this.#currentMs = undefined;
      this.#listed = undefined;
    }
    if (isAtEnd(state)) this.#found(this.#askedMs, log.slot);
    else if (this.#listed !== undefined && log.of === undefined && log.slot >= this.#listed.slot)
      this.#found(this.#listed.ms, log.slot);
    const isLate = !this.isCurrent || log.slot - this.#currentSlot >= SLOTS_BETWEEN_LISTS;
    if (isLate && head !== null && this.#listed === undefined && !this.#isListing) this.#list(state);
    return isOther;
  }

  #found(ms: number, slot: number): void {
    this.#currentMs = ms;
    this.#currentSlot = slot;
    this.#listed = undefined;
  }

  async #list({ branchId, head }: State): Promise<void> {
    const hint = head?.head.wal.hint ?? 1;
    const ms = performance.now();
    this.#isListing = true;
    try {
      const first = slotName(branchId, hint);
      const keys = await this.#store.list(first.slice(0, first.lastIndexOf('/') + 1), {
        after: slotName(branchId, hint - 1),
      });
      const last = parseName(keys.at(-1) ?? '');
      if (branchId !== this.#branchId) return;
      // A list may be old; that slots exist up to the hint is certain.
      this.#listed = { slot: last?.kind === 'slot' ? Math.max(hint, last.slot + 1) : hint, ms };
    } catch {
      // The machine finds out the same, and says so; when it goes on this is tried again.
    } finally {
      this.#isListing = false;
    }
  }
}

/** Whether the log was found to end where this node has got to. */
export function isAtEnd({ phase, branchId }: State): boolean {
  return phase === 'waiting' && branchId !== '';
}
