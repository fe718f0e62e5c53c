// What programs and workers of the tests run: the compiled package, without a loader for TypeScript.

import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { open } from '../../dist/index.js';
import { environment } from '../../dist/native/environment.js';
import { census } from '../../dist/native/index.js';

export { census, environment, open };

/** Starts every kind of call; answers their promises. */
export function work(db) {
  const begun = [];
  for (let n = 0; n < 500; n++) {
    begun.push(db.put(`k${n}`, 'v'.repeat(500), { durability: n % 2 === 0 ? 'process' : 'disk' }));
  }
  begun.push(db.flush(), db.compact(), db.verify(), db.checkpoint({ to: `${db.path}-${Math.random()}` }));
  db.snapshot();
  db.keys()[Symbol.iterator]().next();
  // Nobody may be there to hear of those that end with the thread.
  for (const promise of begun) promise.catch(() => {});
  return begun;
}

/** A thread that runs the body of an async function of `{ open, work, path, port, done }`; `done()` tells its maker. */
export function thread(path, body) {
  const code = `
    const { parentPort: port, workerData } = require('node:worker_threads');
    (async () => {
      const { open, work } = await import(workerData.module);
      const { path } = workerData;
      const done = (message = 'done') => port.postMessage(message);
      ${body}
    })();`;
  const worker = new Worker(code, { eval: true, execArgv: [], workerData: { path, module: import.meta.url } });
  worker.ended = new Promise((resolve) => worker.on('exit', resolve));
  // Rejects if the thread fails.
  worker.message = async () => (await once(worker, 'message'))[0];
  return worker;
}
