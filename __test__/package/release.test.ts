/** What has to name every target does. */

import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import test from 'ava';

const read = (path: string) => readFileSync(fileURLToPath(new URL(`../../${path}`, import.meta.url)), 'utf8');
const { napi } = JSON.parse(read('package.json')) as { napi: { targets: string[] } };

test('the workflow builds every target, and the page of releases lists it', (t) => {
  const built = [...read('.github/workflows/release.yml').matchAll(/target: ([\w-]+) \}/g)].map(([, target]) => target);
  t.deepEqual(built.sort(), [...napi.targets].sort());
  const listed = [...read('docs/releasing.md').matchAll(/^\| (\w+-\w+-[\w-]+) \|/gm)].map(([, target]) => target);
  t.deepEqual(listed.sort(), [...napi.targets].sort());
});
