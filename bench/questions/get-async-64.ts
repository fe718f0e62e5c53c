import { gets } from './get-async.js';
import type { Question } from './question.js';

export const getAsync64: Question = {
  title: 'get async, 64 in flight',
  unit: 'ops/s',
  better: 'higher',
  start: 'loaded',
  warm: true,
  needs: 'getAsync',
  measure: gets(64, 6400),
};
