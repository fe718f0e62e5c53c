/**
 * A branch that begins with a database that was there before, as `ts/repository/shell/adoption.ts` leaves it: a head with
 * a manifest, nothing in the log, and a disk that holds all of it.
 *
 * @module
 */

import {
  adopted,
  adoptedAt,
  headName,
  type Manifest,
  manifestName,
  sha256,
  tableName,
} from '../../ts/repository/protocol/index.js';
import type { Node } from './node.js';
import type { World } from './world.js';

const EPOCH = 3;

export function adopt(world: World, { engine }: Node): void {
  const { bucket, truth, truths, plan } = world;
  const branchId = 'branch.adopted';
  for (let n = 0; n < plan.before; n++) {
    engine.append(world.newCommit());
    if (world.random(2) === 0) engine.flush(null);
  }
  const { seq, revision, timeMs, engine: content, tables: made, trimRevision } = engine.flush(null);
  for (const part of engine.tables) truths.parts.set(part.sha256, part);
  const tables = made.map((table, n) => ({ ...table, branchId, epoch: EPOCH, n: n + 1 }));
  for (const table of tables) bucket.put(tableName(table), table, null);
  // What an attempt before has left.
  bucket.put(tableName({ branchId, epoch: 1, n: 1, sha256: sha256('left') }), { epoch: 1, n: 1 }, null);
  const position = adoptedAt(branchId, seq, revision);
  const n = tables.length + 1;
  const manifest: Manifest = { branchId, epoch: EPOCH, n, seq, revision, timeMs, position, engine: content, tables };
  bucket.put(manifestName(branchId, manifest), manifest, null);
  const { keep, retainMs } = plan;
  const policy = { keep, retainMs };
  const digest = sha256(JSON.stringify(manifest));
  const head = adopted({ name: 'main', nonce: 'adopted', policy, epochBefore: 0, manifest, digest, trimRevision });
  truth.began(engine.log, position);
  bucket.put(headName('main'), head, null);
  truths.stored(headName('main'), head);
  engine.reach(branchId, position, true);
}
