// Builds the addon for a target of package.json, here or for another system: with zig as C compiler and linker, which can
// be had from PyPI, links against any glibc and needs no files of the other system.

import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { GLIBC_MAX, MACOS_MAX } from './binary.mjs';
import { bin, fail, root, run, say } from './run.mjs';

const ZIG = ['cargo-zigbuild==0.24.0', 'ziglang==0.17.1'];

const SYSTEMS = { linux: 'linux', darwin: 'darwin', windows: 'win32' };
const PROCESSORS = { x86_64: 'x64', aarch64: 'arm64' };

/** A target of Rust as `napi build --platform` names it. */
export function platformOf(target) {
  const [processor, vendor, system, library] = target.split('-');
  const name = SYSTEMS[system ?? vendor];
  return [name, PROCESSORS[processor], ...(library === undefined ? [] : [library])].join('-');
}

/** The target of this machine among those of package.json. */
export function ownTarget(targets) {
  const triple = /host: (.*)/.exec(run('rustc', ['-vV']))[1];
  return targets.includes(triple) ? triple : fail(`package.json has no target ${triple}, which this machine is`);
}

/** Builds the addon for the target into the folder. */
export function build(target, folder) {
  const platform = platformOf(target);
  const began = Date.now();
  const profile = process.env.COPPICE_PROFILE ?? 'release';
  const common = ['--manifest-path', 'crates/node/Cargo.toml', '--output-dir', folder, '--profile', profile];
  const parameters = ['build', '--platform', '--no-js', '--dts', 'addon.d.ts', ...common];
  const { env = {}, how = [], spelled = target } = crossing(platform, target);
  say(`${platform}: being built ...`);
  run('rustup', ['target', 'add', target]);
  run(bin('napi'), [...parameters, '--target', spelled, ...how], {
    env: { MACOSX_DEPLOYMENT_TARGET: MACOS_MAX, ...env },
  });
  say(`${platform}: built (${((Date.now() - began) / 1000).toFixed(0)} s)`);
}

/** What a build for this platform takes beside the compiler of this machine. */
function crossing(platform, target) {
  const [system] = platform.split('-');
  if (system === 'win32') return process.platform === 'win32' ? {} : fail(`${platform} is built on Windows only`);
  if (system === 'darwin' && process.platform === 'darwin') return {};
  const env = { PATH: zig() + delimiter + process.env.PATH };
  // Also on Linux itself: a plain build takes the newest symbols of the glibc of this machine.
  return { env, how: ['--cross-compile'], spelled: target.endsWith('-gnu') ? `${target}.${GLIBC_MAX}` : target };
}

/** The folder of `cargo-zigbuild`, beside which lies its zig; got once. */
function zig() {
  const environment = join(root, '.cache', 'zig', ZIG.join('-').replaceAll('=', ''));
  const programs = join(environment, process.platform === 'win32' ? 'Scripts' : 'bin');
  if (!existsSync(join(programs, 'cargo-zigbuild'))) {
    run('python3', ['-m', 'venv', environment]);
    run(join(programs, 'python'), ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', ...ZIG]);
  }
  return programs;
}
