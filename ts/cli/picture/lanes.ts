/**
 * To which lane of a picture events belong: that of their branch, or, of a tag, that of the branch that it is of.
 *
 * @module
 */

import type { LogEvent } from '../../repository/index.js';

export interface Drawn {
  readonly event: LogEvent;
  /** The id of a branch. */
  readonly lane: string;
  /** The lane from which this one grows here. */
  readonly parent: string | undefined;
}

/** In their order. */
export function drawnOf(events: readonly LogEvent[]): Drawn[] {
  const tags = new Map(events.flatMap((event) => (event.type === 'tag' ? [[event.id, event.fromId] as const] : [])));
  const laneOf = (id: string): string => {
    const of = tags.get(id);
    return of === undefined ? id : laneOf(of);
  };
  const lanes = new Set(events.map(({ id }) => laneOf(id)));
  return events.map((event) => {
    const parent = event.type === 'branch' ? laneOf(event.fromId) : undefined;
    return { event, lane: laneOf(event.id), parent: parent !== undefined && lanes.has(parent) ? parent : undefined };
  });
}

/** Lanes that grow from no other one, `main` first. */
export function rootsOf(drawn: readonly Drawn[]): string[] {
  const grown = new Set(drawn.flatMap(({ lane, parent }) => (parent === undefined ? [] : [lane])));
  const names = new Map(drawn.map(({ event, lane }) => [lane, event.branch]));
  for (const { event, lane } of drawn) if (event.id === lane) names.set(lane, event.branch);
  const roots = [...names].filter(([lane]) => !grown.has(lane));
  return roots.sort(([, a], [, b]) => mainFirst(a, b)).map(([lane]) => lane);
}

function mainFirst(a: string, b: string): number {
  if (a === 'main' || b === 'main') return a === b ? 0 : a === 'main' ? -1 : 1;
  return a < b ? -1 : 1;
}
