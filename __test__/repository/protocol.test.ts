/** What the protocol does where others have failed: each test is a hazard that was found in a system like this one. */

import test from 'ava';
import type { State, Table } from '../../ts/repository/protocol/index.js';
import * as protocol from '../../ts/repository/protocol/index.js';
import { of, Script } from '../simulator/script.js';

const script = (plan = {}) => new Script(protocol, undefined, plan);

test('of two writers on one branch the older is deposed at its next slot, and nothing of it is ever seen', (t) => {
  const s = script();
  const older = s.started(0, 'writer');
  s.write(older, 3);
  const newer = s.started(1, 'writer');
  older.commit();
  s.settle(older);
  t.is(older.state?.phase, 'deposed');
  t.is(s.world.counters['commits fenced'], 1);
  t.is(s.world.counters['fences hit'], 1);
  s.write(newer, 1);
  t.deepEqual(s.world.truth.log, [1, 2, 3, 5]);
  // On the same disk it begins with what its successor has, not with what it never shipped.
  older.start('writer');
  s.until(() => older.leads, older);
  t.deepEqual(older.engine.log, [1, 2, 3, 5]);
});

test('a standby that has never applied a record of this reign takes over', (t) => {
  const s = script({ renewMs: 50 });
  const owner = s.started(0, 'writer');
  const standby = s.started(1, 'standby');
  owner.crash(false);
  s.world.nowMs += 1_000;
  s.until(() => standby.leads, standby);
  s.write(standby, 1);
  t.deepEqual(s.world.truth.log, [1]);
});

test('an outage of any length is waited out: nothing is skipped, nobody is dead, no restart is needed', (t) => {
  const s = script();
  const owner = s.started(0, 'writer');
  s.world.network.outage = true;
  for (let n = 0; n < 5; n++) owner.commit();
  s.move(owner, 200);
  const { role, ready, degraded } = protocol.status(owner.state as protocol.State);
  t.deepEqual(
    { role, ready, degraded: degraded.map(({ doing, why }) => `${doing}: ${why}`) },
    { role: 'leading', ready: true, degraded: ['shipping: no way to the store'] },
  );
  t.true((degraded[0]?.failures as number) > 20);
  t.is(owner.pending.length, 5);
  s.world.network.outage = false;
  s.until(() => owner.pending.length === 0, owner);
  t.deepEqual(s.world.truth.log, [1, 2, 3, 4, 5]);
  t.deepEqual(protocol.status(owner.state as protocol.State).degraded, []);
});

test('a node that has lost its disk is not the owner that it was', (t) => {
  const s = script();
  const owner = s.started(0, 'writer');
  s.write(owner, 2);
  owner.crash(true);
  owner.start('standby');
  s.until(() => owner.state?.phase === 'waiting', owner);
  t.deepEqual(owner.engine.log, [1, 2]);
  t.false(owner.leads);
});

test('an owner that restarts on its own disk goes on at once, with what it had not shipped', (t) => {
  const s = script();
  const owner = s.started(0, 'writer');
  s.write(owner, 1);
  s.hold(of(owner, 'put', '/wal/'));
  owner.commit();
  owner.crash(false);
  s.hold();
  owner.start('standby');
  s.until(() => owner.leads, owner);
  s.settle(owner);
  t.deepEqual(s.world.truth.log, [1, 2]);
});

test('a put whose answer was lost is recognised: it neither deposes its owner nor is written twice', (t) => {
  const s = script();
  const owner = s.started(0, 'writer');
  s.world.network.losesAnswers = true;
  owner.commit();
  s.move(owner, 10);
  s.world.network.losesAnswers = false;
  s.until(() => owner.pending.length === 0, owner);
  t.true(owner.leads);
  t.deepEqual(s.world.truth.log, [1]);
});

test('nothing is uploaded twice: not by a restart, not by a takeover', (t) => {
  const s = script();
  const uploads = () => [...s.world.bucket.objects.values()].map(({ body }) => (body as Table).id).filter((id) => id);
  const owner = s.started(0, 'writer');
  s.write(owner, 3);
  s.checkpoint(owner);
  s.write(owner, 1);
  s.checkpoint(owner);
  const before = uploads();
  t.is(before.length, 2);
  owner.crash(false);
  owner.start('writer');
  s.until(() => owner.leads, owner);
  s.checkpoint(owner);
  const other = s.started(1, 'standby');
  s.take(other);
  s.checkpoint(other);
  t.deepEqual(uploads(), before);
});

test('an owner that closes gives the branch up, and a standby takes it without waiting', (t) => {
  const s = script();
  const owner = s.started(0, 'writer');
  const standby = s.started(1, 'standby');
  s.write(owner, 1);
  owner.commit();
  owner.tell({ type: 'close' });
  s.settle(owner);
  t.is(owner.state?.phase, 'closed');
  t.is(owner.pending.length, 0);
  s.until(() => standby.leads, standby);
  t.deepEqual(standby.engine.log, [1, 2]);
});

test('records that linger share a slot, and a close does not wait for them', (t) => {
  const s = script({ lingerMs: 60_000, recordsPerSlot: 10_000 });
  const owner = s.started(0, 'writer');
  for (let n = 0; n < 5; n++) owner.commit();
  s.settle(owner);
  t.is(owner.pending.length, 5);
  const slots = s.world.truth.slots.length;
  s.until(() => owner.pending.length === 0, owner);
  t.is(s.world.truth.slots.length, slots + 1);
  owner.commit();
  owner.tell({ type: 'close' });
  s.settle(owner);
  t.deepEqual(s.world.truth.log, [1, 2, 3, 4, 5, 6]);
});

test('what a slot had no room for does not linger again', (t) => {
  const s = script({ lingerMs: 60_000, recordsPerSlot: 1 });
  const owner = s.started(0, 'writer');
  for (let n = 0; n < 5; n++) owner.commit();
  s.settle(owner);
  const slots = s.world.truth.slots.length;
  const phases: (string | undefined)[] = [];
  s.until(() => {
    if (phases.at(-1) !== owner.state?.phase) phases.push(owner.state?.phase);
    return owner.pending.length === 0;
  }, owner);
  t.is(s.world.truth.slots.length, slots + 5);
  t.is(phases.filter((phase) => phase === 'lingering').length, 1);
  // What comes later does.
  owner.commit();
  s.settle(owner);
  t.is(owner.state?.phase, 'lingering');
});

test('a node that has lost everything grows back from a checkpoint and the log after it', (t) => {
  const s = script();
  const owner = s.started(0, 'writer');
  s.write(owner, 5);
  s.checkpoint(owner);
  s.write(owner, 2);
  s.checkpoint(owner);
  s.collect(owner);
  s.write(owner, 3);
  const replica = s.started(1, 'replica');
  t.is(s.world.counters.regrowths, 1);
  t.deepEqual(replica.engine.log, owner.engine.log);
  t.is(protocol.status(replica.state as protocol.State).role, 'following');
});

test('older checkpoints are kept by number and by age, with the log that they need', (t) => {
  for (const plan of [{ keep: 2 }, { keep: 0, retainMs: 35 }]) {
    const s = script(plan);
    const owner = s.started(0, 'writer');
    for (let n = 0; n < 6; n++) {
      s.write(owner, 2);
      s.checkpoint(owner);
    }
    s.collect(owner);
    const { head } = s.world.truth;
    t.deepEqual(
      head?.retained.map(({ seq }) => seq),
      [8, 10],
    );
    t.is(head?.wal.floor, head?.retained[0]?.floor as number);
    s.world.truth.restorable();
    t.is(s.world.counters['checkpoints restored'], 3);
  }
});

test('what kept checkpoints name is remembered while they are kept, and so much of it', (t) => {
  const script = new Script(protocol, undefined, { keep: 1 });
  const owner = script.started(0, 'writer');
  for (let n = 0; n < 5; n++) {
    script.write(owner, 1);
    script.checkpoint(owner);
  }
  script.collect(owner);
  const state = owner.state as State;
  const [older, newest, ...others] = Object.keys(state.known) as [string, string];
  t.deepEqual(
    [older, newest].map((name) => name.split('/').at(-1)),
    ['0000000001-0000000008', '0000000001-0000000010'],
  );
  t.deepEqual(others, []);

  const many = Array<string>(600_000).fill('a table');
  const known = {
    [older]: [...(state.known[older] ?? []), ...many],
    [newest]: [...(state.known[newest] ?? []), ...many],
  };
  owner.state = { ...state, known };
  script.collect(owner);
  t.deepEqual(Object.keys(owner.state.known), [newest]);
  script.collect(owner);
  script.world.truth.restorable();
});

test('a copy holds the branch as it was after a revision, or at a time, and follows it no further', (t) => {
  const s = script({ keep: 9 });
  const owner = s.started(0, 'writer');
  for (let n = 0; n < 4; n++) {
    s.write(owner, 2);
    s.checkpoint(owner);
  }
  for (const [until, commits] of [
    [{ revision: 1 }, 0],
    [{ revision: 4 }, 3],
    [{ revision: 9 }, 8],
    [{ timeMs: 55 }, 5],
    [{ timeMs: 1_000_000 }, 8],
  ] as const) {
    const copy = s.node(1);
    copy.crash(true);
    copy.start('replica', until);
    s.settle(copy);
    t.deepEqual(
      { phase: copy.state?.phase, log: copy.engine.log },
      { phase: 'restored', log: owner.engine.log.slice(0, commits) },
    );
  }
});

test('a copy of a moment that is not there, yet or any more, is refused', (t) => {
  const s = script();
  const owner = s.started(0, 'writer');
  s.write(owner, 2);
  s.node(1).start('replica', { revision: 9 });
  t.throws(() => s.settle(s.node(1)), { message: /has not got to revision 9/ });
  s.checkpoint(owner);
  s.write(owner, 1);
  s.checkpoint(owner);
  s.collect(owner);
  s.node(2).start('replica', { revision: 2 });
  t.throws(() => s.settle(s.node(2)), { message: /no checkpoint that is kept is as old as that/ });
});

test('names are read back as they were given, and any other name is left alone', (t) => {
  const table = { branchId: 'b', epoch: 3, n: 12, id: 'x', sha256: protocol.sha256('x') };
  t.deepEqual(protocol.parseName(protocol.tableName(table)), { kind: 'table', epoch: 3, n: 12 });
  t.deepEqual(protocol.parseName(protocol.manifestName('b', table)), { kind: 'manifest', epoch: 3, n: 12 });
  t.deepEqual(protocol.parseName(protocol.slotName('b', 2 ** 53 - 1)), { kind: 'slot', slot: 2 ** 53 - 1 });
  for (const name of [
    'heads/main',
    'd/b/wal/12',
    'd/b/notes/0000000003-0000000012',
    'd/b/tables/0000000003-0000000012-x.y',
  ]) {
    t.is(protocol.parseName(name), undefined);
  }
});
