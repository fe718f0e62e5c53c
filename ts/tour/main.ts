/**
 * The program behind `npm start`, after the set-up. Exit codes: 0 done, 1 something acknowledged was lost, or is
 * not what was written, 2 wrong call, 3 the database refused or failed, 130 stopped by Ctrl-C.
 *
 * @module
 */

import { CoppiceError } from '../index.js';
import { count } from './figures.js';
import { databaseFolder, type Library, MARK, openLibrary } from './library.js';
import { parseOptions, type TourOptions } from './options.js';
import { Screen } from './screen.js';
import { run } from './tour.js';

const EXIT = { OK: 0, LOST: 1, USAGE: 2, FAILED: 3, STOPPED: 130 };

process.exitCode = await main(process.argv.slice(2));

async function main(args: readonly string[]): Promise<number> {
  try {
    return await tour(parseOptions(args));
  } catch (error) {
    if (!(error instanceof CoppiceError)) throw error;
    console.error(`coppice: ${error.message} (${error.code})`);
    if (['COPPICE_CORRUPT', 'COPPICE_ENCODING'].includes(error.code))
      console.error('npm start -- --fresh makes it anew.');
    return error.code === 'COPPICE_INVALID' ? EXIT.USAGE : EXIT.FAILED;
  }
}

async function tour(options: TourOptions): Promise<number> {
  const screen = new Screen(process.stdout, process.env, options.json);
  const stop = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    process.on(name, () => {
      // Who asks twice does not want to wait, and no end of the process harms the database.
      if (stop.signal.aborted) process.exit(EXIT.STOPPED);
      stop.abort();
    });
  }
  // Nobody reads on, as after `| head`.
  process.stdout.on('error', () => stop.abort());
  try {
    const report = await run({ options, screen, signal: stop.signal });
    if (options.json) console.log(JSON.stringify(report));
    return report.ok ? EXIT.OK : EXIT.LOST;
  } catch (error) {
    if (!stop.signal.aborted) throw error;
    screen.endProgress();
    console.error(`\nStopped. ${await whatIsThere(options.path)}`);
    return EXIT.STOPPED;
  }
}

/** What a stopped tour has left, told by opening it. */
async function whatIsThere(folder: string): Promise<string> {
  const path = databaseFolder(folder);
  let library: Library;
  try {
    library = await openLibrary(folder, { createIfMissing: false });
  } catch (error) {
    if (error instanceof CoppiceError && error.code === 'COPPICE_NOT_FOUND') return 'No database was made yet.';
    throw error;
  }
  const { revision } = library.db;
  const mark = await library.marks.get(MARK);
  await library.db.close();
  const loaded = mark === undefined ? 'no meaning' : `${count(mark.done)} of ${count(mark.total)} meanings`;
  return `${path} opens: it holds ${loaded}, at revision ${revision}. The same command goes on from there.`;
}
