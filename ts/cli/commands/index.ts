/**
 * Every command, in the order of the help.
 *
 * @module
 */

import type { Command } from '../command.js';
import { backup } from './backup.js';
import { branch } from './branch.js';
import { checkpoint } from './checkpoint.js';
import { collect } from './collect.js';
import { count } from './count.js';
import { del } from './del.js';
import { diff } from './diff.js';
import { doctor } from './doctor.js';
import { exportEntries } from './export.js';
import { get } from './get.js';
import { history } from './history.js';
import { importEntries } from './import.js';
import { init } from './init.js';
import { log } from './log.js';
import { merge } from './merge.js';
import { put } from './put.js';
import { repair } from './repair.js';
import { restore } from './restore.js';
import { scan } from './scan.js';
import { stats } from './stats.js';
import { status } from './status.js';
import { tag } from './tag.js';
import { trim } from './trim.js';
import { verify } from './verify.js';

export const COMMANDS: readonly Command[] = [
  get,
  put,
  del,
  scan,
  count,
  history,
  diff,
  trim,
  exportEntries,
  importEntries,
  stats,
  verify,
  checkpoint,
  backup,
  repair,
  doctor,
  init,
  status,
  restore,
  branch,
  tag,
  collect,
  log,
  merge,
];
