/** The suite that `@keyv/test-suite` publishes, whole, over Coppice and Keyv 5, for which it is. Run by vitest. */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import keyvTestSuite, { keyvIteratorTests } from '@keyv/test-suite';
import Keyv from 'keyv-5';
import * as vitest from 'vitest';
import { open } from '../../ts/index.js';
import { KeyvCoppice5 } from '../../ts/keyv/index.js';

const top = mkdtempSync(join(tmpdir(), 'coppice-keyv-'));
vitest.afterAll(() => rmSync(top, { recursive: true, force: true }));

vitest.describe('over a folder', () => {
  const stores: KeyvCoppice5[] = [];
  const make = () => {
    const store = new KeyvCoppice5(join(top, 'own'));
    stores.push(store);
    return store;
  };
  vitest.afterAll(() => Promise.all(stores.map((store) => store.disconnect())));
  keyvTestSuite(vitest, Keyv as never, make);
  keyvIteratorTests(vitest, Keyv as never, make);
});

const db = await open(join(top, 'given'));
vitest.describe('over an open database', () => {
  vitest.afterAll(() => db.close());
  const make = () => new KeyvCoppice5({ db });
  keyvTestSuite(vitest, Keyv as never, make);
  keyvIteratorTests(vitest, Keyv as never, make);
});
