import { folderBytes } from '../files.js';
import type { Question } from './question.js';

export const disk: Question = {
  title: 'disk after compaction',
  unit: 'MB',
  better: 'lower',
  start: 'closed',
  async measure({ folder, open }) {
    const store = await open();
    await store.compact?.();
    await store.close();
    return { value: folderBytes(folder) / 1e6 };
  },
};
