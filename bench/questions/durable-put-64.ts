import { puts } from './put.js';
import type { Question } from './question.js';

export const durablePut64: Question = {
  title: 'durable put, 64 in flight',
  unit: 'ops/s',
  better: 'higher',
  start: 'loaded',
  setting: { durability: 'disk' },
  measure: puts(64, 1280),
};
