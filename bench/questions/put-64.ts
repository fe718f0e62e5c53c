import { puts } from './put.js';
import type { Question } from './question.js';

export const put64: Question = {
  title: 'put, 64 in flight',
  unit: 'ops/s',
  better: 'higher',
  start: 'loaded',
  measure: puts(64, 6400),
};
