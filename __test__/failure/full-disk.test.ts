/** A disk that is full: a small file system of its own, which Linux gives without privilege where it can. */

import { spawnSync } from 'node:child_process';
import test from 'ava';
import { temporaryFolder } from '../support/database.js';
import { runProgram } from '../support/program.js';

const mounts = spawnSync('unshare', ['-rm', 'sh', '-c', 'mount -t tmpfs -o size=1m coppice /tmp'], {
  encoding: 'utf8',
});
const reason = mounts.status === 0 ? undefined : (mounts.error?.message ?? mounts.stderr).trim();
if (reason !== undefined) console.error(`no file system can be made for a test: ${reason}`);
const ifMountable = reason === undefined ? test : test.skip;

/**
 * Eight writers at a time fill what a ballast file leaves of 64 MiB. Then everything else is called once, the ballast
 * goes, and the same handle takes writes again. `end`: how the process ends before the second look.
 */
function program(end: string): string {
  return `
  import { rmSync, writeFileSync } from 'node:fs';
  writeFileSync(path + '/ballast', Buffer.alloc(24 << 20));
  const db = await open(path + '/db', { durability: 'disk', memoryBytes: 16 << 20, compression: 'none' });
  let next = 0, acknowledged = [], codes = new Set(), late = 0;
  const value = (n) => (String(n) + '.').repeat(600);
  const within = (call) => {
    const clock = new Promise((_, reject) => setTimeout(() => reject(new Error('no answer')), 20_000).unref());
    return Promise.race([call, clock]);
  };
  const write = async () => {
    const n = next++;
    try {
      await within(db.batch([{ type: 'put', key: 'k' + n, value: value(n) }, { type: 'put', key: 'copy' + n, value: String(n) }]));
      acknowledged.push(n);
      return true;
    } catch (error) {
      codes.add(error.code ?? error.message);
      return false;
    }
  };
  const writer = async () => { while (await write()); };
  await Promise.all(Array.from({ length: 8 }, writer));
  const before = acknowledged.length;
  console.log('filled', before > 500, [...codes].join());
  const calls = {
    get: () => db.get('k' + acknowledged[0]), range: () => db.keys({ limit: 5 }).toArray(), count: () => db.count(),
    snapshot: () => { const s = db.snapshot(); s.close(); }, stats: () => db.stats(), verify: () => db.verify().then((r) => { if (!r.ok) throw new Error('damage'); }),
    flush: () => db.flush(), compact: () => db.compact(), checkpoint: () => db.checkpoint({ to: path + '/copy' }),
    backup: () => db.backup({ to: path + '/backup' }), del: () => db.del('nothing'),
  };
  const refused = [];
  for (const [name, call] of Object.entries(calls)) {
    try {
      await within((async () => call())());
    } catch (error) {
      if (error.code === 'COPPICE_DISK_FULL') refused.push(name); else console.log(name, error.code, error.message);
    }
  }
  console.log('reads refused:', refused.filter((name) => ['get', 'range', 'count', 'snapshot', 'stats', 'verify'].includes(name)).length);
  rmSync(path + '/ballast');
  const deadline = Date.now() + 30_000;
  while (acknowledged.length < before + 200 && Date.now() < deadline) {
    if (!(await write())) await new Promise((resolve) => setTimeout(resolve, 20));
  }
  console.log('resumed', acknowledged.length - before, [...codes].join());
  // Beside the small file system, which may be full again.
  writeFileSync(path + '.acknowledged', JSON.stringify(acknowledged));
  ${end}`;
}

const LOOK = `
  import { readFileSync, rmSync } from 'node:fs';
  const value = (n) => (String(n) + '.').repeat(600);
  const db = await open(path + '/db', { createIfMissing: false });
  const acknowledged = JSON.parse(readFileSync(path + '.acknowledged', 'utf8'));
  rmSync(path + '.acknowledged');
  let missing = 0;
  for (const n of acknowledged) if ((await db.get('k' + n)) !== value(n) || (await db.get('copy' + n)) !== String(n)) missing++;
  console.log('missing', missing, (await db.verify()).ok);
  await db.close();`;

for (const [how, end] of [
  ['closed', 'await db.close();'],
  ['killed', "process.kill(process.pid, 'SIGKILL');"],
] as const) {
  ifMountable(`on a full disk every call answers, and nothing acknowledged is lost: ${how} afterwards`, async (t) => {
    t.timeout(120_000);
    const path = await temporaryFolder(t);
    // Both processes have to see the same mount, so a shell runs one after the other.
    const both = 'mount -t tmpfs -o size=64m coppice "$FOLDER"; "$@" || true; SECOND=1 exec "$@"';
    const body = `if (process.env.SECOND) {${asBody(LOOK)}} else {${asBody(program(end))}}`;
    const ended = await runProgram(path, body, ['env', `FOLDER=${path}`, 'unshare', '-rm', 'sh', '-ec', both, 'sh']);
    const lines = [
      'filled true COPPICE_DISK_FULL',
      'reads refused: 0',
      'resumed 200 COPPICE_DISK_FULL',
      'missing 0 true',
    ];
    const output = ended.output.split('\n').filter((line) => line !== '' && line !== 'Killed');
    t.deepEqual([ended.code, ...output], [0, ...lines]);
  });
}

/** Imports cannot stand in a block. */
function asBody(text: string): string {
  return text.replace(/import \{ (.*) \} from '(.*)';/, "const { $1 } = await import('$2');");
}
