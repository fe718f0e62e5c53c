import { mixture } from './mixed.js';
import type { Question } from './question.js';

export const mixed64: Question = {
  title: '50% get, 40% put, 10% del, zipfian, 64 in flight',
  unit: 'ops/s',
  better: 'higher',
  start: 'loaded',
  measure: mixture(64, 6400),
};
