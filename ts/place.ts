/**
 * Where this package lies, and `require` as seen from there: for what is no JavaScript, or loaded only when it is needed.
 *
 * @module
 */

import { createRequire } from 'node:module';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

// A bundler that makes CommonJS leaves no address: then what is needed is looked for from where the program lies.
const here = import.meta.url ?? pathToFileURL(resolve(process.argv[1] ?? 'index.js')).href;

/** The folder of `package.json`: one above `ts/` and `dist/`. */
export const root = new URL('../', here);

export const requireHere = createRequire(here);
