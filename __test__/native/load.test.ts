/** The loader in folders as installs leave them, good and bad. */

import { cp, mkdir, realpath, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import test, { type ExecutionContext } from 'ava';
import type { CoppiceError } from '../../ts/index.js';
import type { find as finder } from '../../ts/native/load.js';
import { temporaryFolder } from '../support/database.js';

const PLATFORM = 'linux-x64-gnu';
const NAME = `@coppice/native-${PLATFORM}`;
const host = { platform: PLATFORM, node: '20.19.0', glibc: '2.31' };
const optionalDependencies = { [NAME]: '1.2.3', '@coppice/native-linux-x64-musl': '1.2.3' };
const own = { name: 'coppice', version: '1.2.3', type: 'module', optionalDependencies };

/** What a native package may be: its version, and a text in place of its file. */
const native = (name: string, addon?: string, file = 'addon.cjs', version = '1.2.3') => ({
  [`node_modules/${name}/package.json`]: JSON.stringify({ name, version, main: file }),
  ...(addon !== undefined && { [`node_modules/${name}/${file}`]: addon }),
});

/** The loader as a project has it whose folder holds these files besides. */
async function project(t: ExecutionContext, files: Record<string, string>, manifest: object = own, at = 'coppice') {
  const folder = await realpath(await temporaryFolder(t));
  const root = join(folder, 'node_modules', at);
  for (const file of ['native/load.ts', 'native/missing.ts', 'place.ts', 'errors.ts']) {
    await cp(fileURLToPath(new URL(`../../ts/${file}`, import.meta.url)), join(root, 'ts', file));
  }
  for (const [path, text] of Object.entries({
    [`node_modules/${at}/package.json`]: JSON.stringify(manifest),
    ...files,
  })) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), text);
  }
  const { find } = (await import(pathToFileURL(join(root, 'ts/native/load.ts')).href)) as { find: typeof finder };
  return { folder, find };
}

/** Why the loader refuses, and that it says so in words. */
async function refusal(t: ExecutionContext, find: typeof finder, words: RegExp, on: Partial<typeof host> = {}) {
  const error = t.throws(() => find({ ...host, ...on })) as CoppiceError;
  t.regex(error.message, words);
  return error;
}

test('the package of this platform is loaded, wherever Node finds it', async (t) => {
  const { find } = await project(t, native(NAME, 'exports.open = 1'));
  t.deepEqual({ ...find(host) } as object, { open: 1 });
});

test('an old Node is refused before anything is looked for', async (t) => {
  const { find } = await project(t, native(NAME, 'exports.open = 1'));
  for (const node of ['18.20.8', '20.18.3']) {
    const { code } = await refusal(t, find, new RegExp(`needs Node >= 20.19, and this is ${node}: update Node`), {
      node,
    });
    t.is(code, 'COPPICE_UNSUPPORTED');
  }
  for (const node of ['20.19.0', '22.0.0', '100.1.0']) t.truthy(find({ ...host, node }));
});

test('where optional dependencies were left out the error says which package is missing and how to get it', async (t) => {
  const { find } = await project(t, {});
  const error = await refusal(t, find, /native-linux-x64-gnu is not installed.*--omit=optional.*--include=optional/);
  t.is(error.code, 'COPPICE_NATIVE_MISSING');
  t.deepEqual(error.details, { platform: PLATFORM, tried: NAME, reason: 'omitted' });
});

test('node_modules of another system is told by the packages it holds', async (t) => {
  const others = { ...native('@coppice/native-darwin-arm64'), ...native('@coppice/native-win32-x64-msvc') };
  const { find } = await project(t, others);
  const words = /is not installed, but the one for darwin-arm64, win32-x64-msvc is\. node_modules came from another/;
  t.is((await refusal(t, find, words)).details?.reason, 'copied');
});

test('Alpine and the others are told from each other', async (t) => {
  const { find } = await project(t, native(NAME));
  const words =
    /native-linux-x64-musl is not installed, but the one for linux-x64-gnu is\. The C library differs: Alpine/;
  const error = await refusal(t, find, words, { platform: 'linux-x64-musl', glibc: undefined } as object);
  t.is(error.details?.reason, 'copied');
});

test('a lock file that was made on another system is named', async (t) => {
  const packages = { 'node_modules/coppice': {}, 'node_modules/@coppice/native-darwin-arm64': {} };
  const { folder, find } = await project(t, { 'package-lock.json': JSON.stringify({ packages }) });
  const error = await refusal(
    t,
    find,
    /does not hold @coppice\/native-linux-x64-gnu: npm made it where.*Remove package-lock/,
  );
  t.true(error.message.includes(`: ${join(folder, 'package-lock.json')} does not hold`));
  t.is(error.details?.reason, 'lock');
  const whole = { packages: { ...packages, [`node_modules/${NAME}`]: {} } };
  const good = await project(t, { 'package-lock.json': JSON.stringify(whole) });
  t.is((await refusal(t, good.find, /is an optional dependency/)).details?.reason, 'omitted');
});

test('a platform for which there is no package is told those for which there is one', async (t) => {
  const { find } = await project(t, native(NAME));
  const words = /brings one for linux-x64-gnu, linux-x64-musl, so build it on the platform.*"npm run ready" in a clone/;
  t.is((await refusal(t, find, words, { platform: 'freebsd-x64' })).details?.reason, 'platform');
});

test('a package of another version is refused', async (t) => {
  const { find } = await project(t, native(NAME, 'exports.open = 1', 'addon.cjs', '1.2.2'));
  const words =
    /native-linux-x64-gnu is 1\.2\.2 and coppice is 1\.2\.3, and only equal versions fit: "npm install coppice@1/;
  t.is((await refusal(t, find, words)).details?.reason, 'version');
});

test('where a bundler has put it into another program the error says how to keep it out', async (t) => {
  const { find } = await project(t, {}, { name: 'shop', version: '7.0.0' }, 'shop');
  const words = /coppice was bundled or moved to .*shop.*esbuild --external:coppice, webpack "externals"/;
  t.is((await refusal(t, find, words)).details?.reason, 'bundled');
  const beside = await project(t, native(NAME, 'exports.open = 1'), { name: 'shop', version: '7.0.0' }, 'shop');
  t.truthy(beside.find(host), 'the package beside the program is enough');
});

test('in a clone the command that builds it is named, and what was built elsewhere', async (t) => {
  const files = { 'node_modules/coppice/scripts/ready.mjs': '', 'node_modules/coppice/coppice.darwin-arm64.node': '' };
  const { find } = await project(t, files);
  const words =
    /none was built for linux-x64-gnu \(it holds coppice\.darwin-arm64\.node, made elsewhere\): "npm run ready"/;
  t.is((await refusal(t, find, words)).details?.reason, 'clone');
});

test('a system older than the package needs is told both versions of glibc', async (t) => {
  // What the loader of Linux says, from a file that says it here.
  const text = "/lib/x86_64-linux-gnu/libc.so.6: version `GLIBC_2.34' not found (required by addon.node)";
  const { find } = await project(t, native(NAME, `throw new Error(${JSON.stringify(text)})`));
  const error = await refusal(t, find, /needs glibc 2\.34 and this system has 2\.31: use a newer system image/);
  t.is(error.details?.reason, 'glibc');
  t.is((error.cause as Error).message, text);
});

test('a package whose file a packager left out is told from one that is not there', async (t) => {
  const { find } = await project(t, native(NAME, undefined, 'addon.node'));
  t.is((await refusal(t, find, /is there, but not the \.node file in it .*asar/)).details?.reason, 'file');
});

test('a package of which only a part is there is not taken for one that is not, nor for one of another system', async (t) => {
  for (const manifest of [{}, { [`node_modules/${NAME}/package.json`]: '{"name": "@cop' }]) {
    const { folder, find } = await project(t, { [`node_modules/${NAME}/addon.cjs`]: '', ...manifest });
    const error = await refusal(t, find, /is there, but not the package\.json in it, or not whole: .*"npm ci"/);
    t.true(error.message.includes(join(folder, 'node_modules', NAME)));
    t.is(error.details?.reason, 'file');
  }
});

test('what was built in a clone and is damaged is built again, not installed', async (t) => {
  const { find } = await project(t, { [`node_modules/coppice/coppice.${PLATFORM}.node`]: 'x' });
  const words =
    /coppice\.linux-x64-gnu\.node is damaged or was made.*: remove it, and "npm run ready" builds it again$/;
  t.is((await refusal(t, find, words)).details?.reason, 'damaged');
});

test('a file that is damaged, or that the system refuses, is told as it is', async (t) => {
  const damaged = await project(t, native(NAME, 'x', 'addon.node'));
  t.is((await refusal(t, damaged.find, /is damaged or was made for another system \(/)).details?.reason, 'damaged');
  const refused = await project(t, native(NAME, 'throw new Error("failed to map segment: not permitted\\nand more")'));
  const words = /is there, but the system refuses it \(failed to map segment: not permitted\)$/;
  t.is((await refusal(t, refused.find, words)).details?.reason, 'unloadable');
});
