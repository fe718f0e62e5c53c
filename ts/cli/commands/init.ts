/**
 * `coppice init`: makes a repository in a store.
 *
 * @module
 */

import { openRoot } from '../../repository/index.js';
import { storeAt } from '../../repository/store/index.js';
import { type Command, EXIT } from '../command.js';

export const init: Command = {
  name: 'init',
  summary: 'make a repository in a store, if it will do and holds none; opening a database with it does the same',
  positionals: ['STORE'],
  flags: {},
  async run(call) {
    const store = storeAt(call.positionals[0] as string);
    const { databaseId, created } = await openRoot(store, new AbortController().signal);
    if (call.has('json')) await call.terminal.json({ location: store.location, databaseId, created });
    else await call.terminal.line(`${store.location} holds the repository ${databaseId}, made ${created}`);
    return EXIT.OK;
  },
};
