// How `npm run docs:api` makes the reference of the API, in `.cache/docs`, of what stands above each function. In it is what the
// package exports; something exported without a word, or of a type that is not, is an error, as is a link to nowhere.

import { readFileSync } from 'node:fs';

const { exports } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
const compiled = Object.values(exports).filter((path) => typeof path !== 'string');

/** @type {import('typedoc').TypeDocOptions} */
export default {
  name: 'Coppice',
  entryPoints: compiled.map(({ types }) => types.replace(/^\.\/dist\/(.*)\.d\.ts$/, '../ts/$1.ts')),
  tsconfig: '../tsconfig.build.json',
  out: '../.cache/docs',
  readme: '../README.md',
  disableSources: true,
  // What `CoppiceLevel` has from abstract-level has its manual there.
  excludeExternals: true,
  excludeInternal: true,
  excludePrivate: true,
  excludeProtected: true,
  treatWarningsAsErrors: true,
  validation: { notExported: true, invalidLink: true, notDocumented: true },
  // A property whose name says all needs no sentence.
  requiredToBeDocumented: ['Accessor', 'Class', 'Function', 'Interface', 'Method', 'TypeAlias', 'Variable'],
  // Only its method is public, as `Resolve`.
  intentionallyNotExported: ['Resolver'],
};
