/** A real S3 server for the tests of one file, and buckets on it. */

import test, { type TestFn } from 'ava';
import type { S3Options } from '../../ts/index.js';
import { bucketOn, type Server, server, startServer } from './s3-server.js';

export { CREDENTIALS, freePort } from './s3-server.js';

/** Declares a test that needs a real server; it is skipped where there is none. */
export const testWithServer: TestFn = server === undefined ? (test.skip as unknown as TestFn) : test;

/** The same for what moto does not do: it believes every signature, hash and clock. */
export const testWithStrictServer: TestFn = server?.kind === 'versitygw' ? test : (test.skip as unknown as TestFn);

let running: Promise<Server> | undefined;
test.after.always(async () => (await running)?.stop());

/** How to reach a new bucket on the server, which runs until the tests of the file have ended, or on one that passes on to it. */
export async function newBucket(): Promise<S3Options & { endpoint: string }> {
  running ??= startServer();
  return bucketOn((await running).url);
}
