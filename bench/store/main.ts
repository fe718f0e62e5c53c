/**
 * `npm run bench:store`: measures databases that live in a store, against a real S3 server on this machine, beside t4.
 * On Linux only, which tells the memory of a process. Takes about 8 minutes, twice that on a busy machine, 6 GB of disk, and Go.
 *
 *     npm run bench:store                          everything, then docs/store-benchmarks.md
 *     npm run bench:store -- --only writes,opening   these sections anew, beside what was measured before
 *     npm run bench:store -- --report              writes the page of what is measured
 *     npm run bench:store -- --quick               a small database and short runs, printed only
 *
 * @module
 */
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { publish } from './publish.js';
import { rowsOf, textOf } from './rows.js';
import { type Bench, emptied, type Found, type Scale, type Section, sections } from './sections.js';
import { startServer } from './server.js';
import { Peer } from './t4.js';

const { values: flags } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    report: { type: 'boolean', default: false },
    only: { type: 'string' },
  },
});

const WHOLE: Scale = { keys: 1 << 20, valueBytes: 1008, rounds: 3, seconds: 3, fewKeys: 100_000, kills: true };
const QUICK: Scale = { keys: 30_000, valueBytes: 1008, rounds: 1, seconds: 1, fewKeys: 10_000, kills: false };

const root = fileURLToPath(new URL('../..', import.meta.url));
const cache = join(root, '.cache', 'bench');
const file = join(cache, `store${flags.quick ? '-quick' : ''}.json`);
const all = Object.keys(sections) as Section[];
const chosen = (flags.only?.split(',') ?? all) as Section[];
const wrong = chosen.find((name) => !all.includes(name));
if (wrong !== undefined) {
  console.error(`there is no section "${wrong}"; there are ${all.join(', ')}`);
  process.exit(2);
}

const found = (existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : {}) as Partial<Found>;
if (!flags.report) await measure();
const rows = rowsOf(found);
console.log(textOf(rows));
if (!flags.quick && all.every((name) => name in found)) {
  publish(rows, found as Found, join(root, 'docs'));
  console.log('written: docs/store-benchmarks.md');
}

async function measure(): Promise<void> {
  const peer = Peer.build(join(cache, 't4'));
  const work = emptied(join(cache, 'store'));
  const server = await startServer(join(work, 'server'));
  const bench: Bench = { server, peer, work, scale: flags.quick ? QUICK : WHOLE, isLoaded: false };
  try {
    for (const name of chosen) {
      const began = performance.now();
      Object.assign(found, { [name]: await sections[name](bench) });
      writeFileSync(file, JSON.stringify(found));
      console.log(`${name}: ${((performance.now() - began) / 1000).toFixed(0)} s`);
    }
  } finally {
    server.stop();
    rmSync(work, { recursive: true, force: true });
  }
}
