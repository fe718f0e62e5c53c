// One fuzz target for some seconds: `node scripts/fuzz.mjs PROGRAM TARGET SECONDS SEED`. PROGRAM is crates/fuzz, built as
// `scripts/prove.mjs` does. Prints what was run, and how much processor it took, as `figures: {...}`.
//
// Memory is limited from outside, so that a length which is believed ends the program; so does an input that takes
// longer than 20 seconds. The input stays in .cache/fuzz, and libFuzzer goes on from what it has found there before.

import { spawn } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const [program, target, seconds, seed] = process.argv.slice(2);
const found = join(root, '.cache/fuzz', target);
const samples = join(root, '.cache/fuzz-samples', target);
for (const folder of [found, samples]) mkdirSync(folder, { recursive: true });

const addressSpaceKilobytes = 1 << 20;
const parameters = [
  found,
  samples,
  join(root, 'crates/fuzz/corpus', target),
  `-max_total_time=${seconds}`,
  `-seed=${seed}`,
  '-rss_limit_mb=512',
  '-timeout=20',
  '-print_final_stats=1',
  '-verbosity=0',
  `-artifact_prefix=${found}-`,
];
const shell = `ulimit -v ${addressSpaceKilobytes}; TIMEFORMAT='cpu %U %S'; time "$@"`;
const child = spawn('bash', ['-c', shell, 'fuzz', program, ...parameters], {
  env: {
    ...process.env,
    COPPICE_TARGET: target,
    COPPICE_SECONDS: seconds,
    COPPICE_SEED: seed,
    COPPICE_SAMPLES: samples,
    RUST_BACKTRACE: '0',
  },
  stdio: ['ignore', 'pipe', 'pipe'],
});
let output = '';
for (const stream of [child.stdout, child.stderr]) {
  stream.setEncoding('utf8');
  stream.on('data', (text) => {
    output += text;
  });
}
child.on('close', (code) => {
  const number = (pattern) => Number(output.match(pattern)?.[1] ?? Number.NaN);
  const inputs = number(/number_of_executed_units: *(\d+)/) || number(/Done (\d+) runs/);
  const cpu = number(/cpu ([\d.]+) /) + number(/cpu [\d.]+ ([\d.]+)/);
  if (code !== 0 || !(inputs > 0)) {
    console.error(output);
    console.error(`fuzz: ${target} ended with exit code ${code}`);
    process.exit(1);
  }
  const megabytes = number(/peak_rss_mb: *(\d+)/);
  console.log(`fuzz: ${target}: ${inputs} inputs, ${cpu} s of processor, at most ${megabytes} MB`);
  console.log(`figures: ${JSON.stringify({ inputs, 'seconds of processor': cpu, targets: 1 })}`);
});
