import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import test, { type ExecutionContext } from 'ava';
import { open } from '../ts/index.js';
import { sources } from './house/sources.js';
import { blocksOf, hasPrinted, saidOf } from './support/examples.js';
import { runLine } from './support/page.js';
import { project, runIn, saveFiles } from './support/project.js';

const page = sources('docs', 'guide.md')[0]?.text ?? '';
const [first = '', service = ''] = page.split(/^## A service$/m);
const TIME = '2026-01-31T12:00:00Z';

test('the first program of the guide prints what it says, the second time too', async (t) => {
  const folder = await project(t);
  const program = blocksOf(first, 'js').join('\n');
  t.true(saidOf(program).length >= 11);
  await writeFile(join(folder, 'first.mjs'), program);
  for (let run = 0; run < 2; run++) {
    const printed = await runIn(folder, ['first.mjs']);
    t.true(hasPrinted(printed, saidOf(program)), printed);
    t.true(hasPrinted(printed, ['user/ada: Ada Lovelace', 'user/alan: Alan Turing', 'user/grace: Grace Hopper']));
  }
});

test('the TypeScript program of the guide prints what it says', async (t) => {
  const folder = await project(t);
  const [program = '', ...more] = blocksOf(first, 'ts');
  t.is(more.length, 0);
  await writeFile(join(folder, 'typed.mts'), program);
  t.true(hasPrinted(await runIn(folder, ['--import', import.meta.resolve('tsx'), 'typed.mts']), saidOf(program)));
});

/** A server of the guide, once it listens. */
async function serve(t: ExecutionContext, folder: string, environment: Record<string, string> = {}) {
  const env = { ...process.env, PORT: '0', JOB_MS: '20', ...environment };
  const server = spawn(process.execPath, ['server.mjs'], { cwd: folder, env });
  t.teardown(() => server.kill('SIGKILL'));
  let said = '';
  server.stderr.on('data', (text) => {
    said += text;
  });
  const [line] = await Promise.race([
    once(createInterface(server.stdout), 'line'),
    once(server, 'exit').then(([code]) => Promise.reject(new Error(`the server ended with ${code}: ${said}`))),
  ]);
  return { server, url: /http:\S+/.exec(line)?.[0] as string };
}

async function stop(t: ExecutionContext, server: ChildProcess) {
  server.kill('SIGTERM');
  const [code] = await once(server, 'exit');
  t.is(code, 0);
}

test('the service of the guide serves, survives a kill, grows back, and its past is opened as a preview', async (t) => {
  t.timeout(120_000);
  const folder = await project(t);
  const programs = await saveFiles(t, service, folder);
  t.true(programs.size >= 8);
  const tried = saidOf(programs.get('try.mjs') as string);
  t.is(tried.length, 5);

  const { server, url } = await serve(t, folder);
  t.true(hasPrinted(await runIn(folder, ['try.mjs', url]), tried));
  t.regex(await (await fetch(`${url}/metrics`)).text(), /^coppice_commits_total/m);
  t.is((await fetch(`${url}/nowhere`)).status, 404);
  server.kill('SIGKILL');
  await once(server, 'exit');

  const again = await serve(t, folder, { STORE: './store' });
  const jobs = async (from: string) =>
    (await fetch(`${from}/jobs`)).json() as Promise<{ done: number; aside: string[] }>;
  while ((await jobs(again.url)).aside.length === 0) await new Promise((resolve) => setTimeout(resolve, 10));
  t.deepEqual(await jobs(again.url), { waiting: 0, done: 9, aside: ['impossible'] } as never);
  await stop(t, again.server);

  const order = saidOf(programs.get('order.mjs') as string);
  t.true(hasPrinted(await runIn(folder, ['order.mjs'], { STORE: './store' }), order));
  await new Promise((resolve) => setTimeout(resolve, 5));
  const yesterday = new Date().toISOString();
  await new Promise((resolve) => setTimeout(resolve, 5));

  await rm(join(folder, 'data'), { recursive: true });
  const grown = await serve(t, folder, { STORE: './store' });
  t.is((await jobs(grown.url)).done, 9);
  t.true(hasPrinted(await runIn(folder, ['try.mjs', grown.url]), tried));

  const lines = blocksOf(service, 'sh').flatMap((block) => block.trim().split('\n'));
  t.is(lines.length, 3);
  for (const line of lines) t.regex(await runLine(t, line, folder, { [TIME]: yesterday }), /main|preview|backup/);

  const preview = await serve(t, folder, { STORE: './store', DATA: './data/preview', BRANCH: 'preview' });
  t.is((await jobs(preview.url)).done, 9, 'as it was yesterday');
  t.is((await jobs(grown.url)).done, 18);
  await stop(t, preview.server);
  await stop(t, grown.server);
  await using backup = await open(join(folder, 'backup'), { readOnly: true });
  t.is(await backup.sublevel('counters').get('done'), '18');
});
