/**
 * Finds the addon: the one built here if there is one, else the one of this platform's package. Says in words what is
 * missing.
 *
 * @module
 */

import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { CoppiceError } from '../errors.js';
import type { Addon } from './addon.js';

const require = createRequire(import.meta.url);

let loaded: Addon | undefined;

/** The addon for this thread. The same thread gets the same instance each time. */
export function load(): Addon {
  // Once: which C library there is takes Node some 15 ms to say.
  loaded ??= find();
  return loaded;
}

function find(): Addon {
  const platform = platformName();
  // Both `ts/native/` and `dist/native/` are two folders below the root of the package.
  const built = fileURLToPath(new URL(`../../coppice.${platform}.node`, import.meta.url));
  const name = existsSync(built) ? built : `@coppice/native-${platform}`;
  try {
    return require(name) as Addon;
  } catch (cause) {
    const message =
      `the native part of coppice for ${platform} cannot be loaded (${firstLine(cause)}): ` +
      'this version brings none, so build it on the platform that runs it: "npm run ready" in a clone, which other ' +
      'projects then take with "npm install /path/to/the/clone"';
    throw new CoppiceError('NATIVE_MISSING', message, { cause, details: { platform, tried: name } });
  }
}

/** As `napi build --platform` names it: system, processor, and which C library where that matters. */
export function platformName(): string {
  const { platform, arch } = process;
  if (platform === 'linux') return `linux-${arch}-${usesMusl() ? 'musl' : 'gnu'}`;
  if (platform === 'win32') return `win32-${arch}-msvc`;
  return `${platform}-${arch}`;
}

function usesMusl(): boolean {
  const report = process.report as typeof process.report & { excludeNetwork?: boolean };
  // Listing the network's interfaces would take most of the time.
  const before = report.excludeNetwork ?? false;
  report.excludeNetwork = true;
  const { header } = report.getReport() as unknown as { header: { glibcVersionRuntime?: string } };
  report.excludeNetwork = before;
  return header.glibcVersionRuntime === undefined;
}

function firstLine(cause: unknown): string {
  const text = cause instanceof Error ? cause.message : String(cause);
  return text.split('\n', 1)[0] ?? text;
}
