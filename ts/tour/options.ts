/**
 * The arguments of the tour. What they are is told by scripts/start.mjs, which needs nothing to be built for that.
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
  /** How many meanings to load at most. */
  readonly limit: number;
}

const PATH_DEFAULT = '.coppice-tour';

export function parseOptions(args: readonly string[]): TourOptions {
  let values: { path?: string; fresh?: boolean; json?: boolean; limit?: string };
  try {
    values = parseArgs({
      args: [...args],
      options: {
        path: { type: 'string' },
        fresh: { type: 'boolean' },
        json: { type: 'boolean' },
        limit: { type: 'string' },
      },
    }).values;
  } catch (error) {
    throw new CoppiceError('INVALID', (error as Error).message);
  }
  const { path = PATH_DEFAULT, fresh = false, json = false, limit } = values;
  if (path === '') throw new CoppiceError('INVALID', '--path must name a folder');
  if (limit !== undefined && !/^[1-9]\d{0,9}$/.test(limit)) {
    throw new CoppiceError('INVALID', `--limit must be a whole number from 1, not "${limit}"`);
  }
  return { path, fresh, json, limit: limit === undefined ? Number.POSITIVE_INFINITY : Number(limit) };
}
