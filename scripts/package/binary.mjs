// What an addon needs of the system that loads it, read from its own headers: ELF, Mach-O and PE. Nothing but Node, so that
// it tells the same on every system.

/** Older than what any Node that is supported runs on, so that wherever it runs the addon does. */
export const GLIBC_MAX = '2.17';
export const MACOS_MAX = '11.0';

const MACHINES = { elf: { 62: 'x64', 183: 'arm64' }, pe: { 34404: 'x64', 43620: 'arm64' } };
const MACH_MACHINES = { 16777223: 'x64', 16777228: 'arm64' };
const SYSTEMS = { elf: 'linux', macho: 'darwin', pe: 'win32' };

/**
 * `{ system, arch, libraries }` of these bytes; for Linux also `glibc`, the newest version of a symbol it takes, and for
 * macOS the oldest version (`macos`) and whether it is `signed`. Throws for anything else.
 */
export function readAddon(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const found = readElf(bytes, view) ?? readMachO(bytes, view) ?? readPe(view);
  if (found?.arch === undefined) throw new Error('no ELF, Mach-O or PE file of 64 bits for x64 or arm64');
  const { format, ...rest } = found;
  return { system: SYSTEMS[format], ...rest };
}

/** Why an addon must not be published for a platform, as `napi` names it; nothing if it may be. */
export function whyUnfit(platform, { system, arch, glibc = '0', macos = '0', signed }) {
  const [wantedSystem, wantedArch, library] = platform.split('-');
  if (system !== wantedSystem || arch !== wantedArch) return `it is made for ${system}-${arch}`;
  if (library === 'musl' && glibc !== '0') return 'it needs glibc, and this platform has musl';
  if (compareVersions(glibc, GLIBC_MAX) > 0) return `it needs glibc ${glibc}, and ${GLIBC_MAX} is what it may need`;
  if (compareVersions(macos, MACOS_MAX) > 0) return `it needs macOS ${macos}, and ${MACOS_MAX} is what it may need`;
  // The system ends a process that loads code without a signature, if only one that nobody vouches for.
  if (system === 'darwin' && arch === 'arm64' && !signed) return 'it is not signed, not even ad hoc';
  return undefined;
}

export function compareVersions(a, b) {
  const [left, right] = [a, b].map((version) => version.split('.').map(Number));
  const at = left.findIndex((part, index) => part !== (right[index] ?? 0));
  return at === -1 ? left.length - right.length : left[at] - (right[at] ?? 0);
}

function textAt(bytes, offset) {
  return bytes.toString('latin1', offset, bytes.indexOf(0, offset));
}

/** By its dynamic section: the names of libraries, and the versions of their symbols that it takes. */
function readElf(bytes, view) {
  if (view.getUint32(0) !== 0x7f454c46 || bytes[4] !== 2) return undefined;
  const word = (offset) => Number(view.getBigUint64(offset, true));
  const segments = Array.from({ length: view.getUint16(56, true) }, (_, index) => {
    const at = word(32) + index * view.getUint16(54, true);
    return { kind: view.getUint32(at, true), offset: word(at + 8), address: word(at + 16), length: word(at + 32) };
  });
  const LOAD = 1;
  const DYNAMIC = 2;
  const toOffset = (address) => {
    const within = ({ kind, address: start, length }) => kind === LOAD && address >= start && address < start + length;
    const segment = segments.find(within);
    return address - segment.address + segment.offset;
  };
  const dynamic = segments.find(({ kind }) => kind === DYNAMIC);
  const entries = Array.from({ length: (dynamic?.length ?? 0) / 16 }, (_, index) => {
    const at = dynamic.offset + index * 16;
    return { tag: word(at), value: word(at + 8) };
  });
  const [NEEDED, STRINGS, VERSIONS, VERSION_COUNT] = [1, 5, 0x6ffffffe, 0x6fffffff];
  const dynamicValue = (tag) => entries.find((entry) => entry.tag === tag)?.value;
  const name = (offset) => textAt(bytes, toOffset(dynamicValue(STRINGS)) + offset);
  const versions = [];
  let file = dynamicValue(VERSIONS) === undefined ? 0 : toOffset(dynamicValue(VERSIONS));
  for (let left = dynamicValue(VERSION_COUNT) ?? 0; left > 0; left -= 1) {
    let symbol = file + view.getUint32(file + 8, true);
    for (let more = view.getUint16(file + 2, true); more > 0; more -= 1) {
      versions.push(name(view.getUint32(symbol + 8, true)));
      symbol += view.getUint32(symbol + 12, true);
    }
    file += view.getUint32(file + 12, true);
  }
  const glibc = versions.flatMap((version) => /^GLIBC_([\d.]+)$/.exec(version)?.[1] ?? []).sort(compareVersions);
  return {
    format: 'elf',
    arch: MACHINES.elf[view.getUint16(18, true)],
    libraries: entries.filter(({ tag }) => tag === NEEDED).map(({ value }) => name(value)),
    ...(glibc.length > 0 && { glibc: glibc.at(-1) }),
  };
}

/** By its load commands. */
function readMachO(bytes, view) {
  if (view.getUint32(0, true) !== 0xfeedfacf) return undefined;
  const [LIBRARY, SIGNATURE, OLDEST, BUILD] = [0xc, 0x1d, 0x24, 0x32];
  const found = { format: 'macho', arch: MACH_MACHINES[view.getUint32(4, true)], libraries: [], signed: false };
  let at = 32;
  for (let left = view.getUint32(16, true); left > 0; left -= 1) {
    const command = view.getUint32(at, true);
    if (command === LIBRARY) found.libraries.push(textAt(bytes, at + view.getUint32(at + 8, true)));
    if (command === SIGNATURE) found.signed = true;
    if (command === OLDEST || command === BUILD) {
      const version = view.getUint32(at + (command === BUILD ? 12 : 8), true);
      found.macos = `${version >>> 16}.${(version >>> 8) & 0xff}`;
    }
    at += view.getUint32(at + 4, true);
  }
  return found;
}

function readPe(view) {
  if (view.getUint16(0) !== 0x4d5a) return undefined;
  const at = view.getUint32(60, true);
  if (view.getUint32(at) !== 0x50450000) return undefined;
  return { format: 'pe', arch: MACHINES.pe[view.getUint16(at + 4, true)], libraries: [] };
}
