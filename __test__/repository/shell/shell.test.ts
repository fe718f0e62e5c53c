/** What a branch does in a store that behaves: growing back, going on, giving up. */

import { cp, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import test from 'ava';
import { fsStore, type ObjectStore } from '../../../ts/index.js';
import type { ShellEvent } from '../../../ts/repository/shell/index.js';
import { temporaryFolder } from '../../support/database.js';
import { refuses } from '../../support/errors.js';
import { HostileStore } from '../../support/hostile.js';
import { leaveUnshippedTable, openBranch, temporaryPlace } from './branch.js';
import { type TextEngine, TextFolder } from './engine.js';

/** Where someone stops until it is told to go on. */
class Gate {
  #reach = () => {};
  readonly reached = new Promise<void>((resolve) => {
    this.#reach = resolve;
  });
  open = () => {};
  readonly #opened = new Promise<void>((resolve) => {
    this.open = resolve;
  });

  pass(): Promise<void> {
    this.#reach();
    return this.#opened;
  }
}

class SlowToCut extends TextFolder {
  readonly gate = new Gate();

  override async cut(seq: number): Promise<boolean> {
    await this.gate.pass();
    return super.cut(seq);
  }
}

/** Slow to remember where it begins to lead. */
class SlowToRemember extends TextFolder {
  readonly gate = new Gate();
  /** What it was told. */
  readonly leads: boolean[] = [];

  override async open(): Promise<TextEngine> {
    const engine = await super.open();
    const [keep, lead] = [engine.keepLog.bind(engine), engine.lead.bind(engine)];
    const gates = [undefined, this.gate];
    engine.keepLog = async (seq) => {
      await gates.shift()?.pass();
      return keep(seq);
    };
    engine.lead = (leads) => {
      this.leads.push(leads);
      lead(leads);
    };
    return engine;
  }
}

async function keysOf(store: ObjectStore, part: string): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of store.list('')) if (key.includes(part)) keys.push(key);
  return keys;
}

test('what is written is there when the disk is lost, from the log alone', async (t) => {
  const { store, folder } = await temporaryPlace(t);
  const first = await openBranch(store, folder);
  for (const text of ['a', 'b', 'c']) await first.write(text);
  t.is(await first.shell.close(), 0);
  await rm(folder, { recursive: true });
  const second = await openBranch(store, folder);
  t.deepEqual(second.engine.texts, ['a', 'b', 'c']);
  await second.write('d');
  await second.shell.close();
});

test('what is written is there when the disk is lost, from a checkpoint and the log after it', async (t) => {
  const top = await temporaryFolder(t);
  const store = fsStore(join(top, 'store'));
  const folder = join(top, 'db');
  const first = await openBranch(store, folder);
  t.is((await first.shell.checkpoint()).revision, 1);
  for (const text of ['a', 'b']) await first.write(text);
  const { revision, tables } = await first.shell.checkpoint();
  t.deepEqual({ revision, tables }, { revision: 3, tables: 1 });
  await first.write('c');
  await first.shell.close();
  await rm(folder, { recursive: true });
  const second = await openBranch(store, folder);
  t.deepEqual(second.engine.texts, ['a', 'b', 'c']);
  await second.shell.close();
});

test('what had not been shipped is shipped at the next open', async (t) => {
  const { store, folder } = await temporaryPlace(t);
  const away = new HostileStore(store);
  const first = await openBranch(away, folder);
  away.isAway = true;
  first.engine.commit('a');
  const waiting = refuses(t, 'COPPICE_UNKNOWN_OUTCOME', () => first.shell.stored(2), /at the next open/);
  t.is(await first.shell.close(0), 1);
  await waiting;
  const second = await openBranch(store, folder);
  await second.shell.stored(2);
  t.deepEqual(second.engine.texts, ['a']);
  await second.shell.close();
});

test('of two writers the older is told that it has been fenced, and what it had not shipped is gone', async (t) => {
  const { store, folder } = await temporaryPlace(t);
  const ended: string[] = [];
  const older = await openBranch(store, folder, {
    on: (event) => event.type === 'ended' && ended.push(event.error.code),
  });
  await older.write('a');
  const newer = await openBranch(store, `${folder}2`);
  t.deepEqual(newer.engine.texts, ['a']);
  await refuses(t, 'COPPICE_FENCED', () => older.write('lost'), /taken back/);
  t.deepEqual(ended, ['COPPICE_FENCED']);
  t.throws(() => older.engine.commit('later'), { code: 'COPPICE_NOT_LEADER' });
  await newer.write('b');
  await older.shell.close();
  await newer.shell.close();
  // On its own disk again, it begins with what the other has written.
  const again = await openBranch(store, folder);
  t.deepEqual(again.engine.texts, ['a', 'b']);
  await again.shell.close();
});

test('what was taken back does not return with a close in the middle of the cut', async (t) => {
  const { store, folder } = await temporaryPlace(t);
  const slow = new SlowToCut(folder);
  const older = await openBranch(store, folder, { engine: slow });
  await older.write('a');
  const newer = await openBranch(store, `${folder}2`);
  const told = refuses(t, 'COPPICE_FENCED', () => older.write('lost'), /taken back/);
  await slow.gate.reached;
  const closed = older.shell.close();
  const asked = older.shell.engine();
  await setTimeout(20);
  slow.gate.open();
  t.deepEqual(((await asked) as TextEngine).texts, ['a']);
  await told;
  await closed;
  await newer.shell.close();
  const again = await openBranch(store, folder);
  t.deepEqual(again.engine.texts, ['a']);
  await again.shell.close();
});

test('no commit is accepted once a cut has begun, however slow the disk was when it began to lead', async (t) => {
  const { store, folder } = await temporaryPlace(t);
  const first = await openBranch(store, folder);
  await first.write('a');
  await first.shell.close();
  const slow = new SlowToRemember(folder);
  const ended = new Gate();
  const on = ({ type }: ShellEvent) => void (type === 'ended' && ended.pass());
  const opening = openBranch(store, folder, { engine: slow, renewMs: 10, on });
  await slow.gate.reached;
  const newer = await openBranch(store, `${folder}2`);
  await setTimeout(50);
  slow.gate.open();
  const { shell, engine } = await opening;
  await ended.reached;
  t.throws(() => engine.commit('lost'), { code: 'COPPICE_NOT_LEADER' });
  t.true(slow.leads.lastIndexOf(true) < slow.leads.indexOf(false));
  await shell.close();
  await newer.shell.close();
});

test('a deposed writer whose tables hold what it had not shipped begins anew', async (t) => {
  const { store, folder } = await temporaryPlace(t);
  await leaveUnshippedTable(store, folder);
  const newer = await openBranch(store, `${folder}2`);
  await newer.write('a');
  await newer.shell.close();
  const again = await openBranch(store, folder);
  t.deepEqual(again.engine.texts, ['a']);
  await again.shell.close();
});

test('what is written by whoever hears of a slot shares the next one with what has waited for it', async (t) => {
  const { store, folder } = await temporaryPlace(t);
  const gate = new Gate();
  const puts: string[] = [];
  const held: ObjectStore = Object.assign(Object.create(store), {
    put: async (...[key, ...rest]: Parameters<ObjectStore['put']>) => {
      if (key.includes('/wal/') && puts.push(key) === 2) await gate.pass();
      return store.put(key, ...rest);
    },
  });
  for (const name of ['get', 'head', 'list', 'del'] as const) Object.assign(held, { [name]: store[name].bind(store) });
  const { shell, engine } = await openBranch(held, folder);
  const a = shell.stored(engine.commit('a'));
  const c = a.then(() => shell.stored(engine.commit('c')));
  await gate.reached;
  const b = shell.stored(engine.commit('b'));
  await engine.sync();
  gate.open();
  await Promise.all([a, b, c]);
  // A fence, a, and both others.
  t.is(puts.length, 3);
  await shell.close();
});

test('a standby takes over from an owner that has gone, and from one that gives the branch up', async (t) => {
  const { store, folder } = await temporaryPlace(t);
  const owner = await openBranch(store, folder, { renewMs: 40 });
  await owner.write('a');
  let hasTaken = false;
  const standby = openBranch(store, `${folder}2`, { mode: 'standby', renewMs: 40 });
  standby.then(() => {
    hasTaken = true;
  });
  for (let n = 0; n < 8; n++) await owner.write(`${n}`);
  t.false(hasTaken);
  await owner.shell.close();
  const next = await standby;
  t.is(next.engine.texts.length, 9);
  await next.write('b');
  await next.shell.close();
});

test('a copy of a folder whose original went on is found out, and grows back', async (t) => {
  const { store, folder } = await temporaryPlace(t);
  const away = new HostileStore(store);
  const first = await openBranch(away, folder);
  await first.shell.checkpoint();
  away.isAway = true;
  first.engine.commit('of the copy');
  await first.shell.close(0);
  await cp(folder, `${folder}2`, { recursive: true });
  const { TextFolder } = await import('./engine.js');
  await new TextFolder(folder).cut(0);
  const original = await openBranch(store, folder);
  await original.write('of the original');
  await original.shell.close();
  const copy = await openBranch(store, `${folder}2`);
  t.deepEqual(copy.engine.texts, ['of the original']);
  await copy.shell.close();
});

test('a branch is restored as it was at a revision, into a folder of its own', async (t) => {
  const { store, folder } = await temporaryPlace(t);
  const branch = await openBranch(store, folder);
  for (const text of ['a', 'b']) await branch.write(text);
  await branch.shell.checkpoint();
  for (const text of ['c', 'd', 'e']) await branch.write(text);
  const copy = await openBranch(store, `${folder}2`, { mode: 'replica', until: { revision: 5 } });
  t.deepEqual(copy.engine.texts, ['a', 'b', 'c', 'd']);
  await copy.shell.close();
  await refuses(
    t,
    'COPPICE_STORE',
    () => openBranch(store, `${folder}3`, { mode: 'replica', until: { revision: 9 } }),
    /has not got to revision 9/,
  );
  await branch.shell.close();
});

test('what no checkpoint that is kept needs is collected, and what is kept grows back', async (t) => {
  const { store, folder } = await temporaryPlace(t);
  const branch = await openBranch(store, folder, { policy: { keep: 1, retainMs: 0 } });
  await branch.shell.checkpoint();
  for (let n = 0; n < 5; n++) {
    for (let m = 0; m < 4; m++) await branch.write(`${n}.${m}`);
    await branch.shell.checkpoint();
  }
  t.is((await keysOf(store, '/manifests/')).length, 2);
  // The fence, the slots from the older checkpoint on.
  t.is((await keysOf(store, '/wal/')).length, 1 + 4);
  t.is((await keysOf(store, '/tables/')).length, 5);
  await branch.shell.close();
  await rm(folder, { recursive: true });
  const again = await openBranch(store, folder);
  t.is(again.engine.texts.length, 20);
  await again.shell.close();
});

test('checkpoints are taken as the log grows, and nothing of this disk is told to others', async (t) => {
  const { store, folder } = await temporaryPlace(t);
  const revisions: number[] = [];
  const branch = await openBranch(store, folder, {
    checkpoint: { everyBytes: 1 << 20, everySlots: 5 },
    on: (event) => event.type === 'published' && revisions.push(event.checkpoint.revision),
  });
  for (let n = 0; n < 12; n++) await branch.write(`${n}`);
  await branch.shell.checkpoint();
  t.true(revisions.length >= 2, `${revisions}`);
  const { gunzipSync } = await import('node:zlib');
  for (const key of await keysOf(store, '/manifests/')) {
    const text = gunzipSync((await store.get(key))?.body as Uint8Array).toString();
    t.false(text.includes(folder));
  }
  await branch.shell.close();
});

test('a database that is no part of the branch, or of another one, is left alone', async (t) => {
  const { store, folder } = await temporaryPlace(t);
  const { shell } = await openBranch(store, folder);
  await shell.close();
  await refuses(t, 'COPPICE_INVALID', () => openBranch(store, folder, { branch: 'other' }), /holds the branch "main"/);
  await rm(join(folder, '.repository', 'position'));
  await refuses(t, 'COPPICE_EXISTS', () => openBranch(store, folder), /no part of it/);
});

test('a folder is open once, and branches of any name stand side by side', async (t) => {
  const { store, folder } = await temporaryPlace(t);
  const names = ['main', 'Main', 'feature/x', '.hidden', 'größe', 'a=2fb'];
  const branches = await Promise.all(names.map((branch, n) => openBranch(store, `${folder}${n}`, { branch })));
  await refuses(t, 'COPPICE_LOCKED', () => openBranch(store, `${folder}0`), /is open/);
  await Promise.all(branches.map(({ write }, n) => write(names[n] as string)));
  t.deepEqual(
    branches.map(({ engine }) => engine.texts),
    names.map((name) => [name]),
  );
  t.is((await keysOf(store, 'heads/')).length, names.length);
  await Promise.all(branches.map(({ shell }) => shell.close()));
});

test('an empty store is probed once', async (t) => {
  const { store, folder } = await temporaryPlace(t);
  let puts = 0;
  const put = store.put.bind(store);
  store.put = (...parameters) => {
    puts += 1;
    return put(...parameters);
  };
  await (await openBranch(store, folder)).shell.close();
  t.true(puts > 30);
  puts = 0;
  const { shell } = await openBranch(store, `${folder}2`);
  // The claim and the fence.
  t.is(puts, 2);
  const { requests } = shell.status().counts;
  t.is(requests.put, 2);
  await shell.close();
});

test('a position is written down only once what was applied before it is durable', async (t) => {
  const { store, folder } = await temporaryPlace(t);
  const first = await openBranch(store, folder);
  for (const text of ['a', 'b', 'c']) await first.write(text);
  await first.shell.close();
  const { shell, engine } = await openBranch(store, `${folder}-2`);
  const { local } = JSON.parse(await readFile(join(`${folder}-2`, '.repository/position'), 'utf8'));
  t.is(local.position.seq, 3);
  t.true(engine.durableSeq >= local.position.seq, `${engine.durableSeq} are durable`);
  await shell.close();
});
