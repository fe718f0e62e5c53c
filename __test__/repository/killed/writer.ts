/** Opens a database in a store and writes until it is killed: prints each key that the store has, after it was told. */

import { open } from '../../../ts/index.js';
import { splitMix32 } from '../../support/random.js';

const [store, folder, name, seed] = process.argv.slice(2) as [string, string, string, string];
const random = splitMix32(Number(seed));
const db = await open(folder, {
  store,
  durability: 'remote',
  memoryBytes: 16 << 20,
  checkpoint: { everySlots: 5 + random(20), keep: 1, keepMs: 0 },
});
db.on('error', () => process.exit(1));
process.stdout.write(`open ${await db.count()}\n`);
for (let n = 0; ; n++) {
  const key = `${name}.${String(n).padStart(6, '0')}`;
  const stored = db.put(key, 'x'.repeat(random(20_000)));
  stored.then(
    () => process.stdout.write(`${key}\n`),
    () => {},
  );
  if (random(3) === 0) await stored.catch(() => {});
}
