/** How writes are held up by what is not in the store yet. */

import test from 'ava';
import { Backlog } from '../../../ts/repository/shell/backlog.js';

test('writes are held up from half of the bound on, ever longer, and refused at it', (t) => {
  const backlog = new Backlog(1_000);
  const at = (bytes: number) => {
    backlog.weigh(bytes);
    return { ratio: backlog.ratio, delayMs: backlog.delayMs };
  };
  t.deepEqual(at(0), { ratio: 0, delayMs: 0 });
  t.deepEqual(at(500), { ratio: 0.5, delayMs: 0 });
  t.deepEqual(at(750), { ratio: 0.75, delayMs: 25 });
  t.deepEqual(at(1_000), { ratio: 1, delayMs: 100 });
  t.deepEqual(at(3_000), { ratio: 3, delayMs: 100 });
});
