/**
 * A head as JSON, and the list that one may name. Fields that this version does not know are kept, unless the head says that
 * they have to be known; those that it knows are what they should be, for whoever decides by them.
 *
 * @module
 */

import type { Head, Named, Pin } from '../protocol/index.js';
import { checkFormat, damaged } from './damaged.js';

/** Where the older ones of the checkpoints, or pins, are that a head keeps. */
export interface Older {
  readonly key: string;
  readonly sha256: string;
}

interface Listed {
  readonly older?: Older | undefined;
  readonly olderPins?: Older | undefined;
}

/** What versions of before do not know, and have to, by whether a head says it. */
const FEATURES: Readonly<Record<string, (head: Head) => boolean>> = {
  branches: ({ state, origin, pins }) => state !== 'live' || origin !== null || pins.length > 0,
  tags: ({ kind }) => kind === 'tag',
  expiry: ({ expiresMs }) => expiresMs !== null,
  replacement: ({ retiring }) => retiring !== null,
};
/** What heads of before then mean. */
const BEFORE = {
  kind: 'branch',
  state: 'live',
  expiresMs: null,
  origin: null,
  pins: [],
  lineage: [],
  retiring: null,
  fences: null,
};

export function encodeHead(head: Head & Listed): Uint8Array {
  const requires = Object.keys(FEATURES).filter((name) => FEATURES[name]?.(head));
  return Buffer.from(JSON.stringify(requires.length === 0 ? head : { ...head, requires }));
}

/**
 * @throws `COPPICE_CORRUPT` with the key and what is wrong; `COPPICE_FORMAT` for a head of a later version.
 */
export function decodeHead(key: string, body: Uint8Array): Head & Listed {
  const said = parse(key, body);
  if (!isObject(said)) throw damaged(key, 'it is no object');
  const { requires = [], ...head }: Record<string, unknown> = { ...BEFORE, ...said };
  if (!isListOf(isText)(requires)) throw damaged(key, 'it is no head: requires is wrong');
  const unknown = (requires as string[]).filter((feature) => !Object.hasOwn(FEATURES, feature));
  checkFormat(key, head.format, unknown);
  const wrong = Object.entries(FIELDS).find(([name, is]) => !is(head[name]))?.[0];
  if (wrong !== undefined) throw damaged(key, `it is no head: ${wrong} is wrong`);
  return head as unknown as Head;
}

/** The older checkpoints of a head that keeps many. */
export function decodeOlder(key: string, body: Uint8Array): readonly Named[] {
  const list = parse(key, body);
  if (!isListOf(isNamed)(list)) throw damaged(key, 'it is no list of checkpoints');
  return list as Named[];
}

/** The older pins of a head that has many. */
export function decodeOlderPins(key: string, body: Uint8Array): readonly Pin[] {
  const list = parse(key, body);
  if (!isListOf(isPin)(list)) throw damaged(key, 'it is no list of pins');
  return list as Pin[];
}

function parse(key: string, body: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(body).toString());
  } catch (cause) {
    throw damaged(key, 'it is no JSON', cause);
  }
}

type Is = (value: unknown) => boolean;

const isText: Is = (value) => typeof value === 'string';
const isCount: Is = (value) => Number.isSafeInteger(value) && (value as number) >= 0;
const isNumber: Is = (value) => Number.isFinite(value);
const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null;
const isListOf =
  (is: Is): Is =>
  (value) =>
    Array.isArray(value) && value.every(is);
const orNull =
  (is: Is): Is =>
  (value) =>
    value === null || is(value);
const has =
  (fields: Readonly<Record<string, Is>>): Is =>
  (value) =>
    isObject(value) && Object.entries(fields).every(([name, is]) => is(value[name]));

const oneOf =
  (...values: unknown[]): Is =>
  (value) =>
    values.includes(value);
const ifThere =
  (is: Is): Is =>
  (value) =>
    value === undefined || is(value);

const isNamed = has({
  of: ifThere(isText),
  epoch: isCount,
  n: isCount,
  sha256: isText,
  seq: isCount,
  revision: isCount,
  timeMs: isNumber,
  floor: isCount,
  end: ifThere(isCount),
});
const isOlder = has({ key: isText, sha256: isText });
const isMoment: Is = (value) => has({ revision: isCount })(value) || has({ timeMs: isNumber })(value);
const isStretch = has({ branchId: isText, to: isCount, until: orNull(isMoment) });
const isOrigin = has({
  name: isText,
  branchId: isText,
  manifest: orNull(isNamed),
  stretches: isListOf(isStretch),
  state: oneOf('pinned', 'releasing', 'released'),
});
const isPin = has({
  name: isText,
  branchId: isText,
  manifest: orNull(isNamed),
  slots: has({ from: isCount, to: isCount }),
  state: oneOf('reserved', 'live'),
  expiresMs: ifThere(isNumber),
});

const FIELDS: Readonly<Record<keyof Omit<Head, 'format'> | keyof Listed, Is>> = {
  name: isText,
  branchId: isText,
  kind: oneOf('branch', 'tag'),
  nonce: isText,
  epoch: isCount,
  owner: orNull(has({ node: isText, disk: isText, boot: isText, renewMs: orNull(isCount) })),
  manifest: orNull(isNamed),
  retained: isListOf(isNamed),
  wal: has({ floor: isCount, hint: isCount }),
  collected: has({ epoch: isCount, n: isCount }),
  trimRevision: isCount,
  policy: has({ keep: isCount, retainMs: isCount }),
  state: oneOf('live', 'deleted', 'gone'),
  expiresMs: orNull(isNumber),
  origin: orNull(isOrigin),
  pins: isListOf(isPin),
  lineage: isListOf(isText),
  retiring: orNull((value) => has(FIELDS)(value)),
  fences: orNull(isListOf(isCount)),
  older: ifThere(isOlder),
  olderPins: ifThere(isOlder),
};
