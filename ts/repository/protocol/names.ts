/**
 * The names of objects below the root of a repository. Numbers are padded, so that a list is in order.
 *
 * @module
 */

/** What a name says. */
export type Parsed =
  | { readonly kind: 'slot'; readonly slot: number }
  | { readonly kind: 'manifest' | 'table'; readonly epoch: number; readonly n: number };

interface Numbered {
  readonly epoch: number;
  readonly n: number;
}

/** No object has a number beyond this. */
export const NUMBER_MAX = 9_999_999_999;
const digits = (number: number, width: number) => String(number).padStart(width, '0');
const numbered = ({ epoch, n }: Numbered) => `${digits(epoch, 10)}-${digits(n, 10)}`;

/** Branches whose names differ in large and small letters only, or in a slash, are different on every file system. */
const PLAIN = /[a-z0-9_-]/;
const letter = (byte: number) => {
  const text = String.fromCharCode(byte);
  return PLAIN.test(text) ? text : `=${byte.toString(16).padStart(2, '0')}`;
};

export const HEADS = 'heads/';
export const headName = (branch: string) => `${HEADS}${[...Buffer.from(branch)].map(letter).join('')}`;
/** Under which the head of a branch stands whose name another one has been given. No branch is called so by anybody. */
export const retiredName = (branch: string, branchId: string) => `${branch}~${branchId}`;
export const isRetired = (head: string) => RETIRED.test(head);
const RETIRED = new RegExp(`${letter(0x7e)}[0-9a-f]{32}$`);
/** Everything of one branch but its head. */
export const branchPrefix = (branchId: string) => `d/${branchId}/`;
export const slotName = (branchId: string, slot: number) => `${branchPrefix(branchId)}wal/${digits(slot, 20)}`;
export const manifestName = (branchId: string, manifest: Numbered) =>
  `${branchPrefix(branchId)}manifests/${numbered(manifest)}`;
/** The digits of the digest are for people; the number alone makes the name unique. */
export const tableName = (table: Numbered & { readonly branchId: string; readonly sha256: string }) =>
  `${branchPrefix(table.branchId)}tables/${numbered(table)}-${table.sha256.slice(0, 16)}`;

/** Of the older checkpoints that a head of this epoch names. */
export const listName = (branchId: string, epoch: number, nonce: string) =>
  `${branchPrefix(branchId)}lists/${digits(epoch, 10)}-${nonce}`;
const LIST = /^d\/[^/]+\/lists\/(?<epoch>\d{10})-/;

/** Infinity for what is no list. */
export function epochOfList(name: string): number {
  return Number(LIST.exec(name)?.groups?.epoch ?? Number.POSITIVE_INFINITY);
}

const NAME =
  /^d\/[^/]+\/(?:wal\/(?<slot>\d{20})|(?<kind>manifest|table)s\/(?<epoch>\d{10})-(?<n>\d{10})(?:-[0-9a-f]{16})?)$/;

/** Nothing for a name that this version does not know: what it names is left alone. */
export function parseName(name: string): Parsed | undefined {
  const { slot, kind, epoch, n } = NAME.exec(name)?.groups ?? {};
  if (slot !== undefined) return { kind: 'slot', slot: Number(slot) };
  if (kind === undefined) return undefined;
  return { kind: kind as 'manifest' | 'table', epoch: Number(epoch), n: Number(n) };
}
