import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import test from 'ava';
import { open } from '../ts/index.js';
import { sources } from './house/sources.js';
import { temporaryFolder } from './support/database.js';
import { runLine } from './support/page.js';

const page = sources('docs', 'branches.md')[0]?.text ?? '';
const TIME = '2026-01-31T12:00:00Z';

test('the recipes of the page about branches do what they are for', async (t) => {
  t.timeout(120_000);
  const folder = await temporaryFolder(t);
  const [data, store] = [join(folder, 'data'), join(folder, 'store')];
  const db = await open(data, { store, durability: 'remote', history: true });
  await db.put('price/bread', '2');
  await db.put('price/milk', '1');
  await setTimeout(5);
  const before = new Date().toISOString();
  await setTimeout(5);
  await db.del('price/milk');
  await db.close();

  /** The program of the page about migrations. */
  const migrate = async () => {
    const branch = await open(join(folder, 'migrated'), { store, branch: 'migration', durability: 'remote' });
    for await (const [key, value] of branch.entries({ prefix: 'price/' })) await branch.put(key, `${value}.00`);
    await branch.close();
  };
  const blocks = [...page.matchAll(/```(sh|js)\n([^`]+)```/g)].slice(1);
  t.is(blocks.filter(([, language]) => language === 'sh').length, 6);
  const printed = new Map<string, string>();
  for (const [, language, block = ''] of blocks) {
    if (language === 'js') {
      await migrate();
      continue;
    }
    for (const line of block.trim().split('\n')) {
      printed.set(line, await runLine(t, line, folder, { [TIME]: before }));
    }
  }
  t.is(printed.get('npx coppice diff ./store main..migration --store'), '~ price/bread\t2\t2.00\n');
  t.regex(printed.get('npx coppice merge ./data migration --store ./store') ?? '', /1 keys, 0 conflicts/);
  t.is(printed.get('npx coppice diff ./store main..before --store'), '~ price/bread\t2.00\t2\n+ price/milk\t1\n');
  t.is(printed.get('npx coppice scan ./before --prefix price/'), 'price/bread\t2\nprice/milk\t1\n');
  t.is(printed.get('npx coppice diff ./store incident..main --store'), '~ price/bread\t2\t2.00\n- price/milk\t1\n');
  const undone = printed.get('npx coppice diff ./store before-the-reset..main --store');
  t.is(undone, '~ price/bread\t2.00\t2\n+ price/milk\t1\n');
  await using again = await open(data, { store, durability: 'remote' });
  const were = [
    ['price/bread', '2'],
    ['price/milk', '1'],
  ];
  t.deepEqual(await again.entries().toArray(), were as never);
});
