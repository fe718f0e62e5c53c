/**
 * What a command of the command line is, and what all of them share.
 *
 * @module
 */

import { parseArgs } from 'node:util';
import type { Database } from '../database.js';
import { CoppiceError } from '../errors.js';
import { type OpenOptions, open } from '../open.js';
import { type EncryptionOptions, keysOf } from '../options/encryption.js';
import { encryptedStore } from '../repository/index.js';
import { type ObjectStore, storeAt } from '../repository/store/index.js';
import type { Tree } from '../sublevel.js';
import type { Terminal } from './terminal.js';
import { formatBytes, type Notation, parseBytes } from './text.js';

/** Keys and values are bytes here; the notation of the call says how they are shown. */
export type Bytes = Database<Buffer, Buffer>;
/** A database or a sublevel of it. */
export type Keys = Tree<Buffer, Buffer>;

/** How a command ended, as the exit code of the process. */
export const EXIT = {
  /** Done. */
  OK: 0,
  /** Done, and the answer is no: no such key, damage was found, a store will not do. */
  NO: 1,
  /** The call is wrong. */
  USAGE: 2,
  /** The database or the store refused or failed; the message has the code. */
  FAILED: 3,
} as const;

export type Exit = (typeof EXIT)[keyof typeof EXIT];

export interface Flag {
  readonly type: 'boolean' | 'string';
  readonly short?: string;
  /** How the help names the value of a string. */
  readonly value?: string;
  /** Whether it may be given several times. */
  readonly multiple?: true;
  readonly help: string;
}

export interface Command {
  readonly name: string;
  readonly summary: string;
  /** Names of the positional arguments; in brackets if optional, with dots if repeated. */
  readonly positionals: readonly string[];
  readonly flags: Readonly<Record<string, Flag>>;
  run(call: Call): Promise<Exit>;
}

export const COMMON: Readonly<Record<string, Flag>> = {
  json: { type: 'boolean', help: 'print JSON, one document a line' },
  hex: { type: 'boolean', help: 'keys and values are hexadecimal digits' },
  base64: { type: 'boolean', help: 'keys and values are base64' },
  help: { type: 'boolean', short: 'h', help: 'print this' },
};

/** For the commands that read or write keys. */
export const SUBLEVEL_FLAG: Readonly<Record<string, Flag>> = {
  sublevel: {
    type: 'string',
    value: 'NAME',
    multiple: true,
    help: 'the keys of this sublevel; again for one inside it',
  },
};

/** For the commands that can read the past. */
export const AT_FLAG: Readonly<Record<string, Flag>> = {
  at: { type: 'string', value: 'REVISION', help: 'as it was at this revision, of a database with history' },
};

/** One call of a command: its arguments, checked, and its output. */
export class Call {
  readonly positionals: readonly string[];
  readonly terminal: Terminal;
  readonly notation: Notation;
  readonly #flags: Readonly<Record<string, unknown>>;

  constructor(positionals: readonly string[], flags: Readonly<Record<string, unknown>>, terminal: Terminal) {
    if (flags.hex && flags.base64) throw usage('give --hex or --base64, not both');
    this.positionals = positionals;
    this.#flags = flags;
    this.terminal = terminal;
    this.notation = flags.hex ? 'hex' : flags.base64 ? 'base64' : 'utf8';
  }

  /** Whether a boolean flag was given. */
  has(flag: string): boolean {
    return this.#flags[flag] === true;
  }

  /** The value of a string flag. */
  text(flag: string): string | undefined {
    return this.#flags[flag] as string | undefined;
  }

  /** The key or value in a string flag. */
  bytes(flag: string): Buffer | undefined {
    const text = this.text(flag);
    return text === undefined ? undefined : parseBytes(text, this.notation, `--${flag}`);
  }

  /** The revision in a string flag. */
  revision(flag: string): number | undefined {
    const text = this.text(flag);
    return text === undefined ? undefined : parseRevision(text, `--${flag}`);
  }

  /** A positional argument as bytes. */
  argument(index: number, what: string): Buffer {
    return parseBytes(this.positionals[index] as string, this.notation, what);
  }

  format(bytes: Buffer, what: string): string {
    return formatBytes(bytes, this.notation, what);
  }

  /** Opens a database, that which the first argument names if no other is, for the time of `use`. */
  async withDatabase<T>(
    options: OpenOptions,
    use: (db: Bytes) => Promise<T>,
    path = this.positionals[0] as string,
  ): Promise<T> {
    const encodings = { keyEncoding: 'buffer', valueEncoding: 'buffer' } as const;
    const db = await open(path, { createIfMissing: false, ...encryption(), ...options, ...encodings });
    try {
      return await use(db);
    } finally {
      await db.close();
    }
  }

  /** The names of the sublevel that the call names. */
  get sublevel(): readonly string[] {
    return (this.#flags.sublevel ?? []) as readonly string[];
  }

  /** As `withDatabase`, but inside the sublevel that the call names, if it does. */
  withKeys<T>(options: OpenOptions, use: (keys: Keys) => Promise<T>, path?: string): Promise<T> {
    const inside = (db: Bytes) =>
      use(this.sublevel.reduce<Keys>((keys, name) => keys.sublevel<Buffer, Buffer>(name), db));
    return this.withDatabase(options, inside, path);
  }
}

/**
 * As the environment says: the current key, and behind commas those from before. A flag would show keys to everyone who
 * lists processes.
 */
export function encryption(): { encryption?: EncryptionOptions } {
  const [key, ...previous] = (process.env.COPPICE_ENCRYPTION_KEY ?? '').split(',');
  return key ? { encryption: { key, previous } } : {};
}

/** The store of this name, which encrypts and decrypts if the environment has keys. */
export async function encryptedStoreAt(name: string): Promise<ObjectStore> {
  return encryptedStore(storeAt(name), await keysOf(encryption().encryption));
}

/** Parses the arguments of a command. */
export function parseCall(command: Command, args: readonly string[], terminal: Terminal): Call {
  const flags = { ...COMMON, ...command.flags };
  const options: Record<string, { type: 'boolean' | 'string'; multiple: boolean; short?: string }> = {};
  for (const [name, { type, short, multiple = false }] of Object.entries(flags)) {
    options[name] = short === undefined ? { type, multiple } : { type, multiple, short };
  }
  try {
    const { positionals, values } = parseArgs({ args: [...args], options, allowPositionals: true, strict: true });
    if (!values.help) checkPositionals(command, positionals);
    return new Call(positionals, values, terminal);
  } catch (error) {
    if (error instanceof CoppiceError) throw error;
    throw usage(`${complaint(error as Error)}: coppice ${command.name} --help lists what there is`);
  }
}

/** What `parseArgs` found wrong, without its advice about other programs. */
function complaint({ message }: Error): string {
  const [first = message] = message.split(/\.\s|\n/);
  return first.replace(/^Unknown/, 'unknown').replace(/^Option/, 'option');
}

function checkPositionals(command: Command, given: readonly string[]): void {
  const required = command.positionals.filter((name) => !name.startsWith('['));
  const missing = required[given.length];
  if (missing !== undefined) throw usage(`${command.name} needs ${missing.replace('...', '')}`);
  const repeats = command.positionals.some((name) => /\.\.\.\]?$/.test(name));
  const extra = given[command.positionals.length];
  if (extra !== undefined && !repeats) throw usage(`${command.name} does not take "${extra}"`);
}

/** A revision as people write it. */
export function parseRevision(text: string, what: string): number {
  if (!/^[1-9]\d{0,15}$/.test(text)) throw usage(`${what} must be a revision, a whole number from 1 on, not "${text}"`);
  return Number(text);
}

/** The error for a wrong call of the command line. */
export function usage(message: string): CoppiceError {
  return new CoppiceError('INVALID', message);
}
