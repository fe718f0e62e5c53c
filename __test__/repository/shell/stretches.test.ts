/** A disk that stands in the log of another branch, with which its own begins. */

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import type { ObjectStore } from '../../../ts/index.js';
import { forkBranch } from '../../../ts/repository/branches.js';
import { slotName } from '../../../ts/repository/protocol/index.js';
import { readHead } from '../../../ts/repository/shell/index.js';
import { refuses } from '../../support/errors.js';
import { openBranch, temporaryPlace } from './branch.js';

function never(asked: () => void): Promise<never> {
  asked();
  return new Promise(() => {});
}

/** The store, in which one object can be neither read nor made: whoever asks for it waits. */
function without(store: ObjectStore, key: string, asked: () => void): ObjectStore {
  return {
    location: store.location,
    get: (wanted, options) => (wanted === key ? never(asked) : store.get(wanted, options)),
    put: (wanted, body, options) => (wanted === key ? never(asked) : store.put(wanted, body, options)),
    head: store.head.bind(store),
    list: store.list.bind(store),
    del: store.del.bind(store),
  };
}

test('a disk that was stopped in the log of its parent goes on from there, wherever that was', async (t) => {
  const { store, folder } = await temporaryPlace(t);
  const main = await openBranch(store, folder);
  for (const text of ['a', 'b', 'c', 'd', 'e']) await main.write(text);
  const head = await forkBranch(store, { parent: 'main', name: 'b', at: { revision: 5 }, known: main.shell.tip });
  const { branchId, stretches } = { branchId: head.origin?.branchId ?? '', stretches: head.origin?.stretches ?? [] };
  await main.shell.close();
  const [from, to] = [head.origin?.manifest?.floor ?? 0, stretches[0]?.to ?? 0];
  t.true(to - from >= 5, 'there is a log to read');
  const own = slotName(head.branchId, 2);
  const keys = Array.from({ length: to - from - 1 }, (_, n) => slotName(branchId, from + n));
  for (const [n, key] of [...keys, own].entries()) {
    const giveUp = new AbortController();
    const stopped = without(store, key, () => giveUp.abort());
    const disk = `${folder}-${n}`;
    await refuses(t, 'COPPICE_ABORTED', () => openBranch(stopped, disk, { branch: 'b', signal: giveUp.signal }));
    const { local } = JSON.parse(await readFile(join(disk, '.repository', 'position'), 'utf8'));
    t.is(local?.branchId ?? head.branchId, head.branchId);
    t.true(local === null || local.position.of === (key === own ? undefined : branchId));
    const again = await openBranch(store, disk, { branch: 'b', mode: 'replica' });
    t.deepEqual(again.engine.texts, ['a', 'b', 'c', 'd']);
    await again.shell.close();
  }
  const b = await openBranch(store, `${folder}-0`, { branch: 'b' });
  await b.write('own');
  t.deepEqual(b.engine.texts, ['a', 'b', 'c', 'd', 'own']);
  await b.shell.close();
  t.is((await readHead(store, 'heads/b'))?.manifest?.of, undefined);
});
