import { access, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { COMMANDS } from '../ts/cli/commands/index.js';
import { unknownIn } from './house/titles.js';
import { temporaryFolder } from './support/database.js';
import { overSources, runFile } from './support/examples.js';

const root = fileURLToPath(new URL('..', import.meta.url));
const readme = readFile(join(root, 'README.md'), 'utf8');

test('the ten lines of the README print what it says', async (t) => {
  const [, example, printed] =
    /```js\n([^`]+)```\n\nThe first time it prints\n\n```\n([^`]+)```/.exec(await readme) ?? [];
  t.truthy(example);
  t.is(example?.trim().split('\n').length, 10);
  const folder = await temporaryFolder(t);
  await writeFile(join(folder, 'example.mjs'), overSources(example as string));
  t.is(await runFile(folder, 'example.mjs'), printed as string);
});

test('the README names every command of the command line', async (t) => {
  t.true((await readme).includes(`\`${COMMANDS.map(({ name }) => name).join(' ')}\``));
});

test('the index of the documents names every document, and what documents link to is there', async (t) => {
  const documents = (await readdir(join(root, 'docs'), { recursive: true })).filter((name) => name.endsWith('.md'));
  const index = await readFile(join(root, 'docs', 'README.md'), 'utf8');
  for (const name of documents.filter((name) => name !== 'README.md')) {
    t.true(index.includes(`](${name.replaceAll('\\', '/')})`), `docs/README.md does not name ${name}`);
  }
  for (const name of ['README.md', ...documents.map((name) => join('docs', name))]) {
    const text = await readFile(join(root, name), 'utf8');
    for (const [, link, anchor] of text.matchAll(/\]\((?!https?:)([^)#]*)(?:#([^)]+))?\)/g)) {
      const target = link === '' ? join(root, name) : join(root, name, '..', link as string);
      await t.notThrowsAsync(access(target), `${name} links to ${link}`);
      if (anchor === undefined) continue;
      t.true(anchorsOf(await readFile(target, 'utf8')).includes(anchor), `${name} links to ${link}#${anchor}`);
    }
  }
});

/** What the headings of a page are linked by. */
function anchorsOf(page: string): string[] {
  const headings = [...page.matchAll(/^#+ (.*)$/gm)].map(([, heading]) => heading as string);
  return headings.map((heading) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\w\- ]/g, '')
      .replaceAll(' ', '-'),
  );
}

test('every promise of the page about guarantees names what shows it, which is there', async (t) => {
  const page = await readFile(join(root, 'docs', 'guarantees.md'), 'utf8');
  const tables = [...page.matchAll(/^\| promise \| shown by \|\n\|---\|---\|\n((?:\|.*\n)+)/gm)];
  t.true(tables.length >= 7);
  const rows = tables.flatMap(([, rows = '']) => rows.trim().split('\n'));
  t.true(rows.length >= 35);
  for (const row of rows) {
    const shown = row.split(' | ').at(-1) as string;
    t.regex(shown, /`/, row);
    t.deepEqual(unknownIn(shown), []);
  }
  const named = [...page.matchAll(/: (`[^`]+`(?:,\n`[^`]+`)*)[.;]/g)];
  for (const [, names] of named) t.deepEqual(unknownIn(names as string), []);
});
