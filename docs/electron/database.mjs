// The utility process, a Node without a window: the only one that has the database open.

import { open } from 'coppice';

const folder = process.argv[2];
let db;

const calls = {
  async open() {
    db = await open(folder, { valueEncoding: 'json' });
  },
  list: (prefix) => db.entries({ prefix, limit: 1_000 }).toArray(),
  put: (key, value) => db.put(key, value),
  del: (key) => db.del(key),
  close: () => db?.close(),
};

process.parentPort.on('message', async ({ data: { id, name, parameters } }) => {
  try {
    process.parentPort.postMessage({ id, result: await calls[name](...parameters) });
  } catch ({ code, message }) {
    process.parentPort.postMessage({ id, error: { code, message } });
  }
  if (name === 'close') process.exit();
});
