/**
 * The bounds of an iterator of Level.
 *
 * @module
 */

import { bytesOf } from '../encoding/index.js';
import type { Stored } from './formats.js';

export interface Span {
  gt?: Stored;
  gte?: Stored;
  lt?: Stored;
  lte?: Stored;
  reverse?: boolean;
}

/** The bounds that are given. As in LevelDB `gte` and `lte` go before `gt` and `lt`. */
export function spanOf({ gt, gte, lt, lte, reverse }: Span): Span {
  const lower = gte !== undefined ? { gte } : gt !== undefined ? { gt } : {};
  const upper = lte !== undefined ? { lte } : lt !== undefined ? { lt } : {};
  return { ...lower, ...upper, ...(reverse === true && { reverse }) };
}

/** Whether a key lies within the bounds. */
export function isWithin({ gt, gte, lt, lte }: Span, key: Stored): boolean {
  const bytes = bytesOf(key);
  const to = (bound: Stored) => bytes.compare(bytesOf(bound));
  return (
    (gt === undefined || to(gt) > 0) &&
    (gte === undefined || to(gte) >= 0) &&
    (lt === undefined || to(lt) < 0) &&
    (lte === undefined || to(lte) <= 0)
  );
}
