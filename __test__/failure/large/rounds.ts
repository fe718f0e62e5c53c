/**
 * What is large comes through: a value of 1 GiB, 64 of 16 MiB at once, a batch at the limit of its large values and one at
 * the limit of its record, 100 million bytes of keys at the limit of a key. Each is written by a process that is killed
 * (SIGKILL), first somewhere in the middle, in which case what was not acknowledged is there whole or not at all and takes
 * no room, and then when all of it was acknowledged. Another process reads every byte of it: key by key, as a range, after
 * a compaction and after a restart. Neither may take more memory than the database was given and 64 MiB, beside what the
 * program itself holds.
 *
 * `COPPICE_ROUNDS=3 COPPICE_SEED=1 node --expose-gc --import=tsx rounds.ts`: so many kills in the middle of each; prints a
 * line `figures: {...}`. Exits with 1 if anything is not as it should be, and then leaves the folder.
 *
 * @module
 */

import { strict as assert } from 'node:assert';
import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { eachLine } from '../../support/lines.js';
import { seedOfRun, splitMix32 } from '../../support/random.js';
import { MEMORY_BYTES, WHATS, type What } from './work.js';

const MORE_BYTES = 64 << 20;
const MIB = 1 << 20;

const kills = Number(process.env.COPPICE_ROUNDS ?? 3);
const seed = seedOfRun();
/** Which of them: all, unless some are named, one a line. */
const whats = process.env.COPPICE_WHAT?.split('\n') ?? WHATS;
const random = splitMix32(seed);
const figures: Record<string, number> = { kills: 0, 'killed before the end': 0, 'bytes read': 0 };

/** What a program said until it ended: words, then numbers. */
interface Said {
  begun: number;
  written: number[] | undefined;
  writtenMs: number;
  read: number[] | undefined;
}

console.log(`seed ${seed}`);
for (const what of whats) await prove(what as What);
console.log(`figures: ${JSON.stringify(figures)}`);

async function prove(what: What): Promise<void> {
  // First to its end, which tells how long it takes.
  const { writtenMs } = await round(what, undefined);
  for (let n = 0; n < kills; n++) await round(what, random(Math.max(1, Math.floor(writtenMs * 0.95))));
}

/** Kills the writer so long after it began, or when it is done. */
async function round(what: What, killAfterMs: number | undefined): Promise<Said> {
  const folder = await mkdtemp(join(tmpdir(), 'coppice-large-'));
  const path = join(folder, 'db');
  const wrote = await run('writer.ts', [path, String(seed), what], killAfterMs);
  const whole = wrote.written !== undefined;
  assert(whole || killAfterMs !== undefined, 'the writer ended by itself');
  const { read } = await run('reader.ts', [path, String(seed), what, whole ? '1' : '0'], undefined);
  assert(read !== undefined, `what was written is not to be read, in ${folder}`);
  const [bytes, memory] = read as [number, number];
  keep(what, 'reading', memory);
  figures.kills = (figures.kills as number) + 1;
  if (!whole) figures['killed before the end'] = (figures['killed before the end'] as number) + 1;
  figures['bytes read'] = (figures['bytes read'] as number) + bytes;
  let text = `${what}: killed after ${Math.round(killAfterMs ?? wrote.writtenMs)} ms; ${bytes} bytes read`;
  if (whole) {
    const [written, memoryWriting] = wrote.written as [number, number];
    keep(what, 'writing', memoryWriting);
    figures[`${what}: MiB a second`] = written / MIB / (wrote.writtenMs / 1_000);
    text += `, ${written} written in ${(wrote.writtenMs / 1_000).toFixed(1)} s`;
    text += `; memory ${Math.round(memoryWriting / MIB)} MiB writing`;
  }
  console.log(`${text}, ${Math.round(memory / MIB)} MiB reading`);
  await rm(folder, { recursive: true });
  return wrote;
}

function keep(what: What, doing: string, memory: number): void {
  const most = MEMORY_BYTES + MORE_BYTES;
  assert(memory <= most, `${what}: ${doing} took ${memory} bytes of memory, not ${most}`);
  const figure = `${what}: MiB of memory ${doing}, at most`;
  figures[figure] = Math.max(figures[figure] ?? 0, memory / MIB);
}

async function run(script: string, parameters: string[], killAfterMs: number | undefined): Promise<Said> {
  const file = fileURLToPath(new URL(script, import.meta.url));
  const stdio = ['ignore', 'pipe', 'inherit'] as const;
  const child = spawn(process.execPath, ['--expose-gc', '--import=tsx', file, ...parameters], { stdio: [...stdio] });
  const said: Said = { begun: 0, written: undefined, writtenMs: 0, read: undefined };
  eachLine(child.stdout, ([word, ...numbers]) => {
    if (word === 'begun') {
      said.begun = performance.now();
      if (killAfterMs !== undefined) setTimeout(() => child.kill('SIGKILL'), killAfterMs);
    } else if (word === 'written') {
      said.written = numbers.map(Number);
      said.writtenMs = performance.now() - said.begun;
      child.kill('SIGKILL');
    } else if (word === 'read') {
      said.read = numbers.map(Number);
    }
  });
  await new Promise((resolve) => child.on('close', resolve));
  return said;
}
