/**
 * The bounds of an iterator of Level, and how a seek moves them.
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

/** The rest of a span from a key on, in reading direction; nothing if the key lies outside of it. */
export function spanFrom(span: Span, target: Stored): Span | undefined {
  const key = bytesOf(target);
  const { gt, gte, lt, lte, reverse } = span;
  const to = (bound: Stored) => key.compare(bytesOf(bound));
  const isOutside =
    (gt !== undefined && to(gt) <= 0) ||
    (gte !== undefined && to(gte) < 0) ||
    (lt !== undefined && to(lt) >= 0) ||
    (lte !== undefined && to(lte) > 0);
  if (isOutside) return undefined;
  return spanOf(reverse ? { ...span, lte: target } : { ...span, gte: target });
}
