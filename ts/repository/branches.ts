/**
 * Branches of branches in a store: made and deleted whether or not anybody has them open. `docs/protocol.md` says how.
 *
 * @module
 */

import { randomUUID } from 'node:crypto';
import { CoppiceError } from '../errors.js';
import {
  expire,
  type Forked,
  type Forking,
  fork,
  Hand,
  type Head,
  headName,
  mend,
  type Replaced,
  type Replacing,
  remove,
  replace,
} from './protocol/index.js';
import { carryOut, type Doing, isHalfDone, noBranch, readHead } from './shell/index.js';
import type { ObjectStore } from './store/index.js';

/**
 * Makes a branch of another, as that is now, or was at a moment that is kept. Copies nothing: three requests of the store, and one list
 * if its end is wanted and nobody has said where that is: its last owner when it gave the branch up, or, by `known`, the one that there is.
 *
 * @throws `COPPICE_NOT_FOUND` without such a parent, `COPPICE_EXISTS` if the name is taken (also by a branch that is deleted, but that others
 * have grown from), `COPPICE_COMPACTED` if the moment is not kept any more, `COPPICE_FUTURE_REVISION` if it has never been.
 */
export async function forkBranch(store: ObjectStore, forking: Forking, doing?: Doing): Promise<Head> {
  const { parent, name } = forking;
  const forked = await carryOut(store, fork(new Hand(randomUUID()), forking), doing);
  if (forked.type !== 'forked') throw refused(store, forking, forked.type);
  if (forked.head.origin?.manifest !== null) return forked.head;
  // Nothing says yet how the database was made.
  await removeBranch(store, name, doing);
  throw noBranch(parent, store);
}

/**
 * Gives the name of a branch to a new one, which grows from another, or from the very one that has the name, as that is now, or was at a
 * moment that is kept. Who has the branch before open is fenced; what others have grown from it stays for them. Resolves when nothing
 * is written to it any more. With `keep` the branch before is taken from its owner first, and a tag of that name has all that was ever
 * acknowledged of it.
 *
 * @throws `COPPICE_NOT_FOUND` if there is no such branch, or none to grow from; `COPPICE_EXISTS` if the name of the tag is taken; `COPPICE_COMPACTED` and `COPPICE_FUTURE_REVISION` as
 * for `forkBranch`.
 */
export async function replaceBranch(store: ObjectStore, replacing: Replacing, doing?: Doing): Promise<Head> {
  const { name, from: parent, at, keep } = replacing;
  const replaced = await carryOut(store, replace(new Hand(randomUUID()), replacing), doing);
  if (replaced.type === 'replaced') return replaced.head;
  if (replaced.type === 'no branch') throw noBranch(name, store);
  if (replaced.type === 'tag exists') throw refused(store, { parent: name, name: keep as string, at }, 'exists');
  throw refused(store, { parent, name, at }, replaced.type);
}

type Refused = Exclude<Forked['type'] | Replaced['type'], 'forked' | 'replaced' | 'no branch' | 'tag exists'>;

function refused(
  { location }: ObjectStore,
  { parent, name, at }: Pick<Forking, 'parent' | 'name' | 'at'>,
  why: Refused,
): CoppiceError {
  const moment = at === null ? 'now' : 'revision' in at ? `revision ${at.revision}` : new Date(at.timeMs).toISOString();
  const details = { branch: parent };
  switch (why) {
    case 'no parent':
      return noBranch(parent, { location });
    case 'exists':
      return new CoppiceError('EXISTS', `there is a branch "${name}" in ${location}, or others have grown from it`, {
        details: { branch: name },
      });
    case 'too old':
      return new CoppiceError(
        'COMPACTED',
        `the branch "${parent}" does not keep ${moment} (any more): "coppice log ${location}" shows the checkpoints that it ` +
          'keeps; how far back they reach is said where it is opened, by checkpoint: { keepMs }',
        { details },
      );
    case 'not yet':
      return new CoppiceError('FUTURE_REVISION', `the branch "${parent}" has not got to ${moment}`, { details });
  }
}

/**
 * Deletes a branch: who has it open is fenced, and what no other branch has grown from goes. Its name may be used again when all of
 * it has gone.
 *
 * @throws `COPPICE_NOT_FOUND` if there is none.
 */
export async function removeBranch(store: ObjectStore, name: string, doing?: Doing): Promise<void> {
  const removed = await carryOut(store, remove(new Hand(randomUUID()), name), doing);
  if (removed === null) throw noBranch(name, store);
}

/**
 * Says when a branch expires; null: not at all. Whoever owns its parent then, or the branch itself, deletes it after a checkpoint.
 *
 * @throws `COPPICE_NOT_FOUND` if there is none.
 */
export async function expireBranch(
  store: ObjectStore,
  name: string,
  expiresMs: number | null,
  doing?: Doing,
): Promise<void> {
  const isThere = await carryOut(store, expire(new Hand(randomUUID()), name, expiresMs), doing);
  if (!isThere) throw noBranch(name, store);
}

/** Goes on with whatever those have left who made or deleted branches of this one, or this one itself, and were killed. */
export async function mendBranch(store: ObjectStore, name: string, doing?: Doing): Promise<void> {
  const head = await readHead(store, headName(name));
  if (head !== undefined && isHalfDone(head)) await carryOut(store, mend(new Hand(randomUUID()), name), doing);
}
