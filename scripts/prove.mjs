// The long proofs: `npm run prove -- NAME [--seed N] [--minutes N]`. Without a name it lists them. Each runs in slices
// and writes down what a slice has counted, so that a proof that was stopped goes on where it was; a new build, or a
// seed, begins it anew. Slices that need no clock run on all cores at once. Ends with the figures of all slices added up.
// Exit code 1: disproved; 2: unfinished.

import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { getServer } from './s3-server.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const profile = process.env.COPPICE_PROFILE ?? 'release';

/** A decoder each: crates/fuzz/src/lib.rs. */
const fuzzTargets = readdirSync(join(root, 'crates/fuzz/corpus')).sort();

/** glibc gives every thread an arena and hardly anything back: with one, resident memory is what is held. */
const oneArena = { MALLOC_ARENA_MAX: '1', MALLOC_TRIM_THRESHOLD_: '65536' };

/**
 * Each proof: `shows` and `takes`, on two cores, for the list; `slices`, each with its own seed; `together` if slices may
 * run beside each other; `program()` builds what is to be proved and answers its path, whose bytes tell one build from
 * another; `command(program, seed, slice)` is one slice: the program, its parameters and environment. A slice prints lines
 * `figures: {"name":number,...}` to either stream, and exits with 0 if the proof holds.
 */
const proofs = {
  model: {
    shows: '1,000,000 random operations on a database and on an ordered map give the same answers',
    takes: '1 minute',
    slices: 10,
    together: true,
    program: simulation,
    command: (program, seed) => simulationTests(program, seed, ['model::'], { COPPICE_OPERATIONS: '100000' }),
  },
  metamorphic: {
    shows: '500 histories get the same answers, byte for byte, under 11 sets of options',
    takes: '3 minutes',
    slices: 20,
    together: true,
    program: simulation,
    command: (program, seed) => simulationTests(program, seed, ['metamorphic::'], { COPPICE_HISTORIES: '25' }),
  },
  crash: {
    shows: '300 histories come through a crash at every disk call, failing calls, a full disk; every sync counts',
    takes: '20 minutes',
    slices: 60,
    together: true,
    program: simulation,
    command(program, seed, slice) {
      // Syncs are left out of the same histories each time: once is enough.
      const tests = slice === 0 ? ['crash::', 'faults::', 'syncs::'] : ['crash::', 'faults::'];
      return simulationTests(program, seed, tests, { COPPICE_HISTORIES: '5' });
    },
  },
  flips: {
    shows: 'any wrong byte in any file of 4 small databases is harmless or an error with its place; so are files cut',
    takes: '10 minutes',
    slices: 4,
    together: true,
    program: simulation,
    command: (program, seed) => simulationTests(program, seed, ['damage::'], { COPPICE_FULL: '1' }),
  },
  fuzz: {
    shows: 'every decoder answers any bytes: no panic, no endless loop, no memory beyond 1 GiB, checksums made right',
    takes: '14 minutes',
    slices: fuzzTargets.length,
    program: fuzzers,
    command: (program, seed, slice) => ({
      program: process.execPath,
      parameters: [join(root, 'scripts/fuzz.mjs'), program, fuzzTargets[slice], '60', String(seed)],
    }),
  },
  loom: {
    shows: "the memtable's blocks, pinning and the queue of work hold in every order of their threads' steps",
    takes: '10 seconds',
    slices: 1,
    program: () => engineTests('loom'),
    command: (program) => ({ program, parameters: ['--nocapture', '--test-threads=1'] }),
  },
  miri: {
    shows: "the memtable's unsafe code does nothing undefined, by an interpreter that checks every access",
    takes: '10 minutes',
    slices: 1,
    program: miri,
    command: (program, seed) => ({
      program,
      parameters: ['+nightly', 'miri', 'test', '-p', 'coppice-engine', '--lib', 'memtable::'],
      environment: { COPPICE_SEED: String(seed), MIRIFLAGS: '-Zmiri-disable-isolation' },
    }),
  },
  protocol: {
    shows:
      '10,000 runs of nodes and a hostile store lose, double and reorder nothing; each safety rule left out is noticed',
    takes: '5 minutes',
    slices: 21,
    together: true,
    program: protocolSources,
    command: (_, seed, slice) =>
      slice < 20 ? simulator('rounds.ts', seed, '500') : simulator('without.ts', seed, '3000'),
  },
  store: {
    shows:
      '100 kills of writers on a real S3 server, over a network that does its worst, lose, double and tear nothing',
    takes: '15 minutes',
    slices: 5,
    program: storeSources,
    command: (_, seed) => failureProgram('store/rounds.ts', seed, '20', { NODE_NO_WARNINGS: '1' }),
  },
  soak: {
    shows:
      'a database, its branches and a replica on a real S3 server, used as for months, are what a model is, and stop growing',
    takes: '20 minutes, or --minutes',
    slices: 1,
    program: soakSources,
    command: (_, seed) => {
      const environment = { ...oneArena, NODE_NO_WARNINGS: '1', COPPICE_MINUTES: String(number('minutes') ?? 20) };
      return failureProgram('soak/rounds.ts', seed, undefined, environment);
    },
  },
  workers: {
    shows:
      '800 worker threads in 200 rounds, ended with calls in flight, leave no engine, file, thread or memory behind',
    takes: '5 minutes',
    slices: 1,
    program: addon,
    command: (_, seed) => failureProgram('workers/rounds.ts', seed, '200', oneArena),
  },
  together: {
    shows: 'calls of every kind at once, from 3 threads, each settle once; what they wrote is there, and nothing else',
    takes: '1 minute',
    slices: 1,
    program: addon,
    command: (_, seed) => failureProgram('together/rounds.ts', seed, '20'),
  },
  dead: {
    shows:
      'a queue of 1,000,000 items keeps its pace; a second range over as many dead keys opens under 1% of the pages',
    takes: '5 minutes',
    slices: 1,
    program: addon,
    command: (_, seed) => failureProgram('dead/rounds.ts', seed, '1000'),
  },
  space: {
    shows:
      'a minute after everything was deleted, or expired, with no call and no write, at most 5% and 2 MiB are left',
    takes: '10 minutes',
    slices: 1,
    program: addon,
    command: (_, seed) => failureProgram('space/rounds.ts', seed, '6'),
  },
  large: {
    shows:
      'a value of 1 GiB, 64 of 16 MiB at once, batches at their limits, 100 MB of keys: kills tear none, memory is kept',
    takes: '10 minutes',
    slices: 1,
    program: addon,
    command: (_, seed) => failureProgram('large/rounds.ts', seed, '3'),
  },
  transactions: {
    shows:
      '100,000 transactions, 32 at a time on 4 threads over 45 keys, have an order by what they read; 50 kills split none',
    takes: '6 minutes',
    slices: 10,
    program: addon,
    command: (_, seed) => failureProgram('transactions/rounds.ts', seed, '5'),
  },
  kill: {
    shows: '200 kills of a writer, most within a flush, compaction or segment change, lose and tear nothing',
    takes: '10 minutes',
    slices: 10,
    program: addon,
    command: (_, seed) => failureProgram('kill/rounds.ts', seed, '20'),
  },
};

/** The addon of this clone, made if it is stale. */
function addon() {
  const { status } = spawnSync(process.execPath, [join(root, 'scripts/ready.mjs')], { stdio: 'inherit' });
  if (status !== 0) fail('the addon could not be built');
  const name = readdirSync(root).find((name) => name.endsWith('.node'));
  return join(root, name);
}

function failureProgram(name, seed, rounds, environment = {}) {
  const parameters = ['--expose-gc', '--import=tsx', join(root, '__test__/failure', name)];
  return {
    program: process.execPath,
    parameters,
    environment: { COPPICE_SEED: String(seed), ...(rounds && { COPPICE_ROUNDS: rounds }), ...environment },
  };
}

function protocolSources() {
  return sources('protocol', ['ts/repository/protocol', '__test__/simulator']);
}

/** The addon, and the sources above it. The server is got if it is not there. */
function storeSources() {
  return overServer('store');
}

function soakSources() {
  return overServer('soak');
}

function overServer(name) {
  if (getServer().reason !== undefined) fail('this takes an S3 server');
  return sources(name, ['ts', `__test__/failure/${name}`, '__test__/support'], [addon()]);
}

/** What is run is the source itself, so that is what tells one build from another. */
function sources(name, folders, more = []) {
  const inside = (folder) =>
    readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath ?? entry.path, entry.name));
  const files = [...folders.flatMap(inside), ...more].sort();
  const path = join(root, `.cache/prove/${name}.sources`);
  mkdirSync(join(path, '..'), { recursive: true });
  writeFileSync(path, Buffer.concat(files.map((file) => readFileSync(file))));
  return path;
}

function simulator(name, seed, rounds) {
  const parameters = ['--import=tsx', join(root, '__test__/simulator', name)];
  return { program: process.execPath, parameters, environment: { COPPICE_SEED: String(seed), COPPICE_ROUNDS: rounds } };
}

/** The engine's tests on a simulated disk. */
function simulation() {
  return engineTests('simulation');
}

function engineTests(name) {
  const build = ['test', '-p', 'coppice-engine', '--all-features', '--test', name, '--profile', profile, '--no-run'];
  return cargo(build, name) ?? fail('cargo could not build the engine and its tests');
}

/** The path of cargo, if it has what this takes. */
function miri() {
  const { status } = spawnSync('cargo', ['+nightly', 'miri', '--version'], { stdio: 'ignore' });
  if (status !== 0) {
    fail('there is no Miri here: rustup toolchain install nightly --component miri --component rust-src');
  }
  return spawnSync('rustup', ['which', 'cargo'], { encoding: 'utf8' }).stdout.trim();
}

/** The fuzzing program: with libFuzzer, or, where there is no compiler for that, one that changes inputs blindly. */
function fuzzers() {
  const coverage = ['level=4', 'inline-8bit-counters', 'pc-table', 'trace-compares'];
  const flags = coverage.map((name) => `-Cllvm-args=-sanitizer-coverage-${name}`).join(' ');
  const build = ['build', '-p', 'coppice-fuzz', '--profile', 'fuzz', '--target-dir', join(root, '.cache/fuzz-build')];
  // Flags are for what is fuzzed alone, not for programs that run while it is built: hence a named target.
  const host = spawnSync('rustc', ['--print', 'host-tuple'], { encoding: 'utf8' }).stdout.trim();
  const RUSTFLAGS = `--cfg fuzzing -Cpasses=sancov-module ${flags}`;
  const made = cargo([...build, '--target', host], 'coppice-fuzz', { RUSTFLAGS });
  if (made !== undefined) return made;
  console.log('prove: libFuzzer cannot be built here (it takes a C++ compiler): changes are blind');
  return cargo(build, 'coppice-fuzz') ?? fail('cargo could not build crates/fuzz');
}

/** Builds, and answers the path of the program of this name; nothing if it cannot be built. */
function cargo(parameters, name, environment) {
  const env = { ...process.env, ...environment };
  const options = { cwd: root, env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'], maxBuffer: 1 << 28 };
  const { status, stdout } = spawnSync('cargo', [...parameters, '--message-format=json'], options);
  if (status !== 0) return undefined;
  const artifacts = stdout.split('\n').filter((line) => line.startsWith('{'));
  const made = artifacts
    .map((line) => JSON.parse(line))
    .find(({ executable, target }) => typeof executable === 'string' && target?.name === name);
  return made.executable;
}

function simulationTests(program, seed, tests, sizes) {
  const environment = { COPPICE_SEED: String(seed), ...sizes };
  return { program, parameters: [...tests, '--nocapture', '--test-threads=1'], environment };
}

const options = { seed: { type: 'string' }, minutes: { type: 'string' } };
const { positionals, values } = parseArgs({ options, allowPositionals: true });
const minutesMax = number('minutes') ?? Number.POSITIVE_INFINITY;
const [name] = positionals;
/** Slices that are under way. */
const running = new Set();
if (name === undefined) list();
else if (!Object.hasOwn(proofs, name)) fail(`there is no proof "${name}": ${Object.keys(proofs).join(', ')}`);
else await prove(name, proofs[name]);

function list() {
  const width = Math.max(...Object.keys(proofs).map((name) => name.length));
  for (const [name, { shows, takes }] of Object.entries(proofs)) {
    console.log(`${name.padEnd(width)}  ${shows} (about ${takes})`);
  }
  console.log('\nnpm run prove -- NAME [--seed N] [--minutes N]: stops after that long, and goes on when called again');
}

async function prove(name, proof) {
  const program = proof.program();
  const state = resume(name, createHash('sha256').update(readFileSync(program)).digest('hex'));
  const began = Date.now();
  const open = Array.from({ length: proof.slices }, (_, slice) => slice).filter((slice) => !(slice in state.figures));
  const workers = proof.together ? availableParallelism() : 1;
  await Promise.all(Array.from({ length: workers }, takeSlices));
  const done = Object.values(state.figures);
  if (done.length < proof.slices) {
    console.log(`prove: ${name}: ${done.length} of ${proof.slices} slices hold; the same command goes on`);
    process.exit(2);
  }
  rmSync(state.path, { force: true });
  console.log(`prove: ${name} holds, seed ${state.seed}, profile ${profile}`);
  for (const [figure, count] of Object.entries(sum(done))) {
    console.log(`  ${figure}: ${Math.round(count).toLocaleString('en')}`);
  }

  async function takeSlices() {
    while (open.length > 0 && Date.now() - began <= minutesMax * 60_000) {
      const slice = open.shift();
      // Far enough apart that consecutive seeds within a slice never meet those of the next one.
      const seed = state.seed + slice * 1000;
      console.log(`prove: ${name}: slice ${slice + 1} of ${proof.slices}, seed ${seed}`);
      const sliceBegan = Date.now();
      const figures = await run(proof.command(program, seed, slice));
      if (figures === undefined) {
        rmSync(state.path, { force: true });
        for (const child of running) child.kill();
        fail(`${name} does not hold: seed ${seed}, of --seed ${state.seed}`);
      }
      state.figures[slice] = { ...figures, 'seconds of all slices': (Date.now() - sliceBegan) / 1000 };
      writeFileSync(state.path, JSON.stringify(state));
    }
  }
}

/** What earlier calls have shown of the same build, by slice; of the same seed, if one is asked for. */
function resume(name, build) {
  const folder = join(root, '.cache', 'prove');
  mkdirSync(folder, { recursive: true });
  const path = join(folder, `${name}.json`);
  const seed = number('seed');
  try {
    const found = JSON.parse(readFileSync(path, 'utf8'));
    if (found.build === build && (seed === undefined || seed === found.seed)) return found;
  } catch {
    // Nothing was begun, or what was written of it is of no use.
  }
  return { path, build, seed: seed ?? (Date.now() % 1_000_000) * 1000, figures: {} };
}

/** The figures that the command printed, added up; nothing if it failed. */
async function run({ program, parameters, environment }) {
  const env = { ...process.env, ...environment };
  const child = spawn(program, parameters, { cwd: root, env, stdio: ['ignore', 'pipe', 'pipe'] });
  running.add(child);
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8');
    stream.on('data', (text) => {
      output += text;
      process.stdout.write(text);
    });
  }
  const [code, signal] = await new Promise((resolve) => {
    child.on('error', (error) => resolve([-1, error.message]));
    child.on('close', (...ended) => resolve(ended));
  });
  running.delete(child);
  if (code !== 0) console.error(`prove: the slice ended with exit code ${code}, signal ${signal}`);
  const found = [...output.matchAll(/figures: (\{.*\})/g)].map(([, json]) => JSON.parse(json));
  const passed = output.match(/test result: ok\. (\d+) passed/);
  if (found.length === 0 && passed !== null) found.push({ tests: Number(passed[1]) });
  return code === 0 && found.length > 0 ? sum(found) : undefined;
}

function sum(all) {
  const total = {};
  for (const [name, count] of all.flatMap(Object.entries)) total[name] = (total[name] ?? 0) + count;
  return total;
}

function number(option) {
  const text = values[option];
  if (text === undefined) return undefined;
  if (!/^\d{1,15}$/.test(text)) fail(`--${option} is a whole number, not "${text}"`);
  return Number(text);
}

function fail(message) {
  console.error(`prove: ${message}`);
  process.exit(1);
}
