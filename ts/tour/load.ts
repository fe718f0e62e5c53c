/**
 * Loading the dictionary.
 *
 * A commit holds some meanings, their entries in both indexes, and how far the loading is: so whatever ends the process,
 * what is there is whole, and the next run goes on right behind it.
 *
 * @module
 */

import type { Op } from '../index.js';
import { installedVersion, type Meaning, PACKAGE, type Row, readDictionary } from './dictionary.js';
import { bytes, count, duration, rate, timed } from './figures.js';
import { databaseFolder, type Library, MARK, openLibrary, removeDatabase } from './library.js';
import type { Tour } from './tour.js';

const ROWS_PER_COMMIT = 500;

export interface LoadReport {
  /** `found`: everything was there already. `resumed`: an earlier run was stopped. */
  how: 'loaded' | 'resumed' | 'found';
  meanings: number;
  total: number;
  keysWritten: number;
  ms: number;
  bytesOnDisk: number;
}

/** Opens the database with the dictionary in it, loading what is missing. */
export async function load(tour: Tour): Promise<{ library: Library; report: LoadReport }> {
  const { screen, options } = tour;
  if (options.fresh) await removeDatabase(databaseFolder(options.path));
  const opened = await timed(() => openCurrent(options.path));
  const library = opened.answer;
  try {
    const mark = await library.marks.get(MARK);
    if (mark !== undefined && mark.done >= Math.min(mark.total, options.limit)) {
      const { diskBytes } = library.db.stats();
      screen.line(`Found ${count(mark.done)} meanings from an earlier run, opened in ${duration(opened.ms)}.`);
      screen.line(screen.dim('Nothing is loaded again; npm start -- --fresh would.'));
      const report = { meanings: mark.done, total: mark.total, keysWritten: 0, ms: opened.ms, bytesOnDisk: diskBytes };
      return { library, report: { how: 'found', ...report } };
    }
    return { library, report: await loadRest(tour, library, mark?.done ?? 0) };
  } catch (error) {
    await library.db.close();
    throw error;
  }
}

/** Opens the database; starts over if it holds the dictionary of another version. */
async function openCurrent(folder: string): Promise<Library> {
  const library = await openLibrary(folder);
  const mark = await library.marks.get(MARK);
  if (mark === undefined || mark.version === (await installedVersion())) return library;
  await library.db.close();
  await removeDatabase(databaseFolder(folder));
  return openLibrary(folder);
}

async function loadRest(tour: Tour, library: Library, done: number): Promise<LoadReport> {
  const { screen, options, signal } = tour;
  screen.line(`Reading the English dictionary in the npm package ${PACKAGE} ${await installedVersion()} ...`);
  const read = await timed(() => readDictionary(signal, (part) => screen.progress(part, 'read')));
  screen.endProgress();
  const { version, rows } = read.answer;
  const end = Math.min(rows.length, options.limit);
  screen.line(`It has ${count(rows.length)} meanings of words, read in ${duration(read.ms)}.`);
  if (done > 0) screen.line(`An earlier run was stopped after ${count(done)} of them: it goes on there.`);

  const began = performance.now();
  let keysWritten = 0;
  for (let from = done; from < end; from += ROWS_PER_COMMIT) {
    signal.throwIfAborted();
    const to = Math.min(end, from + ROWS_PER_COMMIT);
    const ops: Op<string, Meaning>[] = rows.slice(from, to).flatMap((row) => opsOf(library, row));
    ops.push({ type: 'put', sublevel: library.marks, key: MARK, value: { version, done: to, total: rows.length } });
    await library.db.batch(ops);
    keysWritten += ops.length;
    screen.progress(to / end, `${count(to)} of ${count(end)} meanings`);
  }
  screen.endProgress();
  const ms = performance.now() - began;
  const { diskBytes } = library.db.stats();
  screen.line(
    `Loaded ${count(keysWritten)} keys in ${duration(ms)}, ${rate((keysWritten / ms) * 1_000)}, each commit synced; ` +
      `${bytes(diskBytes)} on disk.`,
  );
  const how = done > 0 ? 'resumed' : 'loaded';
  return { how, meanings: end, total: rows.length, keysWritten, ms, bytesOnDisk: diskBytes };
}

/** A meaning and its entries in the indexes. */
function opsOf({ words, kinds }: Library, { key, byWord, value }: Row): Op<string, Meaning>[] {
  const ops: Op<string, Meaning>[] = [
    { type: 'put', key, value },
    { type: 'put', sublevel: words, key: byWord, value: key },
  ];
  if (value.kindOf !== undefined) {
    ops.push({ type: 'put', sublevel: kinds, key: `${value.kindOf}:${key}`, value: key });
  }
  return ops;
}
