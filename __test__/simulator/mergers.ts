/**
 * Those who merge one branch into another: what a reader of the one has seen becomes a commit of the owner of the other, which is
 * made only if it is not there yet. Whoever does not hear what came of it tries again, with whoever owns the branch then.
 *
 * @module
 */

import type { Node } from './node.js';
import { must } from './truth.js';
import type { World } from './world.js';

const MERGES_MAX = 4;

/** Into the branch of this name: what the other held up to some record. */
interface Merge {
  readonly into: string;
  readonly what: string;
}

export class Mergers {
  #open: Merge[] = [];

  constructor(readonly world: World) {}

  work(): void {
    const { world } = this;
    const { random, truths, plan } = world;
    const any = () => truths.live[random(truths.live.length || 1)] ?? 'main';
    if (this.#open.length < MERGES_MAX && world.chance(plan.merge * 4)) {
      const [into, of] = [any(), any()];
      const { log } = truths.of(truths.heads.get(of)?.branchId ?? '');
      const merge = { into, what: `${of} at ${log.length}` };
      // Two do the same, now and then, and neither knows of the other.
      if (into !== of) this.#open.push(...(random(4) === 0 ? [merge, merge] : [merge]));
    }
    const merge = this.#open[random(this.#open.length || 1)];
    const owners = world.nodes.filter((node) => node.leads && node.branch === merge?.into && !world.sleeps(node));
    const owner = owners[random(owners.length || 1)];
    if (merge !== undefined && owner !== undefined && random(4) === 0) this.#try(merge, owner);
  }

  #try(merge: Merge, owner: Node): void {
    const { truths, counters } = this.world;
    const at = owner.engine.log.findIndex((commit) => truths.merges.get(commit) === merge.what);
    if (at < 0) {
      counters['merges tried'] += 1;
      return owner.commit((commit) => truths.merges.set(commit, merge.what));
    }
    // It is not known yet what comes of it.
    if (at >= (owner.state?.log.seq ?? 0)) return;
    must(owner.truth.log[at] === owner.engine.log[at], `${merge.what} was merged, and is not there`);
    counters.merges += 1;
    this.#open = this.#open.filter((other) => other !== merge);
  }
}
