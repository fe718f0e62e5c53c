/**
 * Finds the addon: the one built here if there is one, else the one of this platform's package, of the same version.
 *
 * @module
 */

import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { CoppiceError } from '../errors.js';
import { requireHere, root } from '../place.js';
import type { Addon } from './addon.js';
import { type Absence, type Host, whyMissing, whyUnloadable } from './missing.js';

/** As in `engines` of package.json, which npm only warns about. */
const NODE_MIN = [20, 19] as const;

let loaded: Addon | undefined;

/** The addon for this thread. The same thread gets the same instance each time. */
export function load(): Addon {
  // Once: which C library there is takes Node some 15 ms to say.
  loaded ??= find(thisHost());
  return loaded;
}

/** The addon for a host; the error says in words what is missing and what to do about it. */
export function find(host: Host): Addon {
  const { platform } = host;
  const [major = 0, minor = 0] = host.node.split('.').map(Number);
  if (major < NODE_MIN[0] || (major === NODE_MIN[0] && minor < NODE_MIN[1])) {
    const message = `coppice needs Node >= ${NODE_MIN.join('.')}, and this is ${host.node}: update Node`;
    throw new CoppiceError('UNSUPPORTED', message, { details: { platform, reason: 'node' } });
  }
  const built = fileURLToPath(new URL(`coppice.${platform}.node`, root));
  const tried = existsSync(built) ? built : `@coppice/native-${platform}`;
  const absence = tried === built ? undefined : whyMissing(platform);
  if (absence !== undefined) throw missing(host, tried, absence);
  try {
    return requireHere(tried) as Addon;
  } catch (cause) {
    throw missing(host, tried, whyUnloadable(host, tried, cause), cause);
  }
}

function missing({ platform }: Host, tried: string, { reason, words }: Absence, cause?: unknown): CoppiceError {
  const message = `the native part of coppice for ${platform} cannot be loaded: ${words}`;
  const details = { platform, tried, reason };
  return new CoppiceError('NATIVE_MISSING', message, cause === undefined ? { details } : { cause, details });
}

function thisHost(): Host {
  const { platform, arch, versions } = process;
  const glibc = platform === 'linux' ? glibcVersion() : undefined;
  const suffix = { linux: glibc === undefined ? '-musl' : '-gnu', win32: '-msvc' }[platform as string] ?? '';
  return { platform: `${platform}-${arch}${suffix}`, node: versions.node, glibc };
}

function glibcVersion(): string | undefined {
  const report = process.report as typeof process.report & { excludeNetwork?: boolean };
  // Listing the network's interfaces would take most of the time.
  const before = report.excludeNetwork ?? false;
  report.excludeNetwork = true;
  const { header } = report.getReport() as unknown as { header: { glibcVersionRuntime?: string } };
  report.excludeNetwork = before;
  return header.glibcVersionRuntime;
}
