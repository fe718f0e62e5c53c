/** The suite that `abstract-level` publishes, whole, over Coppice. Prints TAP; the exit code is 1 if anything fails. */

import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CoppiceLevel, type CoppiceLevelOptions } from '../../ts/level/index.js';

const require = createRequire(import.meta.url);
const test = require('tape');
const suite = require('abstract-level/test');

const top = mkdtempSync(join(tmpdir(), 'coppice-level-'));
process.on('exit', () => rmSync(top, { recursive: true, force: true }));

suite({
  test,
  factory: (options: CoppiceLevelOptions<string, string>) => new CoppiceLevel(join(top, randomUUID()), options),
});
