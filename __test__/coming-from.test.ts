import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { sources } from './house/sources.js';
import { hasPrinted, saidOf } from './support/examples.js';
import { project, runIn, saveFiles } from './support/project.js';

const pageOf = (name: string) => sources('docs', `${name}.md`)[0]?.text ?? '';

test('the table with indexes of the page about SQLite answers what it says', async (t) => {
  const folder = await project(t);
  const programs = await saveFiles(t, pageOf('coming-from-sqlite'), folder);
  const printed = await runIn(folder, ['query.mjs']);
  const said = saidOf(programs.get('query.mjs') as string);
  t.is(said.length, 6);
  t.true(hasPrinted(printed, said), printed);
});

/** A test with another database, which nobody need have: the benchmarks install them. */
function withPeer(title: string, name: string, run: (t: ExecutionContext) => Promise<void>): void {
  const isThere = existsSync(new URL(`../bench/node_modules/${name}/package.json`, import.meta.url));
  if (isThere) test(title, run);
  else test.skip(`${title}: ${name} is not installed, "npm run bench" does it`, run);
}

withPeer('data of lmdb is copied as its page says', 'lmdb', async (t) => {
  const folder = await project(t, ['lmdb']);
  await saveFiles(t, pageOf('coming-from-lmdb'), folder);
  const make = `import { open } from 'lmdb';
const db = open({ path: './old' });
const [people, visits] = [db.openDB({ name: 'people' }), db.openDB({ name: 'visits' })];
for (let i = 0; i < 3_000; i++) people.put('person ' + i, { i, text: 'x'.repeat(900) });
visits.put(7, 'a number');
await visits.put(['ada', 1], ['an', 'array']);
await db.close();`;
  await writeFile(join(folder, 'make.mjs'), make);
  await runIn(folder, ['make.mjs']);
  t.is(await runIn(folder, ['copy.mjs']), 'people 3000\nvisits 2\n');
  const look = `import { open } from 'coppice';
const db = await open('./new', { keyEncoding: 'tuple', valueEncoding: 'json' });
console.log(JSON.stringify(await db.sublevel('visits').entries().toArray()));
console.log((await db.sublevel('people').get(['person 2999'])).i);`;
  await writeFile(join(folder, 'look.mjs'), look);
  t.is(await runIn(folder, ['look.mjs']), '[[["ada",1],["an","array"]],[[7],"a number"]]\n2999\n');
});

withPeer('data of better-sqlite3 is copied as its page says', 'better-sqlite3', async (t) => {
  const folder = await project(t, ['better-sqlite3']);
  await saveFiles(t, pageOf('coming-from-sqlite'), folder);
  const make = `import Database from 'better-sqlite3';
const db = new Database('./old.sqlite');
db.exec('CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT, email TEXT UNIQUE, city TEXT)');
const insert = db.prepare('INSERT INTO users VALUES (?, ?, ?, ?)');
const all = () => {
  for (let i = 0; i < 2_500; i++) insert.run(i, 'name ' + i, i + '@example.com', i % 2 ? 'Wien' : 'Graz');
};
db.transaction(all)();`;
  await writeFile(join(folder, 'make.mjs'), make);
  await runIn(folder, ['make.mjs']);
  t.is(await runIn(folder, ['copy.mjs']), '2500 2500 2500\n');
  const look = `import { byCity, byEmail, users } from './users.mjs';
console.log(await byEmail.get('7@example.com'), (await users.get([7])).city, await byCity.count({ prefix: ['Graz'] }));`;
  await writeFile(join(folder, 'look.mjs'), look);
  t.is(await runIn(folder, ['look.mjs']), '7 Wien 1250\n');
});

withPeer('data of classic-level is copied as the page about Level says', 'classic-level', async (t) => {
  const folder = await project(t, ['classic-level']);
  const [, copy = ''] = /```js\n(import \{ ClassicLevel \}[^`]+)```/.exec(pageOf('level')) ?? [];
  await writeFile(join(folder, 'copy.mjs'), copy);
  const make = `import { ClassicLevel } from 'classic-level';
const db = new ClassicLevel('./old');
for (let i = 0; i < 2_500; i++) await db.put('key ' + i, 'value ' + i);
await db.close();`;
  await writeFile(join(folder, 'make.mjs'), make);
  await runIn(folder, ['make.mjs']);
  await runIn(folder, ['copy.mjs']);
  const look = `import { open } from 'coppice';
const db = await open('./new');
console.log(await db.count(), await db.get('key 2499'));`;
  await writeFile(join(folder, 'look.mjs'), look);
  t.is(await runIn(folder, ['look.mjs']), '2500 value 2499\n');
});
