/**
 * What is done in processes of their own, by name.
 *
 * @module
 */
import { differ, forks, grown } from './branches.js';
import { checkpoints } from './checkpoints.js';
import { load } from './load.js';
import { fresh } from './opened.js';
import { lead, stand } from './owners.js';
import { puts } from './puts.js';
import { plain, regrow } from './regrow.js';
import { still } from './still.js';

export const parts = { load, checkpoints, still, regrow, plain, puts, fresh, lead, stand, forks, grown, differ };

export type Parts = typeof parts;
export type Part = keyof Parts;

export interface Asked {
  part: Part;
  given: unknown;
}
