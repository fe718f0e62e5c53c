/**
 * The stories of several branches as one, the newest event first.
 *
 * What must hold, whatever the clocks of those who wrote them: the events of a branch stay in their order, what a branch had
 * when another grew from it comes after everything of that one, and nothing grows from a branch that was dropped.
 *
 * @module
 */

import { isBeginning, type LogEvent, type Story } from './events.js';

interface Queue {
  readonly story: Story;
  next: number;
}

export function inOrder(stories: readonly Story[]): LogEvent[] {
  const queues: Queue[] = stories.map((story) => ({ story, next: 0 }));
  const told: LogEvent[] = [];
  for (;;) {
    const open = queues.filter(({ next, story }) => next < story.length);
    // A branch waits for those that have grown from it, and they for others, but nobody for himself.
    const free = open.filter((queue) => !open.some((other) => isHeldBy(queue, other) || isBeforeDrop(queue, other)));
    const [first, ...others] = free;
    if (first === undefined) return told;
    const newest = others.reduce((best, queue) => (isNewer(nextOf(queue), nextOf(best)) ? queue : best), first);
    told.push(nextOf(newest));
    newest.next += 1;
  }
}

function nextOf({ story, next }: Queue): LogEvent {
  return story[next] as LogEvent;
}

/** Whether the next event of a branch is of what the other one has grown from. */
function isHeldBy(parent: Queue, { story }: Queue): boolean {
  const [event, began] = [nextOf(parent), story.at(-1)];
  if (!isBeginning(began) || began.fromId !== event.id) return false;
  if (event.type === 'end' || event.type === 'drop') return false;
  if (event.revision !== null && began.revision !== null) return event.revision <= began.revision;
  return timeOf(event) <= timeOf(began);
}

/** Whether the next event of a branch is that it grew from the other one, whose drop is not told yet. */
function isBeforeDrop(child: Queue, parent: Queue): boolean {
  const [began, event] = [nextOf(child), nextOf(parent)];
  return isBeginning(began) && began.fromId === event.id && event.type === 'drop';
}

function isNewer(one: LogEvent, other: LogEvent): boolean {
  return timeOf(one) > timeOf(other);
}

function timeOf({ at }: LogEvent): number {
  return at?.getTime() ?? 0;
}
