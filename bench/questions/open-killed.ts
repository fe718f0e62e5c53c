import { cpSync, rmSync } from 'node:fs';
import { key, shuffled, Values } from '../data.js';
import { load, type Question, VALUE_BYTES } from './question.js';

/** Some less than the 16 MiB that each engine may keep in memory: as much as a kill can leave to be done again. */
const UNFLUSHED = 80_000;

/** What a kill leaves behind is what is in the folder before the close: a copy of it is opened. */
export const openAfterKill: Question = {
  title: `open and first get after a kill, ${UNFLUSHED.toLocaleString('en')} rows not in tables`,
  unit: 'ms',
  better: 'lower',
  start: 'closed',
  async measure({ folder, open, keys, sink }) {
    const killed = `${folder}-killed`;
    const writer = await open();
    await load(writer, shuffled(keys).subarray(0, UNFLUSHED), new Values(VALUE_BYTES, { seed: 7 }));
    rmSync(killed, { recursive: true, force: true });
    cpSync(folder, killed, { recursive: true });
    const begin = performance.now();
    const store = await open(killed);
    sink.value(await store.get(key(keys >> 1)));
    const value = performance.now() - begin;
    await store.close();
    await writer.close();
    rmSync(killed, { recursive: true });
    return { value };
  },
};
