/** The names of all tests, in TypeScript and Rust, and of the long proofs: pages name them as what shows a promise. */

import { sources } from './sources.js';

/** All tests as one text. */
export const TESTS = [...sources('__test__', '.test.ts'), ...sources('crates', '.rs')]
  .map(({ text }) => text)
  .join('\n');

/** What a page names that is not there: `\`a title\``, or proof `\`name\``. */
export function unknownIn(text: string): string[] {
  const [prove] = sources('scripts', 'prove.mjs');
  const proofs = /^const proofs = {$([\s\S]*?)^};$/m.exec(prove?.text ?? '')?.[1] ?? '';
  const isProof = (name: string) => new RegExp(`^  ${name}: {$`, 'm').test(proofs);
  return [...text.matchAll(/(proof )?`([^`]+)`/g)]
    .filter(([, proof, name = '']) => !(proof === undefined ? TESTS.includes(name) : isProof(name)))
    .map(([named]) => named);
}
