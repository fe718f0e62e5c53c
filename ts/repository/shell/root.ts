/**
 * The root of a repository: `db.json`, made once, which says what it is and that its store was found to be sound.
 *
 * @module
 */

import { randomBytes } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import { CoppiceError } from '../../errors.js';
import { type ObjectStore, outcomeOf, requireSound } from '../store/index.js';

/** Of the one object that every repository has, and that never changes. */
export const ROOT = 'db.json';
const FORMAT = 1;
/** What a root needs of whoever opens it without the keys. */
export const ENCRYPTION = 'encryption';

export interface Root {
  readonly format: typeof FORMAT;
  /** Of features that whoever opens it has to know. */
  readonly requires: readonly string[];
  /** Random. */
  readonly databaseId: string;
  readonly created: string;
}

/**
 * The repository in a store, for those who write nothing.
 *
 * @throws `COPPICE_NOT_FOUND` if there is none.
 */
export async function findRoot(store: ObjectStore, signal: AbortSignal): Promise<Root> {
  const found = await store.get(ROOT, { signal });
  if (found !== undefined) return decode(store, found.body);
  throw new CoppiceError('NOT_FOUND', `there is no repository in ${store.location}`);
}

/**
 * The repository in a store, which is made if there is none. A store is probed before the first repository is made in it,
 * and only then: it costs a dozen round trips.
 */
export async function openRoot(store: ObjectStore, caller: AbortSignal): Promise<Root> {
  const signal = AbortSignal.any([caller]);
  // Every request of a probe listens.
  setMaxListeners(0, signal);
  for (;;) {
    const found = await store.get(ROOT, { signal });
    if (found !== undefined) return decode(store, found.body);
    await requireSound(store, { signal });
    const root: Root = {
      format: FORMAT,
      requires: [],
      databaseId: randomBytes(16).toString('hex'),
      created: new Date().toISOString(),
    };
    try {
      await store.put(ROOT, Buffer.from(`${JSON.stringify(root)}\n`), { ifNoneMatch: '*', signal });
      return root;
    } catch (error) {
      // Somebody else makes one, or nobody knows who has made it: it says itself.
      if (outcomeOf(error) === 'refused') throw error;
    }
  }
}

function decode({ location }: ObjectStore, body: Uint8Array): Root {
  let root: Partial<Root>;
  try {
    root = JSON.parse(Buffer.from(body).toString());
  } catch (cause) {
    throw new CoppiceError('CORRUPT', `"${ROOT}" in ${location} is damaged`, { cause, details: { key: ROOT } });
  }
  const { format, requires = [], databaseId } = root;
  if (format === FORMAT && requires.includes(ENCRYPTION)) {
    throw new CoppiceError('ENCRYPTED', `the repository in ${location} is encrypted, and no key was given`, {
      details: { key: ROOT, option: 'encryption' },
    });
  }
  if (format !== FORMAT || requires.length > 0 || databaseId === undefined) {
    const what = format === FORMAT ? `needs ${requires.join(', ')}` : `is of format ${format}`;
    throw new CoppiceError('FORMAT', `the repository in ${location} ${what}: use a newer version of coppice`, {
      details: { key: ROOT },
    });
  }
  return root as Root;
}
