/** How a branch ends: in whatever it was doing, and with nothing left behind. */

import { rm, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { CoppiceError, memoryStore } from '../../../ts/index.js';
import { Place } from '../../../ts/repository/shell/place.js';
import { refuses } from '../../support/errors.js';
import { leaveUnshippedTable, openBranch, temporaryPlace } from './branch.js';
import { TextFolder } from './engine.js';

test('an engine that refuses to lead ends the branch with its error', async (t) => {
  const { store, folder } = await temporaryPlace(t);
  class Poisoned extends TextFolder {
    override async open() {
      const engine = await super.open();
      engine.lead = (leads) => {
        if (leads) throw new CoppiceError('POISONED', 'the log could not be written');
      };
      return engine;
    }
  }
  await refuses(t, 'COPPICE_POISONED', () => openBranch(store, folder, { engine: new Poisoned(folder) }));
  await (await openBranch(store, folder)).shell.close();
});

test('a branch whose log cannot be read has failed, and says why', async (t) => {
  const { store, folder } = await temporaryPlace(t);
  const damage = new CoppiceError('CORRUPT', 'a record of the log is not whole', {
    details: { file: 'x.log', offset: 1 },
  });
  class Damaged extends TextFolder {
    isDamaged = false;

    override async open() {
      const engine = await super.open();
      const read = engine.readLog.bind(engine);
      engine.readLog = (...parameters) => (this.isDamaged ? Promise.reject(damage) : read(...parameters));
      return engine;
    }
  }
  const engine = new Damaged(folder);
  const { shell, write } = await openBranch(store, folder, { engine });
  await write('a');
  engine.isDamaged = true;
  await refuses(t, 'COPPICE_CORRUPT', () => write('b'), /not whole/);
  t.like(shell.status(), { role: 'failed', ready: false, reason: damage.message });
  await shell.close();
});

test('who gives up opening while its folder is emptied asks nothing further', async (t) => {
  const { store, folder } = await temporaryPlace(t);
  await leaveUnshippedTable(store, folder);
  await (await openBranch(store, `${folder}2`)).shell.close();

  const giveUp = new AbortController();
  class GivenUp extends TextFolder {
    override cut(seq: number): Promise<boolean> {
      giveUp.abort();
      return super.cut(seq);
    }
  }
  let asked = 0;
  const get = store.get.bind(store);
  store.get = (...parameters) => {
    asked += 1;
    return get(...parameters);
  };
  const options = { engine: new GivenUp(folder), signal: giveUp.signal };
  await refuses(t, 'COPPICE_ABORTED', () => openBranch(store, folder, options));
  const before = asked;
  await new Promise((resolve) => setTimeout(resolve, 100));
  t.is(asked, before);
});

test('what was left of a folder that was being emptied is in no branch, nor is its repository believed', async (t) => {
  const { store, folder } = await temporaryPlace(t);
  const first = await openBranch(store, folder);
  await first.write('of another store');
  await first.shell.close();
  await ((await Place.of(folder)) as Place).clear();
  const other = memoryStore();
  const again = await openBranch(other, folder);
  await again.write('a');
  await again.shell.close();
  t.not(await other.get('db.json'), undefined);
  const grown = await openBranch(other, `${folder}2`);
  t.deepEqual(grown.engine.texts, ['a']);
  await grown.shell.close();
});

(process.platform === 'linux' ? test : test.skip)(
  'a disk without room for the position is told to whoever opens, and waited out by whoever leads',
  async (t) => {
    const { store, folder } = await temporaryPlace(t);
    const { shell, write } = await openBranch(store, folder);
    await write('a');
    await shell.checkpoint();
    const fresh = join(folder, '.repository', 'position.new');
    await symlink('/dev/full', fresh);
    await write('b');
    const published = shell.checkpoint();
    while (shell.status().degraded.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    t.like(shell.status(), { role: 'leading', degraded: [{ doing: 'flushing' }] });
    await rm(fresh);
    await published;
    await shell.close();
    await symlink('/dev/full', fresh);
    await refuses(t, 'COPPICE_DISK_FULL', () => openBranch(store, folder), /position/);
    await rm(fresh);
    await (await openBranch(store, folder)).shell.close();
  },
);
