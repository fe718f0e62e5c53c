// Opens a database of the installed package by `import`, writes in it from here and from a thread, and prints what is in it.

import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { open } from 'coppice';

const folder = process.argv[2];
const db = await open(folder);
await db.put('here', 'import');
await once(new Worker(new URL('thread.mjs', import.meta.url), { workerData: folder }), 'exit');
const entries = [];
for await (const entry of db.entries()) entries.push(entry);
await db.close();
console.log(JSON.stringify(entries));
