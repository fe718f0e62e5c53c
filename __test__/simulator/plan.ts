/**
 * How a run is ill-treated. Each seed draws its own mixture, so that runs differ in kind: in one answers are lost all the
 * time, in another nodes sleep for ages while others take over, collect and go on.
 *
 * @module
 */

import type { Random } from '../support/random.js';

/** Chances in 1,000: of a request where nothing else is said. */
export interface Plan {
  nodes: number;
  /** Nodes that only read. */
  replicas: number;
  /** Commits of a database that was there before its branch; 0: there was none. */
  before: number;
  lostRequest: number;
  lostAnswer: number;
  /** Puts that arrive twice, the second time whenever. */
  doubled: number;
  /** Puts that arrive whenever, or never. */
  delayed: number;
  conflict: number;
  unavailable: number;
  staleList: number;
  /** Of a step: */
  lateArrival: number;
  /** Of an object that is to be deleted: it stays for now. */
  lostDelete: number;
  commit: number;
  /** Branches are made, deleted, let go and mended. */
  fork: number;
  /** In 100 of those that are made. */
  tag: number;
  remove: number;
  /** They are given a time to go at, or another one, or none. */
  expire: number;
  /** Those whose time has come are deleted. */
  sweep: number;
  /** Names are given to branches that grow from others, or from the one that has it. */
  replace: number;
  release: number;
  mend: number;
  /** Those that nobody has are collected. */
  cold: number;
  /** Whoever makes, deletes or mends one is killed. */
  killJob: number;
  /** What a branch holds is merged into another one. */
  merge: number;
  checkpoint: number;
  collect: number;
  compact: number;
  crash: number;
  /** In 100 of crashes. */
  diskLoss: number;
  /** Of a put: nothing else of this node is held up meanwhile. */
  hold: number;
  pause: number;
  /** Steps that a pause lasts at most. */
  pauseSteps: number;
  outage: number;
  claim: number;
  close: number;
  /** A record is synced at once. */
  syncAtOnce: number;
  /** Records that are applied are synced at once, */
  applySynced: number;
  /** and so is the position after them. */
  remember: number;
  recordsPerSlot: number;
  lingerMs: number;
  pollMs: number;
  keep: number;
  retainMs: number;
  renewMs: number | null;
  takeoverMs: number;
}

export function planOf(random: Random): Plan {
  const one = (...choices: number[]) => choices[random(choices.length)] as number;
  return {
    nodes: one(2, 3, 3, 4),
    replicas: one(0, 1, 1),
    before: 0,
    lostRequest: one(0, 10, 50, 150),
    lostAnswer: one(0, 20, 100, 250),
    doubled: one(0, 30, 150),
    delayed: one(0, 20, 80, 200),
    conflict: one(0, 10, 60),
    unavailable: one(0, 10, 60, 200),
    staleList: one(0, 300, 700),
    lateArrival: one(1, 5, 20),
    lostDelete: one(0, 0, 200, 500),
    commit: one(20, 60, 120),
    ...(random(2) === 0 ? NO_BRANCHES : branches(one)),
    checkpoint: one(10, 30, 80),
    collect: one(10, 30, 80),
    compact: one(0, 10, 50),
    crash: one(0, 1, 4, 10),
    diskLoss: one(0, 20, 50),
    hold: one(0, 5, 20, 60),
    pause: one(0, 3, 8, 15),
    pauseSteps: one(20, 100, 300, 600),
    outage: one(0, 0, 1),
    claim: one(0, 2, 6, 15),
    close: one(0, 0, 2, 5),
    syncAtOnce: one(500, 900, 1000),
    applySynced: one(200, 1000),
    remember: one(100, 500),
    recordsPerSlot: one(1, 3, 8),
    lingerMs: one(0, 0, 15),
    pollMs: one(20, 60, 200),
    keep: one(0, 0, 1, 3),
    retainMs: one(0, 0, 60, 200),
    renewMs: random(3) === 0 ? null : one(30, 60),
    takeoverMs: one(200, 400),
  };
}

export const NO_BRANCHES = {
  fork: 0,
  tag: 0,
  remove: 0,
  expire: 0,
  sweep: 0,
  replace: 0,
  release: 0,
  mend: 0,
  cold: 0,
  killJob: 0,
  merge: 0,
};

function branches(one: (...choices: number[]) => number) {
  const plan = {
    fork: one(4, 10, 25),
    tag: one(0, 20, 50),
    remove: one(2, 5, 12),
    expire: one(0, 4, 12),
    sweep: one(2, 8),
    replace: one(0, 3, 8),
    release: one(2, 6),
    mend: one(1, 5),
    merge: one(0, 5, 20),
    killJob: one(0, 5, 20, 60),
  };
  // No draw of its own: runs without it are as they were.
  return { ...plan, cold: plan.killJob === 5 ? 8 : 0 };
}

/** Nothing goes wrong any more; what is still on its way may arrive. */
export function calm(plan: Plan): Plan {
  return {
    ...plan,
    lostRequest: 0,
    lostAnswer: 0,
    doubled: 0,
    delayed: 0,
    conflict: 0,
    unavailable: 0,
    staleList: 0,
    crash: 0,
    hold: 0,
    pause: 0,
    outage: 0,
    claim: 0,
    close: 0,
    lateArrival: 10,
    lostDelete: 0,
    ...NO_BRANCHES,
    // Whoever collects faster than others regrow keeps them from it: that is a matter of policy.
    commit: 0,
    checkpoint: 4,
    collect: 2,
    syncAtOnce: 1000,
  };
}
