import { disk } from './disk.js';
import { durablePut } from './durable-put.js';
import { durablePut64 } from './durable-put-64.js';
import { fillRandom } from './fill-random.js';
import { fillRandom1k } from './fill-random-1k.js';
import { fillSequential } from './fill-sequential.js';
import { getAsync } from './get-async.js';
import { getAsync64 } from './get-async-64.js';
import { getMissing } from './get-missing.js';
import { getSync } from './get-sync.js';
import { getText } from './get-text.js';
import { memory } from './memory.js';
import { mixed } from './mixed.js';
import { mixed64 } from './mixed-64.js';
import { openAndGet } from './open.js';
import { openAfterKill } from './open-killed.js';
import { putOne } from './put.js';
import { put64 } from './put-64.js';
import type { Question } from './question.js';
import { range } from './range.js';
import { scan } from './scan.js';

/** In the order of the table. The names are those of results and of `--only`. */
export const questions: Readonly<Record<string, Question>> = {
  'fill-sequential': fillSequential,
  'fill-random': fillRandom,
  'fill-random-1k': fillRandom1k,
  put: putOne,
  'put-64': put64,
  'durable-put': durablePut,
  'durable-put-64': durablePut64,
  'get-sync': getSync,
  'get-text': getText,
  'get-missing': getMissing,
  'get-async': getAsync,
  'get-async-64': getAsync64,
  scan,
  range,
  mixed,
  'mixed-64': mixed64,
  open: openAndGet,
  'open-killed': openAfterKill,
  disk,
  memory,
};
