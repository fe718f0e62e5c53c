/**
 * A job changes the heads of branches that it does not own: it asks one thing of the store after another, and whoever
 * carries it out answers each. It may be killed between any two requests; `mend.ts` says what becomes of what it has left.
 *
 * Nobody has to wait for a job, and none waits for anybody: each change of a head is settled by reading back.
 *
 * @module
 */

import { headName } from '../names.js';
import { type Head, sha256 } from '../objects.js';
import type { Answer, Request, Seen } from '../state.js';

export type StoreRequest = Request & { readonly type: 'get' | 'put' | 'list' | 'delete' };

/** After the answer `unknown` the same is asked again, for as long as it takes; whoever carries it out waits a while before. */
export type Job<T> = Generator<StoreRequest, T, Answer>;

/** Who does a job. What it makes has names of its own. */
export class Hand {
  readonly #id: string;
  #made = 0;

  /** `id`: random. */
  constructor(id: string) {
    this.#id = id;
  }

  /** Another one each time: 32 hexadecimal digits. */
  name(): string {
    this.#made += 1;
    return sha256(`${this.#id} ${this.#made}`).slice(0, 32);
  }
}

/** Until somebody knows what came of it. */
export function* sure(request: StoreRequest): Job<Answer> {
  for (;;) {
    const answer = yield request;
    if (answer.type !== 'unknown') return answer;
  }
}

export function* readHead(branch: string): Job<Seen | null> {
  const answer = yield* sure({ type: 'get', key: headName(branch) });
  return answer.type === 'found' ? { head: answer.body as Head, etag: answer.etag } : null;
}

/** Puts a head over the one that it was made from, or where there is none; if that was not to be, what is there instead. */
export function* putHead(
  hand: Hand,
  head: Head,
  over: Seen | null,
): Job<{ readonly won: boolean; readonly now: Seen | null }> {
  const body = { ...head, nonce: hand.name() };
  // Rule compare-and-set: a head is only put over the one that it was made from.
  const etag = over?.etag ?? null;
  for (;;) {
    const answer = yield { type: 'put', key: headName(head.name), body, etag };
    if (answer.type === 'stored') return { won: true, now: { head: body, etag: answer.etag } };
    const now = yield* readHead(head.name);
    if (now?.head.nonce === body.nonce) return { won: true, now };
    // Rule head-unmoved: until the head moves, the same bytes may still land, and nothing else is tried.
    if ((now?.etag ?? null) !== etag) return { won: false, now };
  }
}

/** Makes a change of whatever head it meets; nothing if it makes no sense of one. */
export function* changeHead(hand: Hand, seen: Seen | null, change: (head: Head) => Head | null): Job<Seen | null> {
  for (let over = seen; over !== null; ) {
    const next = change(over.head);
    if (next === null) return null;
    const { won, now } = yield* putHead(hand, next, over);
    if (won) return now;
    over = now;
  }
  return null;
}
