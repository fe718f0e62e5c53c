/** What an addon needs, as `npm run package` reads it: from the addon of this machine, and from headers made here. */

import { readdirSync, readFileSync } from 'node:fs';
import { endianness } from 'node:os';
import { fileURLToPath } from 'node:url';
import test from 'ava';

interface Found {
  readonly system: string;
  readonly arch: string;
  readonly libraries: readonly string[];
  readonly glibc?: string;
  readonly macos?: string;
  readonly signed?: boolean;
}

const { readAddon, whyUnfit, compareVersions } = (await import(
  new URL('../../scripts/package/binary.mjs', import.meta.url).href
)) as {
  readAddon(bytes: Buffer): Found;
  whyUnfit(platform: string, found: Partial<Found>): string | undefined;
  compareVersions(a: string, b: string): number;
};

const root = fileURLToPath(new URL('../..', import.meta.url));

test('the addon of this machine is read as what it is', (t) => {
  const name = readdirSync(root).find((name) => name.endsWith('.node')) as string;
  const bytes = readFileSync(`${root}/${name}`);
  const found = readAddon(bytes);
  t.like(found, { system: process.platform, arch: process.arch });
  t.is(endianness(), 'LE');
  if (process.platform !== 'linux') return;
  t.true(found.libraries.length > 0);
  for (const library of found.libraries) t.regex(library, /^(lib|ld-).*\.so/);
  // Read in the crudest way: every such word in the file.
  const words = [...bytes.toString('latin1').matchAll(/\0GLIBC_([\d.]+)(?=\0)/g)].map(
    ([, version]) => version as string,
  );
  t.is(found.glibc, words.sort(compareVersions).at(-1));
});

/** A Mach-O file of these load commands, each its kind and its words. */
function machO(machine: number, commands: [kind: number, ...words: number[]][]): Buffer {
  const loads = commands.flatMap(([kind, ...words]) => [kind, 8 + 4 * words.length, ...words]);
  return Buffer.from(new Uint32Array([0xfeedfacf, machine, 0, 6, commands.length, 0, 0, 0, ...loads]).buffer);
}

test('files of macOS tell the system they need, and whether they are signed', (t) => {
  const name = [...Buffer.from('libSystem.dylib\0')];
  const words = [...new Uint32Array(new Uint8Array(name).buffer)];
  const library: [number, ...number[]] = [0xc, 12, ...words];
  const modern = readAddon(machO(0x0100000c, [library, [0x32, 1, (14 << 16) | (2 << 8), 0], [0x1d, 0, 0]]));
  t.like(modern, { system: 'darwin', arch: 'arm64', macos: '14.2', signed: true, libraries: ['libSystem.dylib'] });
  const old = readAddon(machO(0x01000007, [[0x24, (10 << 16) | (12 << 8), 0]]));
  t.like(old, { system: 'darwin', arch: 'x64', macos: '10.12', signed: false });
});

test('files of Windows tell their processor, and anything else is refused', (t) => {
  const bytes = Buffer.alloc(128);
  bytes.write('MZ');
  bytes.writeUInt32LE(64, 60);
  bytes.write('PE', 64);
  bytes.writeUInt16LE(0x8664, 68);
  t.like(readAddon(bytes), { system: 'win32', arch: 'x64' });
  bytes.writeUInt16LE(0x14c, 68);
  for (const wrong of [bytes, Buffer.from('#!/bin/sh\nexit 0\n'), machO(7, [])]) {
    t.throws(() => readAddon(wrong), { message: /no ELF, Mach-O or PE file of 64 bits/ });
  }
});

test('what may not be published says why', (t) => {
  const linux = { system: 'linux', arch: 'x64' };
  t.is(whyUnfit('linux-x64-gnu', { ...linux, glibc: '2.17' }), undefined);
  t.is(whyUnfit('linux-x64-musl', linux), undefined);
  t.regex(whyUnfit('linux-x64-gnu', { ...linux, glibc: '2.34' }) ?? '', /needs glibc 2\.34, and 2\.17 is what it may/);
  t.regex(whyUnfit('linux-x64-musl', { ...linux, glibc: '2.2.5' }) ?? '', /has musl/);
  t.regex(whyUnfit('linux-arm64-gnu', linux) ?? '', /made for linux-x64/);
  const darwin = { system: 'darwin', arch: 'arm64', macos: '11.0', signed: true };
  t.is(whyUnfit('darwin-arm64', darwin), undefined);
  t.regex(whyUnfit('darwin-arm64', { ...darwin, macos: '15.0' }) ?? '', /needs macOS 15\.0/);
  t.regex(whyUnfit('darwin-arm64', { ...darwin, signed: false }) ?? '', /not signed/);
});

test('versions are compared by their numbers', (t) => {
  t.deepEqual(['2.17', '2.4', '2.2.5', '2.2', '2.30'].sort(compareVersions), ['2.2', '2.2.5', '2.4', '2.17', '2.30']);
});
