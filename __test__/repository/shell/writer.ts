/** Opens a branch and commits until it is killed: prints each text that the store has, after it was told. */

import { fsStore } from '../../../ts/index.js';
import { splitMix32 } from '../../support/random.js';
import { openBranch } from './branch.js';

const [storeFolder, folder, name, seed] = process.argv.slice(2) as [string, string, string, string];
const random = splitMix32(Number(seed));
const { shell, engine } = await openBranch(fsStore(storeFolder), folder, {
  checkpoint: { everyBytes: 1 << 20, everySlots: 5 + random(20) },
  policy: { keep: 1, retainMs: 0 },
  on: (event) => event.type === 'ended' && process.exit(1),
});
process.stdout.write(`open ${engine.texts.length}\n`);
for (let n = 0; ; n++) {
  const text = `${name}.${n}`;
  const stored = shell.stored(engine.commit(text));
  stored.then(
    () => process.stdout.write(`${text}\n`),
    () => {},
  );
  if (random(3) === 0) await stored.catch(() => {});
}
