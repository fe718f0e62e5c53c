/**
 * Directed runs for the rules by which branches are made, deleted and replaced.
 *
 * @module
 */

import { headName } from '../../ts/repository/protocol/index.js';
import type { Errand } from './job.js';
import type { Protocol } from './node.js';
import { of, Script } from './script.js';
import { must } from './truth.js';
import type { Trace } from './world.js';

export const OF_BRANCHES: Record<string, (protocol: Protocol, trace?: Trace) => void> = {
  /** A fork has read the head of its parent when that lets go of what the branch would begin with. */
  'pin-what-is-kept'(protocol, trace) {
    const script = new Script(protocol, trace);
    const owner = script.started(0, 'writer');
    script.write(owner, 1);
    script.checkpoint(owner);
    const job = script.begun((protocol, hand) => protocol.fork(hand, { parent: 'main', name: 'b', at: null }));
    script.hold(of(job, 'put', headName('main')));
    script.settle(job);
    script.write(owner, 1);
    owner.compact();
    script.checkpoint(owner);
    script.collect(owner);
    script.hold();
    script.settle(job);
    script.started(script.nodeOn('b'), 'writer');
  },

  /** A branch has expired when somebody comes to delete it, and is given more time before that is done. */
  'expired-still'(protocol, trace) {
    const script = new Script(protocol, trace);
    script.write(script.started(0, 'writer'), 1);
    script.fork('b');
    const say = (expiresMs: number) => script.job((protocol, hand) => protocol.expire(hand, 'b', expiresMs));
    say(100);
    const job = script.begun((protocol, hand) => protocol.removeExpired(hand, 'b', 100));
    script.hold(of(job, 'put'));
    script.settle(job);
    say(1_000);
    script.hold();
    script.settle(job);
    must(script.world.truths.live.includes('b'), 'a branch is deleted that has been given more time');
  },

  /** Whoever makes a branch is slow to put its head; meanwhile the pin is found that it has made. */
  'tombstone-first'(protocol, trace) {
    const script = new Script(protocol, trace);
    const { heads } = script.world.truths;
    script.write(script.started(0, 'writer'), 1);
    const job = script.begun((protocol, hand) => protocol.fork(hand, { parent: 'main', name: 'b', at: null }));
    script.hold(of(job, 'put', headName('b')));
    script.settle(job);
    script.job((protocol, hand) => protocol.mend(hand, 'main'));
    script.hold();
    script.settle(job);
    must(heads.get('b')?.state === 'live', 'the branch has not been made');
  },

  /** Whoever replaces a branch is slow to put the new head; meanwhile the pin is found that it has made. */
  'moved-first'(protocol, trace) {
    slowToReplace(new Script(protocol, trace), 'put');
  },

  /** The same, and it is slow to do anything. */
  'over-first'(protocol, trace) {
    slowToReplace(new Script(protocol, trace), 'put', 'get');
  },

  /** All of a branch has been kept when somebody takes it, and writes to it, before it is replaced. */
  'kept-whole'(protocol, trace) {
    const script = new Script(protocol, trace);
    const owner = script.started(0, 'writer');
    const standby = script.started(1, 'standby');
    script.write(owner, 1);
    script.checkpoint(owner);
    script.write(owner, 2);
    const { truth, truths } = script.world;
    const asked = { name: 'main', from: 'main', at: { revision: 2 }, keep: 'kept' };
    const job = script.begun((protocol, hand) => protocol.replace(hand, asked));
    script.until(() => truths.heads.has('kept'), job);
    script.take(standby);
    script.write(standby, 1);
    script.settle(job);
    const tag = truths.of(truths.heads.get('kept')?.branchId ?? '');
    must(job.ended && truth.log.length === 4, 'the branch has not been replaced');
    must(tag.begun === truth.log.length, 'the tag does not have all that was replaced');
  },

  /** A branch is about to be told to expire when its pin is made to say that it does not. */
  'hint-behind'(protocol, trace) {
    const script = new Script(protocol, trace);
    script.write(script.started(0, 'writer'), 1);
    script.fork('b');
    const say = (expiresMs: number | null) => (protocol: Protocol, hand: InstanceType<Protocol['Hand']>) =>
      protocol.expire(hand, 'b', expiresMs);
    script.job(say(100));
    const first = script.begun(say(null));
    const { heads } = script.world.truths;
    script.until(() => heads.get('b')?.expiresMs === null, first);
    first.kill();
    // The head says what is asked for, and its pin does not yet.
    const earlier = script.begun(say(100));
    script.hold(of(earlier, 'put', headName('b')));
    script.settle(earlier);
    script.job(say(null));
    script.hold();
    script.settle(earlier);
  },

  /** Whoever has replaced a branch is killed at once; then one that has grown from the one before is deleted. */
  'stands-first'(protocol, trace) {
    const script = new Script(protocol, trace);
    const owner = script.started(0, 'writer');
    script.write(owner, 1);
    script.checkpoint(owner);
    script.fork('b');
    script.job((protocol, hand) => protocol.mend(hand, 'main'));
    replaced(script, 'main', 'main').kill();
    script.job((protocol, hand) => protocol.remove(hand, 'b'));
    const { truths } = script.world;
    for (const name of [...truths.heads.keys()]) script.job((protocol, hand) => protocol.mend(hand, name));
    truths.tidy(new Set());
  },

  /** A disk is about to begin with the branch that has replaced its own when what it fetches is collected. */
  'replaced-anew'(protocol, trace) {
    const script = new Script(protocol, trace);
    const owner = script.started(0, 'writer');
    const [standby, follower] = [script.started(1, 'standby'), script.started(2, 'standby')];
    script.write(owner, 1);
    script.checkpoint(owner);
    script.write(owner, 9);
    script.until(() => follower.state?.log.checked === owner.state?.log.slot, follower);
    script.settle(replaced(script, 'main', 'main', 2));
    script.until(() => standby.state?.branchId === script.world.truth.head?.branchId, standby);
    script.take(standby);
    script.write(standby, 1);
    script.checkpoint(standby);
    script.write(standby, 1);
    script.checkpoint(standby);
    script.hold(of(follower, 'install'));
    script.until(() => follower.state?.phase === 'installing', follower);
    standby.compact();
    script.checkpoint(standby);
    script.collect(standby);
    script.hold();
    script.until(() => follower.state?.log.slot === standby.state?.log.slot, follower);
    must(follower.engine.log.length === 3, 'a disk holds what was to go');
  },
};

/** The job, when the name is the other branch. */
function replaced(script: Script, name: string, from: string, revision?: number): Errand {
  const { heads } = script.world.truths;
  const before = heads.get(name)?.branchId;
  const at = revision === undefined ? null : { revision };
  const job = script.begun((protocol, hand) => protocol.replace(hand, { name, from, at }));
  script.until(() => heads.get(name)?.branchId !== before, job);
  return job as Errand;
}

function slowToReplace(script: Script, ...slow: ('put' | 'get')[]): void {
  const owner = script.started(0, 'writer');
  script.write(owner, 1);
  script.checkpoint(owner);
  script.fork('b');
  const { heads } = script.world.truths;
  const job = script.begun((protocol, hand) => protocol.replace(hand, { name: 'b', from: 'main', at: null }));
  const held = slow.map((type) => of(job, type, headName('b')));
  script.until(() => heads.get('main')?.pins.length === 2, job);
  script.hold((message) => held.some((holds) => holds(message)));
  script.settle(job);
  script.job((protocol, hand) => protocol.mend(hand, 'main'));
  script.hold();
  script.settle(job);
  must(heads.get('b')?.lineage.length === 1, 'the branch has not been replaced');
}
