/**
 * One run: one question to one engine, in a process of its own that ends with it. Started by `runs.ts`, which it
 * answers with one message.
 *
 * @module
 */
import { shuffled, Values } from './data.js';
import type { Setting, Store } from './engines/engine.js';
import { engines } from './engines/index.js';
import { questions } from './questions/index.js';
import { type Figure, load, VALUE_BYTES } from './questions/question.js';
import { Sink } from './sink.js';

export interface Task {
  engine: string;
  /** Without one the folder is only loaded at random. */
  question?: string;
  /** Whether the values of the data set are text. */
  text: boolean;
  folder: string;
  keys: number;
  seconds: number;
}

/** `cannot`: the engine has no such call or setting, and will have none in a later round. */
export type Answer = (Figure & { sum: number }) | { error: string; cannot?: true };

/** Alike for all: as much cache as holds the data set, so that none waits for the disk. */
const SETTING: Setting = { durability: 'process', cacheBytes: 160 * 2 ** 20, memtableBytes: 16 * 2 ** 20, text: false };

const REST_MS = 5000;

async function run(task: Task): Promise<Answer> {
  const engine = engines.find(({ name }) => name === task.engine)!;
  const question = task.question === undefined ? undefined : questions[task.question];
  const setting = { ...SETTING, ...question?.setting };
  const fill = (store: Store) => load(store, shuffled(task.keys), new Values(VALUE_BYTES, { text: task.text }));

  const open = async (folder = task.folder): Promise<Store> => {
    const store = await engine.open(folder, setting);
    if (!engine.persistent && question?.start !== 'empty') await fill(store);
    return store;
  };

  if (question === undefined) {
    const store = await open();
    await fill(store);
    // Merging that the load has left to do in the background is not measured with whatever comes first.
    await new Promise((resolve) => setTimeout(resolve, REST_MS));
    await store.close();
    return { value: 0, sum: 0 };
  }

  const sink = new Sink();
  if (setting.durability === 'disk' && !engine.syncs) return { error: 'syncs nothing', cannot: true };
  const store = question.start === 'closed' ? undefined : await open();
  if (question.needs !== undefined && store?.[question.needs] === undefined) {
    return { error: 'has no such call', cannot: true };
  }
  if (question.warm === true) await store!.scan(() => {});
  const { keys, seconds, folder } = task;
  const figure = await question.measure({ folder, store: store!, open, keys, seconds, sink });
  await store?.close();
  return { ...figure, sum: sink.sum };
}

process.once('message', (task: Task) => {
  run(task)
    .catch((error: unknown): Answer => ({ error: error instanceof Error ? error.message : String(error) }))
    .then((answer) => process.send!(answer, () => process.exit()));
});
