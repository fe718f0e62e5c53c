/**
 * What a repository needs of the engine of one folder. `ts/native` gives it; tests have one in memory.
 *
 * @module
 */

import type { InstallFile, Replication } from '../../native/types.js';

export interface OpenEngine {
  readonly replication: Replication;
  close(): Promise<void>;
}

/** The engine of a folder, which may have to be closed and opened again before anyone may write. */
export interface EngineFolder {
  /** Keeps everyone else out until it is given back; `COPPICE_LOCKED` where somebody else has it. */
  lock(): () => void;
  /** Opens the database in the folder, or an empty one. */
  open(): Promise<OpenEngine>;
  /** Whether the folder holds no database. */
  isEmpty(): Promise<boolean>;
  // The others work on a folder that nobody has open.
  filesOf(engine: string): readonly InstallFile[];
  /** The folder holds the files of `engine` and no database: makes it one. All or nothing. */
  install(engine: string): Promise<void>;
  /**
   * Removes the database, if there is one, and nothing else. `forAnother`: what comes next is another branch, and may be older than what
   * has been read.
   */
  clear(forAnother?: boolean): Promise<void>;
  /** Takes every record beyond `seq` out of the log; false, and nothing was done, if tables hold some. */
  cut(seq: number): Promise<boolean>;
}
