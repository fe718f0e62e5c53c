/**
 * The seat of a folder: of the threads of this process that have it open, which one does what only one may do.
 *
 * @module
 */

import type { Addon } from './addon.js';
import { type Environment, environment } from './environment.js';

/**
 * What the threads of this process that have one folder open share. One of them has the seat, and says what the others are
 * to know; they ask it. A thread that ends, however, leaves.
 */
export interface Seat {
  /** What the first one came with. */
  readonly agreement: string;
  /** By whoever has the seat, or had it last; empty when nobody goes on with it. */
  readonly said: string;
  /** Whether whoever has the seat has said that. */
  readonly isCurrent: boolean;
  /** How many there are besides. */
  readonly others: number;
  /**
   * From now on this one relies on the engine: whoever does not is not given the seat before it. False, and nothing is
   * changed, if this one has not the seat and nobody else relies on it.
   */
  attach(): boolean;
  /** Whether this one has the seat: it takes it if nobody has it. */
  take(): boolean;
  /** To all others, who hear the last that was said. Ignored without the seat. */
  say(text: string): void;
  /** Whoever has the seat, or has it next. */
  ask(text: string): void;
  /** The next question that nobody has taken; only with the seat. */
  asked(): string | undefined;
  /** Whether others go on when this one, who has the seat, leaves: then they do not leave before it. If not, nobody attaches. */
  handOver(): boolean;
  /** Whether others go on when this one, without the seat, leaves; then it will not be given the seat. */
  detach(): boolean;
  leave(): void;
}

class NativeSeat implements Seat {
  readonly #environment: Environment;
  readonly #addon: Addon;
  readonly #member: number;

  constructor(environment: Environment, member: number, onChange: () => void) {
    this.#environment = environment;
    this.#addon = environment.addon;
    this.#member = member;
    environment.members.set(member, onChange);
  }

  get agreement(): string {
    return this.#environment.answered(this.#addon.agreementOfSeat(this.#member));
  }

  get said(): string {
    return this.#environment.answered(this.#addon.saidOfSeat(this.#member));
  }

  get isCurrent(): boolean {
    return this.#environment.answered(this.#addon.seatIsCurrent(this.#member)) === 1;
  }

  get others(): number {
    return this.#environment.answered(this.#addon.othersOfSeat(this.#member));
  }

  attach(): boolean {
    return this.#environment.answered(this.#addon.attachToSeat(this.#member)) === 1;
  }

  take(): boolean {
    return this.#environment.answered(this.#addon.takeSeat(this.#member)) === 1;
  }

  say(text: string): void {
    this.#environment.answered(this.#addon.saySeat(this.#member, text));
  }

  ask(text: string): void {
    this.#environment.answered(this.#addon.askSeat(this.#member, text));
  }

  asked(): string | undefined {
    return this.#environment.answered(this.#addon.askedOfSeat(this.#member));
  }

  handOver(): boolean {
    return this.#environment.answered(this.#addon.handOverSeat(this.#member)) === 1;
  }

  detach(): boolean {
    return this.#environment.answered(this.#addon.detachFromSeat(this.#member)) === 1;
  }

  leave(): void {
    this.#environment.members.delete(this.#member);
    this.#addon.leaveSeat(this.#member);
  }
}

/**
 * Makes this open a member of the seat of a folder, and holds the lock file of the folder for all members. `agreement`: what
 * the first one comes with. `onChange` is called when something has changed, once for all that has; not for what this member does.
 *
 * @throws `COPPICE_LOCKED` while another process has the lock file.
 */
export function joinSeat(folder: string, lock: string, agreement: string, onChange: () => void): Seat {
  const here = environment();
  const member = here.answered(here.addon.joinSeat(folder, lock, agreement));
  return new NativeSeat(here, member, onChange);
}

/** Resolves when no thread of this process has the folder open to write any more. */
export function untilClosed(folder: string): Promise<void> {
  const here = environment();
  return here.task(here.addon.untilClosed(folder));
}
