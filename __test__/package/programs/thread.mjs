// A thread beside the one that has the database open: both share one engine.

import { workerData } from 'node:worker_threads';
import { open } from 'coppice';

const db = await open(workerData);
await db.put('thread', await db.get('here'));
await db.close();
