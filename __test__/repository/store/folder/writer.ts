/** A process that puts into a folder store, and prints what has resolved: `writer.ts FOLDER WHAT TIMES [NAME]`. */

import { writeSync } from 'node:fs';
import { join } from 'node:path';
import { fsStore, outcomeOf } from '../../../../ts/index.js';
import { lockFile } from '../../../../ts/native/index.js';

const [folder = '', what = '', times = '', name = ''] = process.argv.slice(2);
const store = fsStore(folder);

// Written at once, so that nothing that has resolved is unsaid when the process is killed.
const say = (key: string, value: string) => writeSync(1, `${key} ${value}\n`);

async function count(): Promise<void> {
  for (;;) {
    const found = await store.get('count');
    const next = String(Number(Buffer.from(found?.body ?? '').toString()) + 1);
    try {
      await store.put('count', Buffer.from(next), { ifMatch: found?.etag });
      say('count', next);
      return;
    } catch (error) {
      if (outcomeOf(error) !== 'lost') throw error;
    }
  }
}

async function create(key: string, value: string, times: number): Promise<void> {
  try {
    await store.put(key, Buffer.from(value.repeat(times)), { ifNoneMatch: '*' });
    say(key, value);
  } catch (error) {
    if (outcomeOf(error) !== 'lost') throw error;
  }
}

if (what === 'hold') {
  lockFile(join(folder, '.coppice', 'lock'));
  say('held', '');
  setInterval(() => {}, 60_000);
}
for (let n = 0; n < Number(times); n++) {
  if (what === 'count' || what === 'both') await count();
  if (what === 'create') await create(`race/${n}`, String(process.pid), 1);
  if (what === 'both') await create(`d/${name}/${n}`, `${name}-${n}`, 5_000);
}
