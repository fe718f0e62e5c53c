import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import test from 'ava';
import { temporaryFolder } from '../support/database.js';

test('the examples of transactions print what they say', async (t) => {
  const page = await readFile(new URL('../../docs/transactions.md', import.meta.url), 'utf8');
  const source = await readFile(new URL('../../ts/sublevel.ts', import.meta.url), 'utf8');
  const manual = source.replaceAll(/^ *\* ?/gm, '').matchAll(/```ts\n([^`]*?(?:transaction|begin)\([^`]*)```/g);
  const examples = [...page.matchAll(/```js\n([^`]+)```/g), ...manual].map(([, code]) => code as string);
  t.is(examples.length, 3);
  const folder = await temporaryFolder(t);
  const index = new URL('../../ts/index.ts', import.meta.url).href;
  const tsx = import.meta.resolve('tsx');
  for (const [i, code] of examples.entries()) {
    const named = code.replace("'coppice'", `'${index}'`).replaceAll(/'(\.\/|data\/)[a-z]+'/g, `'example${i}'`);
    await writeFile(join(folder, `example${i}.mts`), named);
    const { stdout } = await promisify(execFile)(process.execPath, [`--import=${tsx}`, `example${i}.mts`], {
      cwd: folder,
    });
    const wanted = [...code.matchAll(/console\.log\(.*\); \/\/ (.*)/g)].map(([, printed]) => `${printed}\n`).join('');
    t.true(wanted.length > 0);
    t.is(stdout, wanted);
  }
});
