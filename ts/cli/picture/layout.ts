/**
 * Where everything stands in a picture of the log of a store: time from left to right, one event a column, a lane for each branch.
 *
 * @module
 */

import type { LogEvent } from '../../repository/index.js';
import { type Drawn, drawnOf, rootsOf } from './lanes.js';

export interface Lane {
  readonly name: string;
  /** From the top. */
  readonly row: number;
  /** Columns of its first and last event, or of the last branch that has grown from it, if that is later. */
  readonly first: number;
  readonly last: number;
  readonly parent: string | undefined;
  readonly isDropped: boolean;
}

export interface Layout {
  readonly lanes: ReadonlyMap<string, Lane>;
  /** The oldest first: each one's column is its place. */
  readonly drawn: readonly Drawn[];
}

/** Branches stand below what they have grown from, the latest next to it: so no curve crosses a lane that has begun. */
export function layoutOf(newestFirst: readonly LogEvent[]): Layout {
  const drawn = drawnOf(newestFirst).reverse();
  const lanes = new Map<string, Lane>();
  const firstOf = (id: string) => drawn.findIndex(({ lane, parent }) => lane === id || parent === id);
  const place = (id: string) => {
    const own = drawn.filter(({ lane }) => lane === id);
    const events = own.map(({ event }) => event).filter((event) => event.id === id);
    const name = (events[0] ?? own[0]?.event)?.branch ?? '';
    const isDropped = events.some(({ type }) => type === 'drop');
    const last = drawn.findLastIndex(({ lane, parent }) => lane === id || parent === id);
    const parent = own.find(({ parent }) => parent !== undefined)?.parent;
    lanes.set(id, { name, row: lanes.size, first: firstOf(id), last, parent, isDropped });
    const children = new Set(drawn.flatMap(({ lane, parent }) => (parent === id ? [lane] : [])));
    for (const child of [...children].sort((a, b) => firstOf(b) - firstOf(a))) place(child);
  };
  for (const root of rootsOf(drawn)) place(root);
  return { lanes, drawn };
}
