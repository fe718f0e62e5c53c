/**
 * A process that writes is killed, and nothing it said was acknowledged is lost.
 *
 * It writes into the database with the dictionary. What it acknowledged is known here, outside of it, through a pipe.
 * A kill shows what survives the end of a process; what survives the loss of power only a simulated disk can show, and
 * the tests of the engine have one.
 *
 * @module
 */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { extname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { CoppiceError, type Durability } from '../index.js';
import { count, counted, duration, timed } from './figures.js';
import { empty, FIRST_MEANING, type Library, MARK, openLibrary } from './library.js';
import { recordKey, recordValue } from './record.js';
import { closing, type Tour } from './tour.js';

export interface KillReport {
  durability: Durability;
  /** Time from the first acknowledgement to the kill. */
  writingMs: number;
  acknowledged: number;
  /** Acknowledged, and not there. */
  lost: number;
  /** There, with something else than was written. */
  torn: number;
  /** There, and not acknowledged before the kill. */
  unasked: number;
  openMs: number;
  /** Whether every meaning of the dictionary is still there. */
  dictionaryWhole: boolean;
}

const WRITER = fileURLToPath(new URL(`writer${extname(import.meta.url)}`, import.meta.url));
const KILL_AFTER_MS = { least: 300, most: 900 };

export async function kill(
  tour: Tour,
): Promise<{ kills: KillReport[]; verify: { ok: boolean; checkedBytes: number } }> {
  const kills: KillReport[] = [];
  for (const durability of ['disk', 'process'] as const) {
    const library = await openLibrary(tour.options.path);
    await closing(library, () => empty(library.scratch));
    const { acknowledged, writingMs } = await writeAndKill(tour, durability);
    const { ms: openMs, answer: after } = await timed(() => openLibrary(tour.options.path));
    const found = await closing(after, () => takeStock(after, acknowledged));
    const report = { durability, writingMs, acknowledged, openMs, ...found };
    show(tour, report);
    kills.push(report);
  }
  const library = await openLibrary(tour.options.path);
  const verify = await closing(library, async () => {
    await empty(library.scratch);
    const { ok, checkedBytes } = await library.db.verify();
    return { ok, checkedBytes };
  });
  tour.screen.line(`Every byte of the database read and checked: ${verify.ok ? 'all is well' : 'DAMAGED'}.`);
  return { kills, verify };
}

/** Starts a writer, lets it write, kills it; answers how many puts it acknowledged. */
async function writeAndKill(
  { options, signal }: Tour,
  durability: Durability,
): Promise<{ acknowledged: number; writingMs: number }> {
  signal.throwIfAborted();
  const parameters = [...process.execArgv, WRITER, options.path, durability];
  const child = spawn(process.execPath, parameters, { stdio: ['pipe', 'pipe', 'inherit'] });
  const closed = once(child, 'close');
  try {
    let said = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
    await Promise.race([once(child.stdout, 'data', { signal }), failed(child)]);
    const began = performance.now();
    const { least, most } = KILL_AFTER_MS;
    await Promise.race([sleep(least + Math.random() * (most - least), undefined, { signal }), failed(child)]);
    child.kill('SIGKILL');
    const writingMs = performance.now() - began;
    await closed;
    // What stands behind the last line break was cut off by the kill.
    const [last] = said.slice(0, said.lastIndexOf('\n')).split('\n').slice(-1);
    return { acknowledged: Number(last), writingMs };
  } finally {
    child.kill('SIGKILL');
    await closed;
  }
}

/** Rejects when the child ends by itself, which it never should. */
async function failed(child: ChildProcess): Promise<never> {
  const [code, signal] = await once(child, 'exit');
  throw new CoppiceError('IO', `the writing process ended by itself (${signal ?? `exit code ${code}`})`);
}

/** Compares what is there with what was acknowledged. */
async function takeStock({ db, marks, scratch }: Library, acknowledged: number) {
  let found = 0;
  let torn = 0;
  let unasked = 0;
  for await (const [key, value] of scratch.entries()) {
    const number = Number(key);
    if (key !== recordKey(number) || value !== recordValue(number)) torn++;
    else if (number <= acknowledged) found++;
    else unasked++;
  }
  const meanings = await db.count({ gte: FIRST_MEANING });
  const dictionaryWhole = meanings >= ((await marks.get(MARK))?.done ?? 0);
  return { lost: acknowledged - found, torn, unasked, dictionaryWhole };
}

function show({ screen }: Tour, report: KillReport): void {
  const { durability, writingMs, acknowledged, lost, torn, unasked, openMs, dictionaryWhole } = report;
  const perSecond = count((acknowledged / writingMs) * 1_000);
  screen.line(`durability '${durability}': killed after ${duration(writingMs)} and ${perSecond} puts a second`);
  screen.bars([
    { name: '  acknowledged', value: acknowledged, text: count(acknowledged) },
    { name: '  found again', value: acknowledged - lost, text: count(acknowledged - lost) },
  ]);
  screen.line(
    `  ${lost === 0 && torn === 0 ? 'nothing lost, nothing torn' : `LOST ${lost}, TORN ${torn}`}; ` +
      `${counted(unasked, 'more put')} had been written but not acknowledged yet`,
  );
  const whole = dictionaryWhole ? 'the dictionary is whole' : 'the dictionary is NOT whole';
  screen.line(`  opened again in ${duration(openMs)}; ${whole}`);
}
