import { coppice } from './coppice.js';
import type { Engine } from './engine.js';
import { classicLevel, memoryLevel, rocksLevel } from './level.js';
import { lmdbSynced, lmdbUnsynced } from './lmdb.js';
import { rocksdb } from './rocksdb.js';
import { sqlite } from './sqlite.js';

export const engines: readonly Engine[] = [
  coppice,
  lmdbSynced,
  lmdbUnsynced,
  classicLevel,
  rocksLevel,
  rocksdb,
  sqlite,
  memoryLevel,
];
