// The packages as they are published, each as a tarball: one for a platform with the addon in it, and the main one, which
// names them as optional dependencies of its own version and holds what TypeScript made of `ts/`, and no addon.

import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { bin, fail, root, run } from './run.mjs';

/** What concerns the clone only. */
const OF_THE_CLONE = ['scripts', 'devDependencies', 'overrides', 'ava', 'napi'];

export const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));

/** A tarball for each of the platforms, whose addon lies in the folder, and of the main package, into `to`. */
export function pack(platforms, addons, to) {
  const stages = join(to, 'npm');
  // What an earlier run has left there, and nothing else: the folder may be anyone's.
  for (const old of readdirSync(to).filter((name) => /^coppice-.*\.tgz$/.test(name))) rmSync(join(to, old));
  rmSync(stages, { recursive: true, force: true });
  mkdirSync(stages);
  run(bin('napi'), ['create-npm-dirs', '--npm-dir', relative(root, stages)]);
  for (const platform of platforms) {
    const stage = join(stages, platform);
    cpSync(join(root, 'LICENSE'), join(stage, 'LICENSE'));
    cpSync(join(addons, addonOf(platform)), join(stage, addonOf(platform)));
    // npm passes over an optional dependency whose engines do not match, without a word; the loader has words.
    rewrite(join(stage, 'package.json'), (copy) => ({ ...copy, engines: { node: '>=20' } }));
  }
  stageMain(join(stages, 'main'), platforms);
  return [...platforms, 'main'].map((name) => tarball(join(stages, name), to));
}

export function addonOf(platform) {
  return `${manifest.napi.binaryName}.${platform}.node`;
}

function stageMain(stage, platforms) {
  mkdirSync(stage);
  for (const file of ['README.md', 'LICENSE', 'package.json']) cpSync(join(root, file), join(stage, file));
  rewrite(join(stage, 'package.json'), (copy) => {
    for (const field of OF_THE_CLONE) delete copy[field];
    const names = platforms.map((platform) => [`${manifest.napi.packageName}-${platform}`, manifest.version]);
    return { ...copy, optionalDependencies: Object.fromEntries(names) };
  });
  // By the sources, since `dist` may hold what had one once.
  for (const source of readdirSync(join(root, 'ts'), { recursive: true }).filter((path) => path.endsWith('.ts'))) {
    for (const suffix of ['.js', '.d.ts']) {
      const made = join('dist', source.replace(/\.ts$/, suffix));
      if (!existsSync(join(root, made))) fail(`${made} is not there: "npm run ready" makes it`);
      mkdirSync(dirname(join(stage, made)), { recursive: true });
      cpSync(join(root, made), join(stage, made));
    }
  }
}

function rewrite(path, change) {
  writeFileSync(path, `${JSON.stringify(change(JSON.parse(readFileSync(path, 'utf8'))), null, 2)}\n`);
}

/** Where npm put it and what is in it. */
function tarball(stage, to) {
  const printed = run('npm', ['pack', '--json', '--loglevel=error', '--pack-destination', to, stage]);
  const [packed] = Object.values(JSON.parse(printed));
  return {
    name: packed.name,
    version: packed.version,
    file: join(to, packed.filename),
    bytes: packed.size,
    unpackedBytes: packed.unpackedSize,
    files: packed.files.map(({ path }) => path).sort(),
  };
}
