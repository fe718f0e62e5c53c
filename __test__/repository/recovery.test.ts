import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import test from 'ava';
import { open } from '../../ts/index.js';
import { sources } from '../house/sources.js';
import { unknownIn } from '../house/titles.js';
import { temporaryFolder } from '../support/database.js';
import { runLine, wordsOf } from '../support/page.js';

const page = sources('docs', 'recovery.md')[0]?.text ?? '';
const TIME = '2026-01-31T12:00:00Z';

test('every command of the page about recovery does what it is for', async (t) => {
  t.timeout(120_000);
  const folder = await temporaryFolder(t);
  const [data, store] = [join(folder, 'data'), join(folder, 'store')];
  const db = await open(data, { store, durability: 'remote' });
  await db.put('needed', 'yes');
  await db.put('also', 'yes');
  await setTimeout(5);
  const before = new Date().toISOString();
  await setTimeout(5);
  await db.del('needed');
  await db.close();

  const lines = [...page.matchAll(/```sh\n([^`]+)```/g)].flatMap(([, block = '']) => block.trim().split('\n'));
  t.true(lines.length >= 12);
  const printed = new Map<string, string>();
  for (const line of lines) {
    const [command, ...words] = wordsOf(line, folder);
    if (command === 'mv') await rename(words[0] as string, words[1] as string);
    else printed.set(line, await runLine(t, line, folder, { [TIME]: before }));
  }
  t.is(printed.get('npx coppice count ./look'), '1\n');
  t.regex(printed.get('npx coppice scan ./before --limit 10') ?? '', /needed/);
  await using past = await open(join(folder, 'at-revision'), { readOnly: true });
  t.is(await past.get('needed'), 'yes');
  await using again = await open(data, { store, durability: 'remote' });
  t.is(await again.get('also'), 'yes', 'the branch grows back where the folder was moved away');
});

test('every test that the page about recovery names is there', (t) => {
  const rows = page.split('\n').slice(page.split('\n').indexOf('| failure | test |') + 2);
  t.true(rows.length >= 12);
  t.deepEqual(unknownIn(rows.join('\n')), []);
});
