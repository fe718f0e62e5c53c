/**
 * Directed runs, each for one rule: what happens in it happens to random runs once in thousands. With the rule it is
 * harmless; without, it ends in a violation.
 *
 * @module
 */

import { type Forked, slotName } from '../../ts/repository/protocol/index.js';
import type { Node, Protocol } from './node.js';
import { OF_BRANCHES } from './schedules-of-branches.js';
import { of, Script } from './script.js';
import { must } from './truth.js';
import type { Trace } from './world.js';

export const SCHEDULES: Record<string, (protocol: Protocol, trace?: Trace) => void> = {
  ...OF_BRANCHES,

  /**
   * A claimant has found the end of the log and is slow to put its fence. Meanwhile the old owner writes on, another
   * node takes over and collects: the fence is put where a slot was, and is stored.
   */
  confirm(protocol, trace) {
    const script = new Script(protocol, trace);
    const [owner, slow, quick] = threeNodes(script);
    script.hold(of(slow, 'put', '/wal/'));
    slow.tell({ type: 'claim' });
    script.settle(slow);
    script.write(owner, 3);
    script.take(quick);
    collectAll(script, quick);
    script.hold();
    script.settle(slow);
    if (slow.leads) script.write(slow, 1);
    script.world.truth.restorable();
  },

  /**
   * As in `confirm`; but the slot was the old owner's, which never heard that it was stored. It looks there, and finds
   * the fence.
   */
  'collected-slot'(protocol, trace) {
    const script = new Script(protocol, trace);
    const [owner, slow, quick] = threeNodes(script);
    const { bucket, network } = script.world;
    script.hold(of(slow, 'put', '/wal/'));
    slow.tell({ type: 'claim' });
    script.settle(slow);
    const slot = slotName(owner.engine.branchId, owner.state?.log.slot ?? 0);
    network.losesAnswers = true;
    owner.commit();
    script.until(() => bucket.get(slot) !== undefined, owner);
    network.losesAnswers = false;
    script.take(quick);
    collectAll(script, quick);
    must(bucket.get(slot) === undefined, 'the slot is still kept');
    script.hold();
    script.settle(slow);
    must(bucket.get(slot) !== undefined, 'nobody is too late');
    script.until(() => owner.ended, owner);
  },

  /** A standby has given up hope, and the owner shows that it lives before the claim gets through. */
  silence(protocol, trace) {
    const script = new Script(protocol, trace, { renewMs: 50 });
    const [owner, standby] = threeNodes(script);
    script.hold(of(standby, 'put', 'heads/'));
    script.world.nowMs += 1_000;
    script.until(() => standby.state?.phase === 'claiming', standby);
    const renewed = script.world.truth.head;
    script.until(() => script.world.truth.head !== renewed, owner);
    script.hold();
    script.settle(standby);
    must(owner.leads && !standby.leads, 'the owner is left in peace');
  },

  /** An owner that has nothing to do sends nothing, for days. */
  promised(protocol, trace) {
    const script = new Script(protocol, trace);
    const [owner, standby] = threeNodes(script);
    for (let day = 0; day < 3; day++) {
      script.world.nowMs += 86_400_000;
      script.settle(standby);
      script.until(() => standby.leads || standby.state?.phase === 'reading', standby);
      script.settle(standby);
    }
    must(owner.leads && standby.state?.phase === 'waiting', 'an idle owner is left in peace');
  },

  /** An owner writes twice as fast as its successor reads, which has claimed the branch already. */
  'look-up'(protocol, trace) {
    const script = new Script(protocol, trace);
    const [owner, successor] = threeNodes(script);
    successor.tell({ type: 'claim' });
    script.until(() => successor.state?.epoch === 2, successor);
    race(script, owner, successor);
  },

  /** And here before it has even claimed it. */
  eager(protocol, trace) {
    const script = new Script(protocol, trace);
    const [owner, successor] = threeNodes(script);
    script.write(owner, 5);
    successor.tell({ type: 'claim' });
    race(script, owner, successor);
  },

  /** A claim does not get through; meanwhile the owner collects what the claimant has not read yet. */
  'claim-above-floor'(protocol, trace) {
    const script = new Script(protocol, trace);
    const [owner, slow] = threeNodes(script);
    script.hold(of(slow, 'put', 'heads/'));
    slow.tell({ type: 'claim' });
    script.settle(slow);
    script.write(owner, 3);
    collectAll(script, owner);
    script.hold();
    script.until(() => slow.leads, slow);
    script.write(slow, 1);
    script.world.truth.restorable();
  },

  /** As in `confirm`; and a follower comes upon the misplaced fence, and upon a slot after it that was spared. */
  chain(protocol, trace) {
    const script = new Script(protocol, trace);
    const [owner, slow, quick] = threeNodes(script);
    const follower = script.started(3, 'replica');
    script.hold(of(slow, 'put', '/wal/'));
    slow.tell({ type: 'claim' });
    script.settle(slow);
    const { slot } = owner.state?.log ?? { slot: 0 };
    script.write(owner, 2);
    const spared = script.world.bucket.get(slotName(owner.engine.branchId, slot + 1));
    script.take(quick);
    collectAll(script, quick);
    script.hold();
    script.settle(slow);
    script.world.bucket.objects.set(slotName(owner.engine.branchId, slot + 1), spared as never);
    script.until(() => follower.state?.log.slot === quick.state?.log.slot, follower);
  },

  /**
   * The fence of a claimant that was too late stands in the last slot that was collected, and a follower reads it: what
   * comes next does not fit, but it is the follower that is wrong.
   */
  'end-of-log'(protocol, trace) {
    const script = new Script(protocol, trace, { keep: 1 });
    const [owner, slow, quick] = threeNodes(script);
    const follower = script.started(3, 'replica');
    script.checkpoint(owner);
    script.hold(of(slow, 'put', 'heads/'));
    slow.tell({ type: 'claim' });
    script.settle(slow);
    script.write(owner, 1);
    script.checkpoint(owner);
    script.write(owner, 1);
    script.hold(of(slow, 'get', '/wal/'));
    script.settle(slow);
    script.take(quick);
    script.checkpoint(quick);
    script.collect(quick);
    script.hold();
    script.settle(slow);
    script.until(() => follower.state?.log.slot === quick.state?.log.slot, follower);
  },

  /** What a node is installing is collected, and the log it would go on from is kept. */
  'gone-begin-again'(protocol, trace) {
    const script = new Script(protocol, trace);
    const [owner] = threeNodes(script);
    script.write(owner, 1);
    script.checkpoint(owner);
    script.write(owner, 1);
    script.checkpoint(owner);
    const late = script.node(3);
    script.hold(of(late, 'install'));
    late.start('replica');
    script.settle(late);
    owner.compact();
    script.checkpoint(owner);
    script.collect(owner);
    script.hold();
    script.until(() => late.state?.phase === 'waiting', late);
    script.write(owner, 1);
    script.until(() => late.state?.log.slot === owner.state?.log.slot, late);
    script.world.truth.equals(late.engine, late.engine.log.length, late.boot);
    must(late.engine.log.length === owner.engine.log.length, 'the replica lacks records');
  },

  /** An owner checkpoints, collects, dies, and comes back with records that only its disk has. */
  'flush-remembers'(protocol, trace) {
    const script = new Script(protocol, trace);
    const [owner] = threeNodes(script);
    script.write(owner, 5);
    collectAll(script, owner);
    script.hold(of(owner, 'put', '/wal/'));
    owner.commit();
    owner.engine.sync(false);
    owner.crash(false);
    script.hold();
    owner.start('writer');
    script.until(() => owner.leads, owner);
    script.settle(owner);
    must(script.world.truth.log.length === 7, 'a record that was synced is lost with no disk lost');
  },

  /** A new owner wants to know what the store has, and a successor has collected it. */
  'doubt-yourself'(protocol, trace) {
    const script = new Script(protocol, trace);
    const [owner, slow, quick] = threeNodes(script);
    script.write(owner, 2);
    script.checkpoint(owner);
    script.take(slow);
    script.hold(of(slow, 'get', '/manifests/'));
    script.checkpoint(slow);
    script.take(quick);
    script.write(quick, 1);
    collectAll(script, quick);
    script.hold();
    script.settle(slow);
    must(!slow.leads, 'it still leads');
  },

  /**
   * A collector, which has not published the manifest of its head itself, is overtaken before it has read what is live;
   * what it misses is live under a newer manifest.
   */
  'unread-spares'(protocol, trace) {
    const script = new Script(protocol, trace);
    const [before, owner, quick] = threeNodes(script);
    script.write(before, 2);
    script.checkpoint(before);
    script.until(() => quick.engine.log.length === before.engine.log.length, quick);
    quick.crash(true);
    script.started(2, 'standby');
    script.take(owner);
    script.hold(of(owner, 'get', '/manifests/'));
    owner.tell({ type: 'collect' });
    script.settle(owner);
    script.take(quick);
    script.write(quick, 1);
    collectAll(script, quick);
    script.hold();
    script.settle(owner);
    script.world.truth.restorable();
  },

  /** A branch is detached whose older checkpoint names tables of its parent, which lets go of them. */
  'given-up'(protocol, trace) {
    const script = new Script(protocol, trace);
    const [owner] = threeNodes(script);
    script.write(owner, 1);
    script.checkpoint(owner);
    script.fork('b');
    const branch = script.started(script.nodeOn('b'), 'writer');
    script.write(branch, 1);
    script.checkpoint(branch);
    branch.truth.makesOwn = true;
    script.write(branch, 1);
    branch.tell({ type: 'checkpoint', own: true });
    script.settle(branch);
    const { isFree } = script.job((protocol, hand) => protocol.detach(hand, 'b'));
    must(isFree, 'it is not free');
    script.write(owner, 1);
    script.checkpoint(owner);
    owner.compact();
    collectAll(script, owner);
    branch.truth.restorable();
  },

  /** A branch that nobody has is collected by somebody slow; meanwhile another branch is made of what it keeps. */
  'cold-head-first'(protocol, trace) {
    const script = new Script(protocol, trace);
    const [owner] = threeNodes(script);
    script.write(owner, 1);
    script.checkpoint(owner);
    script.write(owner, 2);
    script.checkpoint(owner);
    owner.tell({ type: 'close' });
    script.until(() => owner.ended, owner);
    const slow = script.begun((protocol, hand) => protocol.collect(hand, 'main'));
    script.hold(of(slow, 'delete'));
    script.settle(slow);
    script.fork('b', { revision: 2 });
    script.hold();
    script.settle(slow);
    script.world.truth.restorable();
  },

  /** A branch that nobody has is collected by somebody slow; meanwhile another takes it, writes and collects. */
  'cold-spares'(protocol, trace) {
    const script = new Script(protocol, trace);
    const [before, , quick] = threeNodes(script);
    script.write(before, 2);
    script.checkpoint(before);
    before.tell({ type: 'close' });
    script.until(() => before.ended, before);
    const slow = script.begun((protocol, hand) => protocol.collect(hand, 'main'));
    script.hold(of(slow, 'get', '/manifests/'));
    script.settle(slow);
    script.take(quick);
    script.write(quick, 1);
    collectAll(script, quick);
    script.hold();
    script.settle(slow);
    script.world.truth.restorable();
  },

  /** An owner has a put on its way when another one takes the branch, which is closed and collected before it arrives. */
  'cold-fences'(protocol, trace) {
    const script = new Script(protocol, trace);
    const [slow, , quick] = threeNodes(script);
    script.hold(of(slow, 'put', '/wal/'));
    slow.commit();
    script.settle(slow);
    script.take(quick);
    script.write(quick, 2);
    script.checkpoint(quick);
    quick.tell({ type: 'close' });
    script.until(() => quick.ended, quick);
    script.job((protocol, hand) => protocol.collect(hand, 'main'));
    script.hold();
    script.settle(slow);
  },

  /** A disk stands in the log of another branch, which lets go of that while it sleeps. */
  'begin-above-floor'(protocol, trace) {
    const script = new Script(protocol, trace);
    const [owner] = threeNodes(script);
    script.write(owner, 1);
    script.checkpoint(owner);
    script.write(owner, 2);
    script.fork('b');
    const slow = script.nodeOn('b');
    script.hold(of(slow, 'get', '/wal/'));
    slow.start('replica');
    script.settle(slow);
    const quick = script.started(script.nodeOn('b'), 'writer');
    script.write(quick, 1);
    script.checkpoint(quick);
    quick.compact();
    script.checkpoint(quick);
    script.collect(quick);
    must(
      script.job((protocol, hand) => protocol.release(hand, 'b')),
      'it needs nothing of the other any more',
    );
    collectAll(script, owner);
    script.hold();
    script.until(() => slow.state?.phase === 'waiting', slow);
    must(slow.engine.log.length === quick.engine.log.length, 'the replica lacks records');
  },

  /** A disk has read the log of one branch and some of the next, and remembers no point in it when it dies. */
  'begun-remembered'(protocol, trace) {
    const script = new Script(protocol, trace);
    const [owner] = threeNodes(script);
    script.write(owner, 2);
    script.fork('a');
    const before = script.started(script.nodeOn('a'), 'writer');
    script.write(before, 3);
    script.fork('b', null, 'a');
    const last = script.nodeOn('b');
    script.hold(({ request }) => 'key' in request && request.key === slotName(before.engine.branchId, 5));
    script.world.plan.remember = 1000;
    last.start('replica');
    script.until(() => last.state?.phase === 'reading', last);
    script.world.plan.remember = 0;
    script.settle(last);
    const held = () => last.engine.log.length;
    must(held() === 4, 'it has not got into the second log');
    last.crash(false);
    script.hold();
    script.started(last, 'replica');
    must(held() === 5, 'the replica lacks records');
  },

  /** Whoever makes an empty branch does not hear that it is there; meanwhile it is deleted. */
  'fresh-id'(protocol, trace) {
    const script = new Script(protocol, trace);
    threeNodes(script);
    const { network, truths } = script.world;
    const maker = script.nodeOn('b');
    maker.start('writer');
    script.until(() => maker.state?.phase === 'creating', maker);
    network.losesAnswers = true;
    script.until(() => truths.heads.has('b'), maker);
    network.losesAnswers = false;
    script.job((protocol, hand) => protocol.remove(hand, 'b'));
    must(truths.heads.get('b')?.state === 'gone', 'it is still there');
    script.until(() => maker.leads, maker);
    script.write(maker, 1);
  },

  /** Whoever makes a branch does not hear that it is there; meanwhile somebody opens it, and its head moves. */
  'own-child'(protocol, trace) {
    const script = new Script(protocol, trace);
    const [owner] = threeNodes(script);
    script.write(owner, 1);
    const { network, truths } = script.world;
    const job = script.begun((protocol, hand) => protocol.fork(hand, { parent: 'main', name: 'b', at: null }));
    script.until(() => truths.heads.get('main')?.pins.length === 1, job);
    network.losesAnswers = true;
    script.until(() => truths.heads.has('b'), job);
    network.losesAnswers = false;
    script.write(script.started(script.nodeOn('b'), 'writer'), 1);
    script.settle(job);
    must((job.result as Forked).type === 'forked', 'a branch that was made was taken for another');
  },

  /** The store holds another branch under the name of the one that this disk is a part of. */
  'never-another'(protocol, trace) {
    const script = new Script(protocol, trace);
    const [owner, other] = threeNodes(script);
    script.write(owner, 1);
    owner.crash(false);
    const another = new Script(protocol, trace);
    another.write(another.started(1, 'writer'), 1);
    other.crash(false);
    for (const [key, object] of another.world.bucket.objects) script.world.bucket.objects.set(key, object);
    owner.start('writer');
    script.world.truth.log.length = 0;
    must(failure(() => script.settle(owner)).includes('is another one'), 'another branch was taken for this one');
  },

  /** The store has lost the branch that this disk is a part of. */
  'never-anew'(protocol, trace) {
    const script = new Script(protocol, trace);
    const [owner] = threeNodes(script);
    script.write(owner, 1);
    owner.crash(false);
    script.world.bucket.objects.clear();
    owner.start('writer');
    must(failure(() => script.settle(owner)).includes('is gone'), 'an empty store was taken for a new one');
  },
};

function race(script: Script, owner: Node, successor: Node): void {
  for (let n = 0; n < 500 && !successor.leads; n++) {
    if (owner.leads) owner.commit();
    script.move(owner, 2);
    script.move(successor, 1);
  }
  must(successor.leads, 'nobody can take the branch from an owner that never rests');
}

function failure(run: () => void): string {
  try {
    run();
    return '';
  } catch (error) {
    return (error as Error).message;
  }
}

/** An owner that has written a little, and two nodes that stand by and have read it. */
function threeNodes(script: Script): [owner: Node, one: Node, other: Node] {
  const owner = script.started(0, 'writer');
  return [owner, script.started(1, 'standby'), script.started(2, 'standby')];
}

/** Twice a checkpoint, so that the first one and the log before it go. */
function collectAll(script: Script, owner: Node): void {
  script.checkpoint(owner);
  script.write(owner, 1);
  script.checkpoint(owner);
  script.collect(owner);
}
