/**
 * `coppice init`: makes a repository in a store, and puts a database into it.
 *
 * @module
 */

import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { CoppiceError } from '../../errors.js';
import { open } from '../../open.js';
import { openRoot } from '../../repository/index.js';
import { storeAt } from '../../repository/store/index.js';
import { type Call, type Command, EXIT, type Exit, encryptedStoreAt, encryption, usage } from '../command.js';

export const init: Command = {
  name: 'init',
  summary:
    'make a repository in a store, if it will do and holds none, and of the database in a folder a new branch; opening the database with the store does the same',
  positionals: ['STORE', '[PATH]'],
  flags: { branch: { type: 'string', value: 'NAME', help: 'the new branch; main if it is not given' } },
  async run(call) {
    const [name, path] = call.positionals as [string, string | undefined];
    if (path !== undefined) return adopt(call, name, path);
    if (call.text('branch') !== undefined) throw usage('give the folder of the database that --branch is made of');
    const store = await encryptedStoreAt(name);
    const { databaseId, created } = await openRoot(store, new AbortController().signal);
    if (call.has('json')) await call.terminal.json({ location: store.location, databaseId, created });
    else await call.terminal.line(`${store.location} holds the repository ${databaseId}, made ${created}`);
    return EXIT.OK;
  },
};

async function adopt(call: Call, name: string, path: string): Promise<Exit> {
  const store = storeAt(name);
  const branch = call.text('branch') ?? 'main';
  // An open would begin an empty database, or grow back what is there.
  await access(join(path, 'CURRENT')).catch((cause) => {
    throw new CoppiceError('NOT_FOUND', `there is no database in ${path}`, { cause, details: { file: path } });
  });
  const onProgress = call.terminal.progress.bind(call.terminal);
  const opening = open(path, { store, branch, errorIfExists: true, onProgress, ...encryption() });
  const db = await opening.finally(() => call.terminal.endProgress());
  const { revision } = db;
  await db.close();
  if (call.has('json')) await call.terminal.json({ location: store.location, branch, revision });
  else await call.terminal.line(`${path} is the branch "${branch}" of ${store.location}, at revision ${revision}`);
  return EXIT.OK;
}
