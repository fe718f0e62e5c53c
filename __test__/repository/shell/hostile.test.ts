/** What was told to be stored is stored, whatever the store, the network and other nodes do. */

import { join } from 'node:path';
import test from 'ava';
import { fsStore, memoryStore, type ObjectStore, s3 } from '../../../ts/index.js';
import { temporaryFolder } from '../../support/database.js';
import { seedOfRun } from '../../support/random.js';
import { newBucket, testWithServer } from '../../support/s3.js';
import { Rounds } from './rounds.js';

const HOSTILE = { lost: 30, unheard: 30, late: 20, conflict: 20, latencyMsMax: 8 };

const stores: [string, typeof test, (folder: string) => ObjectStore | Promise<ObjectStore>][] = [
  ['in memory', test, () => memoryStore()],
  ['in a folder', test, (folder) => fsStore(join(folder, 'store'))],
  ['in a bucket', testWithServer as typeof test, async () => s3(await newBucket())],
];

for (const [where, declare, make] of stores) {
  declare(`each commit that is acknowledged is in the branch once and in order, ${where}`, async (t) => {
    const seed = seedOfRun();
    const folder = await temporaryFolder(t);
    const rounds = new Rounds(await make(folder), folder, seed);
    const texts = await rounds.run(Number(process.env.COPPICE_ROUNDS_MS ?? 5_000), HOSTILE);
    t.log(`COPPICE_SEED=${seed}`, JSON.stringify(rounds.figures), `${texts.length} in the branch`);
    t.deepEqual(rounds.wrong(texts), []);
    t.true(rounds.figures.acknowledged > 0 && rounds.figures.opened > 1);
  });
}
