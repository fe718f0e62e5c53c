/**
 * The packages as they would be published, packed from what is built, installed into an empty folder, and used there with
 * nothing on the path but Node, npm and a shell.
 */

import { spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test, { type TestFn } from 'ava';
import { blocksOf } from '../support/examples.js';

interface Packed {
  readonly addons: readonly { readonly platform: string }[];
  readonly packages: readonly {
    readonly name: string;
    readonly version: string;
    readonly file: string;
    readonly files: string[];
  }[];
}

interface Manifest {
  readonly version: string;
  readonly exports: Record<string, unknown>;
  readonly scripts?: Record<string, string>;
  readonly dependencies?: Record<string, string>;
  readonly optionalDependencies?: Record<string, string>;
  readonly devDependencies: Record<string, string>;
  readonly peerDependencies: Record<string, string>;
}

const root = fileURLToPath(new URL('../..', import.meta.url));
const source = manifestOf(root);
const folder = realpathSync(mkdtempSync(join(tmpdir(), 'coppice-installed-')));
const project = join(folder, 'project');
test.after.always(() => rmSync(folder, { recursive: true, force: true }));

const packed = pack();
const [native, main] = packed.packages as [Packed['packages'][0], Packed['packages'][0]];
const missing = install();
if (missing !== undefined) console.error(`installed: skipped, since npm cannot install: ${missing}`);
/** Skipped where npm reaches no registry, from which the one dependency comes. */
const testInstalled: TestFn = missing === undefined ? test : (test.skip as unknown as TestFn);

function manifestOf(path: string): Manifest {
  return JSON.parse(readFileSync(join(path, 'package.json'), 'utf8')) as Manifest;
}

interface Node {
  readonly version?: string;
  readonly program?: string;
  /** Why there is no program. */
  readonly reason?: string;
}

/** This one, and those that `scripts/nodes.mjs` has got. */
function nodes(): Record<string, Node> {
  const record = join(root, '.cache/nodes/nodes.json');
  const none = { reason: 'scripts/nodes.mjs has got none' };
  const others = existsSync(record) ? JSON.parse(readFileSync(record, 'utf8')) : { oldest: none, newest: none };
  return { running: { program: process.execPath, version: process.versions.node }, ...others };
}

function pack(): Packed {
  const parameters = [join(root, 'scripts/package.mjs'), '--local', '--json', '--to', join(root, '.cache/packed')];
  const { status, stdout, stderr } = spawnSync(process.execPath, parameters, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`the packages cannot be packed: ${stderr}`);
  return JSON.parse(stdout) as Packed;
}

/** Why npm could not install them; nothing if it did. */
function install(): string | undefined {
  const path = join(folder, 'path');
  for (const made of [path, project]) mkdirSync(made);
  const npm = join(realpathSync(process.execPath), '../..', 'lib/node_modules/npm/bin');
  symlinkSync(process.execPath, join(path, 'node'));
  symlinkSync('/bin/sh', join(path, 'sh'));
  for (const name of ['npm', 'npx']) symlinkSync(join(npm, `${name}-cli.js`), join(path, name));
  writeFileSync(join(project, 'package.json'), '{"private":true}');
  const peers = Object.keys(source.peerDependencies).map((name) => `${name}@${source.devDependencies[name]}`);
  const packages = [...packed.packages.map(({ file }) => file), ...peers];
  const options = ['--omit=dev', '--ignore-scripts', '--prefer-offline', '--no-audit', '--no-fund', '--loglevel=error'];
  const { status, output } = inProject(join(path, 'npm'), ['install', ...packages, ...options]);
  if (status === 0) return undefined;
  if (!/ENOTCACHED|ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ETIMEDOUT/.test(output)) throw new Error(output);
  return output;
}

/** Runs a program in the project, where neither a compiler nor anything else is on the path. */
function inProject(program: string, parameters: readonly string[]) {
  const env = { PATH: join(folder, 'path'), HOME: process.env.HOME, npm_config_cache: process.env.npm_config_cache };
  const options = { cwd: project, env, encoding: 'utf8', timeout: 60_000 } as const;
  const { status, stdout, stderr, error } = spawnSync(program, parameters, options);
  return { status, stdout, output: error?.message ?? stdout + stderr };
}

test('the main package brings no addon, and names those of its own version that were packed with it', (t) => {
  const { files } = main;
  for (const file of ['LICENSE', 'README.md', 'package.json', 'dist/index.js', 'dist/index.d.ts', 'dist/cli/main.js']) {
    t.true(files.includes(file), file);
  }
  const strange = files.filter((file) => !/^(LICENSE|README\.md|package\.json|dist\/.*\.(js|d\.ts))$/.test(file));
  t.deepEqual(strange, []);
  t.deepEqual(
    files.filter((file) => file.startsWith('dist/tour/')),
    [],
  );
  const inside = manifestOf(join(root, '.cache/packed/npm/main'));
  t.deepEqual(inside.optionalDependencies, { [native.name]: source.version });
  t.is(source.optionalDependencies, undefined, 'the clone itself names none');
  t.deepEqual(inside.dependencies, source.dependencies);
});

test('the package of a platform is its addon', (t) => {
  const [{ platform }] = packed.addons as [Packed['addons'][0]];
  t.is(native.name, `@coppice/native-${platform}`);
  t.is(native.version, source.version);
  t.deepEqual(native.files, ['LICENSE', 'README.md', `coppice.${platform}.node`, 'package.json']);
});

test('no package has a script that npm would run at an install', (t) => {
  for (const name of readdirSync(join(root, '.cache/packed/npm'))) {
    t.is(manifestOf(join(root, '.cache/packed/npm', name)).scripts, undefined, name);
  }
});

test('publint and attw find nothing wrong', (t) => {
  for (const [name, ...options] of [
    ['publint', '--strict'],
    ['attw', '--profile', 'esm-only'],
  ] as const) {
    const program = join(root, 'node_modules/.bin', name);
    const { status, stdout, stderr } = spawnSync(program, [main.file, ...options], { encoding: 'utf8' });
    t.is(status, 0, `${name}: ${stdout}${stderr}`);
  }
});

testInstalled('nothing that compiles is on the path', (t) => {
  for (const name of ['cc', 'gcc', 'c++', 'cargo', 'rustc', 'python3', 'make']) {
    t.not(inProject(join(folder, 'path/sh'), ['-c', `command -v ${name}`]).status, 0, name);
  }
});

for (const [which, { program, version, reason }] of Object.entries(nodes())) {
  const testHere = program === undefined ? (test.skip as unknown as TestFn) : testInstalled;
  const title = `the ${which} Node (${version ?? reason}) opens a database by import, in a thread and by require`;
  testHere(title, (t) => {
    for (const name of readdirSync(new URL('programs', import.meta.url))) {
      cpSync(new URL(`programs/${name}`, import.meta.url), join(project, name));
    }
    const database = join(project, `data-${which}`);
    const imported = inProject(program as string, ['use.mjs', database]);
    t.is(imported.output, '[["here","import"],["thread","import"]]\n');
    const required = inProject(program as string, ['use.cjs', database]);
    t.is(required.output, '["require","import"]\n');
  });
}

testInstalled('the command is there', (t) => {
  const { status, stdout } = inProject(join(folder, 'path/npx'), ['--no-install', 'coppice', '--version']);
  t.deepEqual({ status, stdout }, { status: 0, stdout: `${source.version}\n` });
});

testInstalled('every sub-path is imported and required, and has its types', (t) => {
  const paths = Object.keys(source.exports).map((path) => path.replace(/^\./, 'coppice'));
  const modules = paths.filter((path) => !path.endsWith('.json'));
  for (const [program, call] of [
    ['required.cjs', (path: string) => `require('${path}')`],
    ['imported.mjs', (path: string) => `await import('${path}')`],
  ] as const) {
    const lines = modules.map((path) => `console.log('${path}', Object.keys(${call(path)}).length > 0);`);
    writeFileSync(join(project, program), lines.join('\n'));
    t.is(inProject(process.execPath, [program]).output, modules.map((path) => `${path} true\n`).join(''), program);
  }
  const lines = modules.map((path, index) => `import * as module${index} from '${path}';\nexport { module${index} };`);
  writeFileSync(
    join(project, 'types.mts'),
    `${lines.join('\n')}
import { type CoppiceError, type Database, open } from 'coppice';
const db: Database<string, string> = await open('data');
export const found: string | undefined = await db.get('key');
// @ts-expect-error a key of this database is text
await db.get(7);
// @ts-expect-error there is no such option
await open('data', { durabillity: 'disk' });
// @ts-expect-error JSON does not keep order
await open('data', { keyEncoding: 'json' });
// @ts-expect-error u64 takes a bigint
await db.sublevel('counters', { valueEncoding: 'u64' }).put('visits', '1');
// @ts-expect-error there is no such code
export const isLocked = (error: CoppiceError): boolean => error.code === 'COPPICE_LOCKD';
`,
  );
  const guide = blocksOf(readFileSync(join(root, 'docs/guide.md'), 'utf8'), 'ts');
  t.is(guide.length, 1);
  writeFileSync(join(project, 'typed.mts'), guide.join('\n'));
  for (const [module, moduleResolution, ...more] of [
    ['nodenext', 'nodenext'],
    // Once is enough to look into every declaration.
    ['esnext', 'bundler', '--skipLibCheck'],
  ] as const) {
    const resolution = ['--module', module, '--moduleResolution', moduleResolution, ...more];
    const types = ['--typeRoots', join(root, 'node_modules/@types'), '--types', 'node'];
    const parameters = [
      '--noEmit',
      '--strict',
      '--target',
      'es2022',
      ...resolution,
      ...types,
      'types.mts',
      'typed.mts',
    ];
    const { output } = inProject(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), ...parameters]);
    // What other packages declare is theirs.
    const ours = output.split('\n').filter((line) => line !== '' && !/^node_modules\/(?!@?coppice\/)/.test(line));
    t.deepEqual(ours, [], moduleResolution);
  }
});
