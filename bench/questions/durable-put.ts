import { puts } from './put.js';
import type { Question } from './question.js';

export const durablePut: Question = {
  title: 'durable put, 1 in flight',
  unit: 'ops/s',
  better: 'higher',
  start: 'loaded',
  setting: { durability: 'disk' },
  measure: puts(1, 200),
};
