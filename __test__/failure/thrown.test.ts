import { join } from 'node:path';
import test from 'ava';
import { temporaryFolder } from '../support/database.js';
import { runProgram } from '../support/program.js';

/** One that hangs says so. */
const WATCHED = `
  setTimeout(() => {
    console.log('hangs');
    process.exit(1);
  }, 30_000).unref();
  const db = await open(path);
  await db.put('a', 'value');
  await db.flush();`;

/**
 * Begins to flush and to verify, waits until both are done without a turn of the event loop, so that all they have to
 * tell comes at once, and says what comes.
 */
const BOTH = `
  process.on('uncaughtException', ({ message }) => console.log('uncaught:', message));
  const [flushed, verified] = [db.flush(), db.verify({ onProgress })];
  const written = db.put('b', 'value', { durability: 'disk' });
  while (census().tasks > 0);
  console.log((await Promise.all([flushed, verified, written])).length, 'settled');
`;

test('what onProgress throws is an uncaught exception, and takes nothing with it', async (t) => {
  const path = join(await temporaryFolder(t), 'db');
  const ended = await runProgram(
    path,
    `${WATCHED}
    const onProgress = () => {
      throw new Error('thrown on purpose');
    };
    ${BOTH}`,
  );
  t.regex(ended.output, /^(uncaught: thrown on purpose\n)+3 settled\n$/);
  t.is(ended.code, 0);
});

test('whatever is thrown as a message is taken in, those that came with it are taken in too', async (t) => {
  const path = join(await temporaryFolder(t), 'db');
  const ended = await runProgram(
    path,
    `${WATCHED}
    await db.put('a', 'again');
    const onProgress = () => {};
    for (const listener of environment().listeners.values()) {
      listener.onEvent = ({ type }) => {
        if (type === 'flush') throw new Error('thrown on purpose');
      };
    }
    ${BOTH}`,
  );
  t.deepEqual(ended, { code: 0, signal: null, output: 'uncaught: thrown on purpose\n3 settled\n' });
});

test('without anybody to catch it, what onProgress throws ends the program', async (t) => {
  const path = join(await temporaryFolder(t), 'db');
  const { code, output } = await runProgram(
    path,
    `${WATCHED}
    await db.verify({
      onProgress() {
        throw new Error('thrown on purpose');
      },
    });`,
  );
  t.is(code, 1);
  t.regex(output, /Error: thrown on purpose/);
});
