// A thread that does with one database what it is told, and says what came of it. It runs what is compiled: a thread is
// started many times.

import { existsSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import { CoppiceError, fsStore, open } from '../../../dist/index.js';

const { folder, store: location } = workerData;
const store = fsStore(location);

/** All threads and processes see the same outage. */
function reach(call) {
  if (!existsSync(`${location}.away`)) return call();
  throw new CoppiceError('STORE', '503', { details: { reason: 'network', outcome: 'unknown', retry: true } });
}

const gated = {
  location: store.location,
  get: async (...parameters) => reach(() => store.get(...parameters)),
  head: async (...parameters) => reach(() => store.head(...parameters)),
  put: async (...parameters) => reach(() => store.put(...parameters)),
  del: async (...parameters) => reach(() => store.del(...parameters)),
  async *list(...parameters) {
    yield* reach(() => store.list(...parameters));
  },
};

let db;
const heard = [];

const calls = {
  async open(options) {
    db = await open(folder, { store: gated, durability: 'remote', memoryBytes: 16 << 20, ...options });
    db.on('error', ({ code }) => heard.push(code));
    db.on('checkpoint', ({ revision }) => heard.push(`checkpoint ${revision}`));
  },
  put: async (key, value, options) => (await db.put(key, value, options)).revision,
  get: (key) => db.get(key),
  /** Writes until one of its writes has failed, some at once, each key once. Says what came of each. */
  async write(name) {
    let hasFailed = false;
    for (let n = 0; !hasFailed; n++) {
      const key = `${name}.${n}`;
      const told = db.put(key, 'x'.repeat(100)).then(
        ({ revision }) => parentPort.postMessage({ key, revision }),
        ({ code, message }) => {
          hasFailed = true;
          parentPort.postMessage({ key, code, message });
        },
      );
      if (n % 3 === 0) await told;
    }
  },
  checkpoint: async () => (await db.checkpoint()).revision,
  status: () => JSON.parse(JSON.stringify(db.repository())),
  pressure: () => db.pressure().ratio,
  heard: () => heard,
  close: (options) => db.close(options),
  exit: () => process.exit(0),
};

parentPort.on('message', async ({ id, call, parameters }) => {
  try {
    parentPort.postMessage({ id, result: await calls[call](...parameters) });
  } catch ({ code, message }) {
    parentPort.postMessage({ id, error: { code: String(code), message } });
  }
});
