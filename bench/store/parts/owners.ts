/**
 * Who owns a branch, and who stands by. Both say when something happens as soon as it does; they run until they are told
 * to end, or killed.
 *
 * @module
 */
import { once } from 'node:events';
import { open } from '../../../ts/index.js';
import { storeIn } from '../server.js';
import type { Given } from './place.js';

/** By the clock of the machine, which all processes share. */
const now = (): number => performance.timeOrigin + performance.now();

function say(what: string): void {
  process.send!({ note: what, atMs: now() });
}

export async function lead(given: Given): Promise<{ closedMs: number }> {
  const db = await open(given.folder, { store: storeIn(given, given.prefix), durability: 'remote', standby: true });
  await db.put('written by', 'the owner');
  say('leads');
  await once(process, 'message');
  say('closes');
  await db.close();
  return { closedMs: now() };
}

export async function stand(given: Given): Promise<{ ledMs: number; wroteMs: number }> {
  const opening = open(given.folder, { store: storeIn(given, given.prefix), durability: 'remote', standby: true });
  say('stands');
  const db = await opening;
  const ledMs = now();
  if ((await db.get('written by')) === undefined) throw new Error('a key is missing');
  await db.put('written by', 'the standby');
  const wroteMs = now();
  await db.close();
  return { ledMs, wroteMs };
}
