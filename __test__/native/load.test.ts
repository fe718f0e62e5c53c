import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import test from 'ava';
import type { CoppiceError } from '../../ts/index.js';
import { temporaryFolder } from '../support/database.js';

test('where there is no addon the error names the platform, what was tried and how to get one', async (t) => {
  const folder = await temporaryFolder(t);
  // As a package that was unpacked elsewhere: what lies beside the sources here does not lie there.
  for (const file of ['native/load.ts', 'errors.ts']) {
    await cp(fileURLToPath(new URL(`../../ts/${file}`, import.meta.url)), join(folder, 'ts', file));
  }
  const { load } = (await import(pathToFileURL(join(folder, 'ts/native/load.ts')).href)) as { load: () => unknown };
  const { code, message, details } = t.throws(load) as CoppiceError;
  t.is(code, 'COPPICE_NATIVE_MISSING');
  t.regex(
    message,
    /for [\w-]+ cannot be loaded \(Cannot find module '@coppice\/native-.*"npm run ready" in a clone.*npm install/,
  );
  t.regex(details?.tried as string, new RegExp(`^@coppice/native-${process.platform}-${process.arch}`));
});
