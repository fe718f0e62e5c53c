// `npm run package`: the packages that a release consists of, as tarballs, from a build made for it and checked.

import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { readAddon, whyUnfit } from './package/binary.mjs';
import { build, ownTarget, platformOf } from './package/build.mjs';
import { fail, root, say } from './package/run.mjs';
import { addonOf, manifest, pack } from './package/tarballs.mjs';

const HELP = `npm run package [-- OPTIONS]
  Builds the addon for this machine as a release has it, checks what it needs of a system, and packs it and
  the main package, which names it as an optional dependency. Publishes nothing: docs/releasing.md.

  --target TRIPLE   build for this target of package.json instead; again for more
  --addons FOLDER   build nothing: take the addons there, of which none may be missing
  --local           build nothing: take the one of "npm run ready", whatever it needs; not for publishing
  --to FOLDER       where the tarballs go, in the clone (.cache/package)
  --json            print one JSON document: npm run --silent package -- --json
  -h, --help        print this`;

const { values } = parseArgs({
  options: {
    target: { type: 'string', multiple: true },
    addons: { type: 'string' },
    local: { type: 'boolean' },
    to: { type: 'string', default: '.cache/package' },
    json: { type: 'boolean' },
    help: { type: 'boolean', short: 'h' },
  },
});

if (values.help) {
  console.log(HELP);
} else {
  const report = makeAll();
  if (values.json) console.log(JSON.stringify(report, null, 2));
}

function makeAll() {
  const to = resolve(root, values.to);
  mkdirSync(to, { recursive: true });
  const { platforms, folder } = addons(to);
  const checked = platforms.map((platform) => check(platform, join(folder, addonOf(platform))));
  const packages = pack(platforms, folder, to);
  for (const { file, bytes, files } of packages) {
    say(`${relative(root, file)}: ${size(bytes)}, ${files.length} files`);
  }
  return { version: manifest.version, addons: checked, packages };
}

/** For which platforms, and where the addons of them lie. */
function addons(to) {
  const { targets } = manifest.napi;
  if (values.local) return { platforms: [platformOf(ownTarget(targets))], folder: root };
  if (values.addons !== undefined) return { platforms: targets.map(platformOf), folder: resolve(values.addons) };
  const wanted = values.target ?? [ownTarget(targets)];
  const unknown = wanted.find((target) => !targets.includes(target));
  if (unknown !== undefined) fail(`${unknown} is no target of package.json: ${targets.join(', ')}`);
  const folder = join(to, 'addons');
  for (const target of wanted) build(target, folder);
  return { platforms: wanted.map(platformOf), folder };
}

function check(platform, path) {
  if (!existsSync(path)) fail(`${path} is not there`);
  const bytes = readFileSync(path);
  const found = readAddon(bytes);
  const unfit = whyUnfit(platform, found);
  const { glibc, macos, libraries } = found;
  const needs = [glibc && `glibc ${glibc}`, macos && `macOS ${macos}`, ...libraries].filter(Boolean).join(', ');
  say(`${addonOf(platform)}: ${size(bytes.length)}, needs ${needs || 'nothing'}`);
  if (unfit !== undefined && !values.local) fail(`${addonOf(platform)} cannot be published: ${unfit}`);
  if (unfit !== undefined) say(`${addonOf(platform)} is for systems like this one, not for publishing: ${unfit}`);
  return { platform, bytes: bytes.length, ...found, ...(unfit !== undefined && { unfit }) };
}

function size(bytes) {
  return bytes < 1 << 20 ? `${Math.ceil(bytes / 1024)} KiB` : `${(bytes / (1 << 20)).toFixed(2)} MiB`;
}
