import type { ExecutionContext } from 'ava';
import { CoppiceError, type ErrorCode } from '../../ts/errors.js';

/** Asserts that `attempt` throws or rejects with a code; answers the error. */
export async function refuses(
  t: ExecutionContext,
  code: ErrorCode,
  attempt: () => unknown,
  message?: RegExp,
): Promise<CoppiceError> {
  const error = await t.throwsAsync(async () => attempt(), { instanceOf: CoppiceError });
  t.is(error.code, code, error.message);
  if (message !== undefined) t.regex(error.message, message);
  return error;
}
