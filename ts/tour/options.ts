/**
 * The arguments of the tour.
 *
 * @module
 */

import { parseArgs } from 'node:util';
import { CoppiceError } from '../index.js';

export interface TourOptions {
  /** The folder that the tour makes its databases in. */
  readonly path: string;
  readonly fresh: boolean;
  readonly json: boolean;
  readonly help: boolean;
  /** How many meanings to load at most. */
  readonly limit: number;
}

export const PATH_DEFAULT = '.coppice-tour';

export const HELP = `npm start [-- OPTIONS]
  Loads a dictionary into a Coppice database, asks it questions, measures it, kills a writer, and shows what is left.

  --path FOLDER  where the databases of the tour are made (${PATH_DEFAULT})
  --fresh        load the dictionary again, even if an earlier run did
  --limit N      load only the first N meanings
  --json         print one JSON document with all figures: npm start --silent -- --json
  -h, --help     print this

  Ctrl-C ends it at any moment; the database it leaves opens, and the next run goes on with it.`;

export function parseOptions(args: readonly string[]): TourOptions {
  let values: { path?: string; fresh?: boolean; json?: boolean; help?: boolean; limit?: string };
  try {
    values = parseArgs({
      args: [...args],
      options: {
        path: { type: 'string' },
        fresh: { type: 'boolean' },
        json: { type: 'boolean' },
        limit: { type: 'string' },
        help: { type: 'boolean', short: 'h' },
      },
    }).values;
  } catch (error) {
    throw new CoppiceError('INVALID', (error as Error).message);
  }
  const { path = PATH_DEFAULT, fresh = false, json = false, help = false, limit } = values;
  if (path === '') throw new CoppiceError('INVALID', '--path must name a folder');
  if (limit !== undefined && !/^[1-9]\d{0,9}$/.test(limit)) {
    throw new CoppiceError('INVALID', `--limit must be a whole number from 1, not "${limit}"`);
  }
  return { path, fresh, json, help, limit: limit === undefined ? Number.POSITIVE_INFINITY : Number(limit) };
}
