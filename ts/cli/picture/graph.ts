/**
 * The log of a store as a graph in text: a lane for each branch, the newest event on top. Plain ASCII, which every terminal shows.
 *
 * @module
 */

import type { LogEvent } from '../../repository/index.js';
import { printable } from '../text.js';
import { drawnOf, rootsOf } from './lanes.js';
import { timeOf, wordsOf } from './words.js';

const COLUMNS = 80;
/** What is said of an event is not cut shorter than this, however many lanes there are. */
const WORDS_MIN = 40;
const NAME_MAX = 20;

/** Which branch has which lane: the lowest that is free. */
class Lanes {
  readonly #lanes: (string | undefined)[];
  readonly #begun = new Set<string>();

  /** Branches that have grown from none have theirs from the start, so that they stay on the left. */
  constructor(roots: readonly string[]) {
    this.#lanes = [...roots];
  }

  of(branch: string): number {
    this.#begun.add(branch);
    const own = this.#lanes.indexOf(branch);
    if (own >= 0) return own;
    const free = this.#lanes.indexOf(undefined);
    const lane = free >= 0 ? free : this.#lanes.length;
    this.#lanes[lane] = branch;
    return lane;
  }

  free(lane: number): void {
    this.#lanes[lane] = undefined;
    while (this.#lanes.length > 0 && this.#lanes.at(-1) === undefined) this.#lanes.pop();
  }

  /** A cell for each lane, two characters wide. */
  cells(mark: (lane: number, isOpen: boolean) => string): string {
    return this.#lanes
      .map((branch, lane) => mark(lane, branch !== undefined && this.#begun.has(branch)))
      .join('')
      .trimEnd();
  }
}

export function graphOf(events: readonly LogEvent[]): string[] {
  const drawn = drawnOf(events);
  const lanes = new Lanes(rootsOf(drawn));
  return drawn.flatMap(({ event, lane, parent }) => {
    const own = lanes.of(lane);
    const row = labelled(
      lanes.cells((lane, isOpen) => (lane === own ? '* ' : isOpen ? '| ' : '  ')),
      event,
    );
    if (event.type !== 'branch') return [row];
    const join = parent === undefined ? undefined : joined(lanes, lanes.of(parent), own);
    lanes.free(own);
    return join === undefined ? [row] : [row, join];
  });
}

function labelled(drawn: string, event: LogEvent): string {
  const words = `${timeOf(event)} ${cut(printable(event.branch), NAME_MAX)}: ${wordsOf(event)}`;
  return `${drawn} ${cut(words, Math.max(WORDS_MIN, COLUMNS - drawn.length - 1))}`;
}

function cut(text: string, most: number): string {
  const letters = [...text];
  return letters.length <= most ? text : `${letters.slice(0, most - 3).join('')}...`;
}

/** The line in which a lane ends at the one that it has grown from. */
function joined(lanes: Lanes, parent: number, own: number): string {
  const [first, last] = [Math.min(parent, own), Math.max(parent, own)];
  return lanes.cells((lane, isOpen) => {
    const isBetween = lane >= first && lane < last;
    if (lane === own) return own > parent ? '/ ' : '\\-';
    // Beside its neighbour a slash says it all.
    if (lane === parent) return isBetween && last > first + 1 ? '|-' : '|';
    return `${isOpen ? '|' : isBetween ? '-' : ' '}${isBetween ? '-' : ' '}`;
  });
}
