/**
 * What a benchmark asks of an engine. Every method is one call of the engine's own public API, the one its manual
 * recommends for the purpose; an engine that has no such call leaves the method out and the row is empty for it.
 *
 * @module
 */

export type Use = (key: string, value: Uint8Array) => void;

/** What all engines get alike, as far as each has such a setting. */
export interface Setting {
  /** `process`: acknowledged writes survive kill -9; `disk`: they survive a power cut as well. */
  durability: 'process' | 'disk';
  cacheBytes: number;
  memtableBytes: number;
  /** Whether values are read as strings, by an engine that is told so when it opens. */
  text: boolean;
}

export interface Engine {
  readonly name: string;
  /** Whether it keeps anything when the process ends: only such engines are peers. */
  readonly persistent: boolean;
  /** Whether it can acknowledge a write when it is on the disk. */
  readonly syncs: boolean;
  open(folder: string, setting: Setting): Promise<Store>;
}

export interface Store {
  /** One atomic batch. */
  load(keys: readonly string[], values: readonly Buffer[]): unknown;
  put(key: string, value: Buffer): unknown;
  del(key: string): unknown;
  /** The get that the manual shows first. Its result may have to be awaited. */
  get(key: string): unknown;
  /** On the calling thread; the value belongs to the caller. */
  getSync?(key: string): Uint8Array | undefined;
  /** On the calling thread; the value is a string, or a view that is valid until the next call. */
  getText?(key: string): string | Uint8Array | undefined;
  /** Leaves the event loop free where the engine may have to read the disk. */
  getAsync?(key: string): Promise<Uint8Array | undefined>;
  /** Every row in order: the key as a string, the value as a buffer that the caller owns. */
  scan(use: Use): unknown;
  /** `limit` rows from `from` on. */
  range(from: string, limit: number, use: Use): unknown;
  /** Brings the files to the size they keep. */
  compact?(): unknown;
  close(): unknown;
}

/** Packages of `bench/package.json` have no declarations here: they are installed only when benchmarks run. */
export async function peer(name: string): Promise<unknown> {
  return import(name);
}
