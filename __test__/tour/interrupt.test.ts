import { readdir } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { CoppiceError } from '../../ts/index.js';
import { FIRST_MEANING, MARK, openLibrary } from '../../ts/tour/library.js';
import type { Report } from '../../ts/tour/tour.js';
import { temporaryFolder } from '../support/database.js';
import { randomOf } from '../support/random.js';
import { interrupt, startTour } from './support.js';

const ROUNDS = 6;
/** About as many lines as the tour prints. */
const LINES = 110;
const DELAY_MS_MAX = 300;

test('Ctrl-C at any moment leaves a database that opens, and the next run goes on with it', async (t) => {
  t.timeout(600_000);
  const random = randomOf(t);
  const path = await temporaryFolder(t);
  let limit = 0;
  let stopped = 0;
  for (let round = 0; round < ROUNDS; round++) {
    // Each round has something more to load.
    limit += 4_000;
    const [line, delayMs] = [random(LINES), random(DELAY_MS_MAX)];
    const { code, signal, err } = await startTour(['--path', path, '--limit', String(limit)], (child) => {
      let seen = 0;
      let sent = false;
      const send = async () => {
        sent = true;
        await sleep(delayMs);
        interrupt(child);
      };
      if (line === 0) void send();
      child.stdout?.on('data', (text: Buffer) => {
        seen += text.toString().split('\n').length - 1;
        if (seen >= line && !sent) void send();
      });
    });
    const moment = `round ${round}: line ${line}, ${delayMs} ms: code ${code}, ${signal}: ${err}`;
    t.log(moment.trim());
    // Before the tour has begun to listen, or after it has ended, there is nothing to say.
    if (signal !== 'SIGINT' && code !== 0) {
      t.is(code, 130, moment);
      t.regex(err, /Stopped\. (.* opens: it holds .*|No database was made yet\.)\n$/, moment);
      stopped++;
    }
    await isWhole(t, path, moment);
  }
  t.true(stopped > 0, 'no round was stopped by its signal');

  const { code, out, err } = await startTour(['--json', '--path', path, '--limit', String(limit)]);
  t.is(code, 0, err);
  const { load } = JSON.parse(out) as Report;
  t.is(load.meanings, limit);
  await isWhole(t, path, 'after the last run');
});

test('a reader that goes away ends the tour like Ctrl-C', async (t) => {
  const path = await temporaryFolder(t);
  const { code, err } = await startTour(['--path', path, '--limit', '1000'], (child) => {
    child.stdout?.once('data', () => child.stdout?.destroy());
  });
  t.is(code, 130, err);
  t.regex(err, /Stopped\. /);
  await isWhole(t, path, 'after the reader has gone');
});

/** What is marked as loaded is there, in the database and in its index, and nothing else is. */
async function isWhole(t: ExecutionContext, path: string, moment: string): Promise<void> {
  try {
    const { db, words, marks } = await openLibrary(path, { createIfMissing: false });
    const done = (await marks.get(MARK))?.done ?? 0;
    t.is(await db.count({ gte: FIRST_MEANING }), done, moment);
    t.is(await words.count(), done, moment);
    t.true((await db.verify()).ok, moment);
    await db.close();
  } catch (error) {
    if (!(error instanceof CoppiceError && error.code === 'COPPICE_NOT_FOUND')) throw error;
  }
  const left = await readdir(path);
  t.true(
    left.every((name) => name === 'dictionary' || name === 'grown'),
    `${moment}: ${left}`,
  );
}
