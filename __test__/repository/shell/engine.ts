/**
 * An engine of some lines for the tests of the shell: a database is a list of texts. What is durable is a file that is
 * replaced at each sync, so that it outlives a kill; tables are files of their own.
 */

import { createHash, randomUUID } from 'node:crypto';
import { existsSync, linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { CoppiceError } from '../../../ts/index.js';
import type { Held, InstallFile, LogRecords, PinnedVersion, Replication, Until } from '../../../ts/native/types.js';
import type { EngineFolder, OpenEngine } from '../../../ts/repository/shell/index.js';
import type { Random } from '../../support/random.js';

/** What a bad disk does. */
export interface Trouble {
  readonly random: Random;
  /** How long a call takes. */
  slowMsMax: number;
  /** Of a thousand calls: there is no room, which half of the time is found out when all is done. */
  full: number;
}

const NONE: Trouble = { random: () => 0, slowMsMax: 0, full: 0 };

/** Carries out `work`, on a bad disk. */
async function endure<T>({ random, slowMsMax, full }: Trouble, work: () => T | Promise<T>): Promise<T> {
  if (slowMsMax > 0) await setTimeout(random(slowMsMax));
  const fails = random(1000) < full;
  if (fails && random(2) === 0) throw noRoom();
  const done = await work();
  if (slowMsMax > 0) await setTimeout(random(slowMsMax));
  if (fails) throw noRoom();
  return done;
}

const noRoom = () => new CoppiceError('DISK_FULL', 'no room');

interface Record {
  seq: number;
  timeMs: number;
  text: string;
}

interface Part extends InstallFile {
  /** Of its first and last record. */
  from: number;
  to: number;
}

/** What is on the disk. */
interface Durable {
  tables: Part[];
  /** Those that no table holds, and those that are kept nevertheless. */
  log: Record[];
}

const FILE = 'DATABASE';
const digest = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

function encode(records: Record[]): Buffer {
  return Buffer.concat(
    records.map((record) => {
      const body = Buffer.from(JSON.stringify(record));
      const length = Buffer.alloc(4);
      length.writeUInt32LE(body.length);
      return Buffer.concat([length, body]);
    }),
  );
}

function decode(body: Uint8Array): Record[] {
  const bytes = Buffer.from(body);
  const records: Record[] = [];
  for (let at = 0; at < bytes.length; at += 4 + bytes.readUInt32LE(at)) {
    records.push(JSON.parse(bytes.toString('utf8', at + 4, at + 4 + bytes.readUInt32LE(at))));
  }
  return records;
}

export class TextEngine implements Replication, OpenEngine {
  readonly replication: Replication = this;
  readonly #folder: string;
  readonly #durable: Durable;
  /** Of all records, the durable ones first. */
  readonly texts: string[];
  #log: Record[];
  #leads = false;
  #kept: number | undefined;
  #listener: ((seq: number) => void) | undefined;
  #syncing: Promise<number> | undefined;
  #closed = false;
  visible = 1;
  durableSeq: number;
  readonly #trouble: Trouble;
  readonly #onClosed: () => void;

  constructor(folder: string, trouble = NONE, onClosed = () => {}) {
    this.#folder = folder;
    this.#trouble = trouble;
    this.#onClosed = onClosed;
    const path = join(folder, FILE);
    this.#durable = existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')) : { tables: [], log: [] };
    this.#log = this.#durable.log;
    const inTables = this.#durable.tables.flatMap(({ name }) => decode(readFileSync(join(folder, name))));
    const above = this.#log.filter(({ seq }) => seq > inTables.length);
    this.texts = [...inTables, ...above].map(({ text }) => text);
    this.durableSeq = this.texts.length;
  }

  get lastSeq(): number {
    return this.texts.length;
  }

  /** Answers the revision. It is durable a moment later. */
  commit(text: string): number {
    if (!this.#leads || this.#closed) throw new CoppiceError('NOT_LEADER', 'this node does not lead');
    this.#append({ seq: this.lastSeq + 1, timeMs: Date.now(), text });
    this.sync();
    return this.lastSeq + 1;
  }

  sync(): Promise<number> {
    this.#syncing ??= new Promise((resolve) =>
      setImmediate(() => {
        this.#syncing = undefined;
        this.#write();
        resolve(this.durableSeq);
      }),
    );
    return this.#syncing;
  }

  readLog(after: number, maxBytes: number): Promise<LogRecords | undefined> {
    return endure(this.#trouble, () => this.#read(after, maxBytes));
  }

  #read(after: number, maxBytes: number): LogRecords | undefined {
    this.#check();
    const records = this.#log.filter(({ seq }) => seq > after && seq <= this.durableSeq);
    const [first] = records;
    if (first === undefined) return undefined;
    if (first.seq !== after + 1) throw new CoppiceError('COMPACTED', `the log begins with ${first.seq}`);
    const end = records.findIndex((_, n) => n > 0 && encode(records.slice(0, n + 1)).length > maxBytes);
    const some = end < 0 ? records : records.slice(0, end);
    const last = some.at(-1) as Record;
    return { first: first.seq, last: last.seq, revision: last.seq + 1, timeMs: last.timeMs, body: encode(some) };
  }

  onLogged(listener: ((seq: number) => void) | undefined): void {
    this.#listener = listener;
  }

  logBytesAfter(seq: number): number {
    return encode(this.#log.filter((record) => record.seq > seq)).length;
  }

  async keepLog(seq: number): Promise<void> {
    await endure(this.#trouble, () => this.#check());
    this.#kept = Math.max(this.#kept ?? 0, seq);
  }

  lead(leads: boolean): void {
    this.#check();
    this.#leads = leads;
  }

  raise(revision: number): void {
    this.#check();
    this.visible = Math.max(this.visible, Math.min(revision, this.lastSeq + 1));
  }

  apply(body: Uint8Array, until: readonly Until[]): Promise<Held> {
    return endure(this.#trouble, () => this.#apply(body, until));
  }

  async #apply(body: Uint8Array, until: readonly Until[]): Promise<Held> {
    this.#check();
    for (const record of decode(body)) {
      const isPast = (moment: Until) =>
        'revision' in moment ? record.seq + 1 > moment.revision : record.timeMs > moment.timeMs;
      if (record.seq <= this.lastSeq || until.some(isPast)) continue;
      if (record.seq !== this.lastSeq + 1) throw new CoppiceError('INVALID', `record ${record.seq} leaves a gap`);
      this.#append(record);
    }
    return { seq: this.lastSeq, revision: this.lastSeq + 1 };
  }

  flush(): Promise<PinnedVersion> {
    return endure(this.#trouble, () => this.#flush());
  }

  async tables(): Promise<PinnedVersion> {
    return this.#pin();
  }

  async #flush(): Promise<PinnedVersion> {
    await this.sync();
    this.#check();
    const { tables } = this.#durable;
    const from = (tables.at(-1)?.to ?? 0) + 1;
    if (from <= this.durableSeq) {
      const content = encode(this.#log.filter(({ seq }) => seq >= from && seq <= this.durableSeq));
      const id = randomUUID().replaceAll('-', '');
      const [name, to] = [`${id}.table`, this.durableSeq];
      writeFileSync(join(this.#folder, name), content);
      tables.push({ kind: 'table', id, sha256: digest(content), bytes: content.length, name, from, to });
    }
    this.#log = this.#log.filter(({ seq }) => seq > this.durableSeq || seq > (this.#kept ?? 0));
    this.#write();
    return this.#pin();
  }

  async close(): Promise<void> {
    if (this.#trouble.slowMsMax > 0) await setTimeout(this.#trouble.random(this.#trouble.slowMsMax));
    this.#check();
    await this.sync();
    this.#closed = true;
    this.#onClosed();
  }

  #check(): void {
    if (this.#closed) throw new CoppiceError('CLOSED', 'the database is closed');
  }

  /** Pinned files are links: what is removed meanwhile stays readable. */
  #pin(): PinnedVersion {
    const { tables } = this.#durable;
    const pins = join(this.#folder, 'pins', randomUUID());
    mkdirSync(pins, { recursive: true });
    const files = tables.map(({ kind, id, sha256, bytes, name }) => {
      linkSync(join(this.#folder, name), join(pins, name));
      return { kind, id, sha256, bytes, name, folder: pins };
    });
    const timeMs = Date.now();
    const engine = Buffer.from(JSON.stringify(tables)).toString('base64');
    const release = () => rmSync(pins, { recursive: true, force: true });
    return { engine, seq: this.durableSeq, revision: this.durableSeq + 1, timeMs, trimRevision: 0, files, release };
  }

  #append(record: Record): void {
    this.#log.push(record);
    this.texts.push(record.text);
  }

  #write(): void {
    if (this.#closed) return;
    this.#durable.log = this.#log;
    write(this.#folder, this.#durable);
    if (this.durableSeq === this.lastSeq) return;
    this.durableSeq = this.lastSeq;
    this.#listener?.(this.durableSeq);
  }
}

function write(folder: string, durable: Durable): void {
  writeFileSync(join(folder, `${FILE}.new`), JSON.stringify(durable));
  renameSync(join(folder, `${FILE}.new`), join(folder, FILE));
}

/** Folders that this process has locked. A kill gives them back. */
const locked = new Set<string>();

export class TextFolder implements EngineFolder {
  readonly #folder: string;
  readonly #trouble: Trouble;
  #isOpen = false;
  engine: TextEngine | undefined;

  constructor(folder: string, trouble = NONE) {
    this.#folder = folder;
    this.#trouble = trouble;
  }

  lock(): () => void {
    if (locked.has(this.#folder)) throw new CoppiceError('LOCKED', `${this.#folder} is open`);
    locked.add(this.#folder);
    return () => locked.delete(this.#folder);
  }

  async isEmpty(): Promise<boolean> {
    return !existsSync(join(this.#folder, FILE));
  }

  async open(): Promise<TextEngine> {
    return endure({ ...this.#trouble, full: 0 }, () => {
      this.#checkShut();
      const onClosed = () => {
        this.#isOpen = false;
      };
      this.engine = new TextEngine(this.#folder, this.#trouble, onClosed);
      this.#isOpen = true;
      return this.engine;
    });
  }

  filesOf(engine: string): readonly InstallFile[] {
    return JSON.parse(Buffer.from(engine, 'base64').toString());
  }

  async install(engine: string): Promise<void> {
    const tables = this.filesOf(engine) as Part[];
    await endure(this.#trouble, () => {
      this.#checkShut();
      for (const { name, sha256 } of tables) {
        if (digest(readFileSync(join(this.#folder, name))) !== sha256) throw new CoppiceError('CORRUPT', name);
      }
      write(this.#folder, { tables, log: [] });
    });
  }

  async clear(): Promise<void> {
    await endure(this.#trouble, () => {
      this.#checkShut();
      rmSync(join(this.#folder, FILE), { force: true });
    });
  }

  cut(seq: number): Promise<boolean> {
    return endure(this.#trouble, () => {
      this.#checkShut();
      const durable: Durable = JSON.parse(readFileSync(join(this.#folder, FILE), 'utf8'));
      if ((durable.tables.at(-1)?.to ?? 0) > seq) return false;
      write(this.#folder, { ...durable, log: durable.log.filter((record) => record.seq <= seq) });
      return true;
    });
  }

  /** What is done to a folder under an open engine is undone by it, or worse. */
  #checkShut(): void {
    if (this.#isOpen) throw new CoppiceError('LOCKED', `${this.#folder} is open`);
  }
}
