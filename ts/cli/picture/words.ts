/**
 * Events of a store's log in words.
 *
 * @module
 */

import type { LogEvent } from '../../repository/index.js';
import { figure } from '../figures.js';
import { printable } from '../text.js';

/** To the second; what nobody knows is a dash. */
export function timeOf({ at }: LogEvent): string {
  return at === null ? '-' : `${at.toISOString().slice(0, 19)}Z`;
}

export function wordsOf(event: LogEvent): string {
  const not = event.time === 'exact' ? '' : ` (${event.time} then)`;
  return `${said(event)}${not}`;
}

function said(event: LogEvent): string {
  switch (event.type) {
    case 'end':
      return `newest: revision ${event.revision ?? '?'}${expiry(event.expiresAt)}`;
    case 'checkpoint': {
      const { revision, tables, ownBytes, sharedBytes } = event;
      const shared = sharedBytes > 0 ? `, ${figure(sharedBytes, 'bytes')} shared` : '';
      return `checkpoint: revision ${revision}, ${tables} tables, ${figure(ownBytes, 'bytes')}${shared}`;
    }
    case 'branch':
      return `grown from ${printable(event.from)}${where(event)}`;
    case 'tag':
      return `tag of ${printable(event.from)}${where(event)}${expiry(event.expiresAt)}`;
    case 'takeover':
      return `taken over${event.owner === null ? '' : ` by ${printable(event.owner)}`}, epoch ${event.epoch}`;
    case 'trim':
      return `trimmed to revision ${event.oldest}`;
    case 'drop':
      return 'dropped';
  }
}

function where({ revision }: LogEvent): string {
  return revision === null ? '' : ` at revision ${revision}`;
}

function expiry(expires: Date | null): string {
  return expires === null ? '' : `, expires ${expires.toISOString().slice(0, 19)}Z`;
}
