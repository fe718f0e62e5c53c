/**
 * The options of transactions.
 *
 * @module
 */

import type { Handle } from '../handle.js';
import { RETRIES } from '../limits.js';
import { boolean, checkNames, integer, names, oneOf, signal } from '../options/check.js';
import { type Durability, durability, type WriteOptions } from '../options/write.js';

/** What a transaction is safe from. */
export interface IsolationOptions extends WriteOptions {
  /**
   * `serializable` (the default): as if transactions ran one after the other, in the order of their commits; what was read, keys
   * and ranges, is checked when it commits. `snapshot`: only what is written is checked, so that of two that write the same
   * key the first wins; what one has read and the other changes goes unnoticed (write skew).
   */
  isolation?: 'serializable' | 'snapshot';
}

export interface TransactionOptions extends IsolationOptions {
  /** How often it is tried again after a conflict. Default 20. */
  retries?: number;
}

export interface BeginOptions extends IsolationOptions {
  /**
   * Whether what the commit overwrites is kept until `release`, so that `rollback` can restore it. It is read for that, at most
   * 32 MiB of it, and counts as read. Default false.
   */
  beforeImages?: boolean;
}

/** Options, checked. */
export interface Settings {
  readonly isSerializable: boolean;
  readonly keepsBefore: boolean;
  readonly durability: Durability;
  readonly signal: AbortSignal | undefined;
}

const WRITE = ['isolation', 'durability', 'signal'];
const TRANSACTION = names('transaction', [...WRITE, 'retries']);
const BEGIN = names('begin', [...WRITE, 'beforeImages']);

export function beginSettings(options: BeginOptions, handle: Handle): Settings {
  checkNames(options, BEGIN);
  return settings(options, handle, boolean(options.beforeImages, 'beforeImages', false));
}

export function transactionSettings(options: TransactionOptions, handle: Handle): Settings & { retries: number } {
  checkNames(options, TRANSACTION);
  const { retries = RETRIES } = options;
  return {
    ...settings(options, handle, false),
    retries: integer(retries, 'retries', 0, Number.MAX_SAFE_INTEGER),
  };
}

function settings(options: IsolationOptions, handle: Handle, keepsBefore: boolean): Settings {
  const { isolation = 'serializable' } = options;
  return {
    isSerializable: oneOf(isolation, 'isolation', ['serializable', 'snapshot']) === 'serializable',
    keepsBefore,
    durability: durability(options.durability, handle.levels),
    signal: options.signal === undefined ? undefined : signal(options.signal),
  };
}
