/**
 * What to try next: commands that work as they stand, on the database that the tour has made.
 *
 * @module
 */

import { storeFolder } from './grow.js';
import { databaseFolder } from './library.js';
import type { TourOptions } from './options.js';
import type { Screen } from './screen.js';

/** The arguments of `coppice` that are shown. */
export function commandsFor(folder: string): string[][] {
  const [path, store] = [databaseFolder(folder), storeFolder(folder)];
  // Apart from the meanings, which a later tour reads.
  const mine = ['--sublevel', 'mine'];
  return [
    ['get', path, 'noun.group/coppice/01'],
    ['scan', path, '--prefix', 'noun.plant/oak', '--keys'],
    ['scan', path, '--sublevel', 'words', '--prefix', 'bank:', '--json'],
    ['count', path, '--sublevel', 'kinds'],
    ['put', path, 'greeting', 'hello', '--ttl', '1h', ...mine],
    ['get', path, 'greeting', '--json', ...mine],
    ['del', path, 'greeting', ...mine],
    ['verify', path],
    ['status', store],
    ['verify', store, '--store'],
    ['branch', store, 'mine'],
    ['branch', store],
    ['branch', store, 'mine', '--drop'],
    ['--help'],
  ];
}

export function next(screen: Screen, options: TourOptions): void {
  for (const command of commandsFor(options.path)) {
    screen.code(['npx coppice', ...command.map(quoted)].join(' '));
  }
  screen.line();
  screen.line('npm test runs every test; README.md has the ten lines to begin a program with.');
}

/** As every shell takes it. */
function quoted(word: string): string {
  return /^[\w./\\:-]+$/.test(word) ? word : `"${word}"`;
}
