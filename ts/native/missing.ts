/**
 * Why the addon is not there or cannot be loaded, and what to do about it, as far as files can tell. Reads, decides
 * nothing, and is called only when something is wrong or, to compare versions, once a thread.
 *
 * @module
 */

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { requireHere, root } from '../place.js';

/** What the addon must fit. */
export interface Host {
  /** As `napi build --platform` names it: system, processor, and which C library where that matters. */
  readonly platform: string;
  /** The version of Node. */
  readonly node: string;
  /** The version of the C library, where that is glibc. */
  readonly glibc: string | undefined;
}

/** `reason` is for programs and never changes; `words` say what to do. */
export interface Absence {
  readonly reason: string;
  readonly words: string;
}

interface Manifest {
  readonly name?: string;
  readonly version?: string;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

const SCOPE = '@coppice';
const PREFIX = 'native-';

/** Nothing if this platform's package is there, in this version. */
export function whyMissing(platform: string): Absence | undefined {
  const name = `${SCOPE}/${PREFIX}${platform}`;
  const own = manifest(new URL('package.json', root));
  const found = manifest(`${name}/package.json`);
  if (found !== undefined) {
    if (own === undefined || own.version === found.version) return undefined;
    const words =
      `${name} is ${found.version} and coppice is ${own.version}, and only equal versions fit: ` +
      `"npm install coppice@${own.version}" again, without ${name} in a package.json of yours`;
    return { reason: 'version', words };
  }
  return (
    incomplete(platform, name) ??
    bundled(own, name) ??
    inClone(platform) ??
    unknownPlatform(own, platform) ??
    ofOtherPlatform(platform, name) ??
    lockedElsewhere(name) ??
    omitted(name)
  );
}

/** Why what is there does not load. */
export function whyUnloadable(host: Host, tried: string, cause: unknown): Absence {
  const text = cause instanceof Error ? cause.message : String(cause);
  const first = text.split('\n', 1)[0] as string;
  const glibc = /GLIBC_([\d.]+)' not found/.exec(text)?.[1];
  if (glibc !== undefined) {
    const words =
      `${tried} needs glibc ${glibc} and this system has ${host.glibc ?? 'another C library'}: ` +
      'use a newer system image, or build it on this one ("npm run ready" in a clone)';
    return { reason: 'glibc', words };
  }
  if ((cause as { code?: unknown } | null)?.code === 'MODULE_NOT_FOUND') {
    const words =
      `${tried} is there, but not the .node file in it (${first}): whatever packs your program leaves such files out; ` +
      'have it copy them, and unpack them from an asar archive';
    return { reason: 'file', words };
  }
  if (/invalid ELF|wrong ELF|mach-o|incompatible architecture|Win32 application|file too short/i.test(text)) {
    const remedy = tried.startsWith(SCOPE)
      ? 'remove node_modules and install again on the system that runs it'
      : 'remove it, and "npm run ready" builds it again';
    const words = `${tried} is damaged or was made for another system (${first}): ${remedy}`;
    return { reason: 'damaged', words };
  }
  return { reason: 'unloadable', words: `${tried} is there, but the system refuses it (${first})` };
}

/** Of coppice itself: nothing where a bundler has put it into a program of another name. */
function manifest(path: URL | string): Manifest | undefined {
  try {
    if (typeof path === 'string') return requireHere(path) as Manifest;
    const found = JSON.parse(readFileSync(path, 'utf8')) as Manifest;
    return found.name === 'coppice' ? found : undefined;
  } catch {
    return undefined;
  }
}

/** Its folder is there, and Node cannot read what it is. */
function incomplete(platform: string, name: string): Absence | undefined {
  const folder = folders()
    .map((folder) => join(folder, SCOPE, `${PREFIX}${platform}`))
    .find((path) => existsSync(path));
  if (folder === undefined) return undefined;
  const words =
    `${folder} is there, but not the package.json in it, or not whole: an install was interrupted, or whatever packs your ` +
    `program leaves it out. Install again ("npm ci"), and have all of ${name} copied`;
  return { reason: 'file', words };
}

function inClone(platform: string): Absence | undefined {
  if (!existsSync(new URL('scripts/ready.mjs', root))) return undefined;
  const others = list(fileURLToPath(root)).filter((name) => /^coppice\..*\.node$/.test(name));
  const made = others.length > 0 ? ` (it holds ${others.join(', ')}, made elsewhere)` : '';
  const words = `this is a clone, in which none was built for ${platform}${made}: "npm run ready" there builds it`;
  return { reason: 'clone', words };
}

function bundled(own: Manifest | undefined, name: string): Absence | undefined {
  if (own !== undefined) return undefined;
  const words =
    `coppice was bundled or moved to ${fileURLToPath(root)}, and no node_modules there holds ${name}: keep it out of ` +
    'the bundle (esbuild --external:coppice, webpack "externals", Vite "build.rollupOptions.external", Next.js ' +
    `"serverExternalPackages") and beside the program, or put ${name} there`;
  return { reason: 'bundled', words };
}

function unknownPlatform(own: Manifest | undefined, platform: string): Absence | undefined {
  const made = Object.keys(own?.optionalDependencies ?? {})
    .filter((name) => name.startsWith(`${SCOPE}/${PREFIX}`))
    .map((name) => name.slice(`${SCOPE}/${PREFIX}`.length));
  if (made.includes(platform)) return undefined;
  const words =
    `this version brings one for ${made.length > 0 ? made.join(', ') : 'no platform'}, so build it on the platform that ` +
    'runs it: "npm run ready" in a clone, which other projects then take with "npm install /path/to/the/clone"';
  return { reason: 'platform', words };
}

function ofOtherPlatform(platform: string, name: string): Absence | undefined {
  const others = [...new Set(folders().flatMap((folder) => list(join(folder, SCOPE))))]
    .filter((entry) => entry.startsWith(PREFIX))
    .map((entry) => entry.slice(PREFIX.length));
  if (others.length === 0) return undefined;
  const [system, arch] = platform.split('-');
  const library = others.some((other) => other.startsWith(`${system}-${arch}-`));
  const why = library
    ? 'The C library differs: Alpine has musl, most others have glibc. Install in an image like the one that runs it'
    : 'node_modules came from another system: install on the one that runs it, not outside its container';
  const words = `${name} is not installed, but the one for ${others.join(', ')} is. ${why} ("npm ci", or remove node_modules and "npm install")`;
  return { reason: 'copied', words };
}

function lockedElsewhere(name: string): Absence | undefined {
  const lock = folders()
    .map((folder) => join(folder, '..', 'package-lock.json'))
    .find((path) => existsSync(path));
  if (lock === undefined) return undefined;
  const text = readFileSync(lock, 'utf8');
  if (!text.includes('node_modules/coppice"') || text.includes(`node_modules/${name}"`)) return undefined;
  const words =
    `${lock} does not hold ${name}: npm made it where node_modules of another system lay (a known fault of npm). ` +
    'Remove package-lock.json and node_modules, then "npm install"';
  return { reason: 'lock', words };
}

function omitted(name: string): Absence {
  const words =
    `${name} is not installed. It is an optional dependency, which --omit=optional, --no-optional or ` +
    '"omit=optional" in .npmrc leave out, and which is passed over when its download fails: ' +
    '"npm install --include=optional"';
  return { reason: 'omitted', words };
}

/** Where Node looks for packages of ours. */
function folders(): string[] {
  return requireHere.resolve.paths(SCOPE) ?? [];
}

function list(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
