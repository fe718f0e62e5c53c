/**
 * What the log of a store is made of.
 *
 * @module
 */

/**
 * Where and when something happened.
 *
 * @inline
 */
interface Happened {
  branch: string;
  /** Of the branch: another one that is made under the same name has another. */
  id: string;
  /** The last commit before it; `null`: nobody knows any more. */
  revision: number | null;
  /** By the clock of whoever wrote the branch; `null`: nobody knows any more. */
  at: Date | null;
  /** What `at` is: that moment, one near it, or one by which it had happened. */
  time: 'exact' | 'about' | 'before';
}

/** Something that happened to a branch, as far as the store still says. */
export type LogEvent =
  /** The newest commit that the store has. `expiresAt`: from then on the branch goes by itself. */
  | (Happened & { type: 'end'; expiresAt: Date | null })
  /** A checkpoint that is kept: copies and branches begin with it. `sharedBytes` of its tables are another branch's. */
  | (Happened & { type: 'checkpoint'; tables: number; sharedBytes: number; ownBytes: number })
  /** The branch has grown from another one, as that was then. */
  | (Happened & { type: 'branch'; from: string; fromId: string })
  /** A tag was made of a branch, as that was then. The `branch` is the tag. */
  | (Happened & { type: 'tag'; from: string; fromId: string; expiresAt: Date | null })
  /** Somebody has opened the branch for writing. */
  | (Happened & { type: 'takeover'; epoch: number; owner: string | null })
  /** What was before a revision was forgotten; that is the oldest that can be read. */
  | (Happened & { type: 'trim'; oldest: number })
  /** The branch was dropped; others have grown from it. */
  | (Happened & { type: 'drop' });

/** The first event of what has grown from something else. */
export type Beginning = LogEvent & { type: 'branch' | 'tag' };

export function isBeginning(event: LogEvent | undefined): event is Beginning {
  return event?.type === 'branch' || event?.type === 'tag';
}

/** What happened to one branch, the newest first. */
export type Story = readonly LogEvent[];
