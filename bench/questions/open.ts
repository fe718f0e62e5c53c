import { mkdtempSync, rmSync } from 'node:fs';
import { key } from '../data.js';
import type { Question } from './question.js';

export const openAndGet: Question = {
  title: 'open and first get after the load',
  unit: 'ms',
  better: 'lower',
  start: 'closed',
  async measure({ folder, open, keys, sink }) {
    // A first one, empty, so that the time to load the engine's module is not part of it.
    const other = mkdtempSync(`${folder}-`);
    const first = await open(other);
    sink.value(await first.get(key(0)));
    await first.close();
    rmSync(other, { recursive: true });
    const begin = performance.now();
    const store = await open();
    sink.value(await store.get(key(keys >> 1)));
    const value = performance.now() - begin;
    await store.close();
    return { value };
  },
};
