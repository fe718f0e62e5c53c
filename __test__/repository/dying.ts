import type { Answer, Job } from '../../ts/repository/protocol/index.js';

/** The job, killed when so many of its requests have been answered. */
export function dyingAfter<T>(requests: number, job: Job<T>): Job<T> {
  let asked = 0;
  const next = (answer: Answer) => {
    if (asked++ === requests) throw new Error('killed');
    return job.next(answer);
  };
  return { next } as Job<T>;
}
