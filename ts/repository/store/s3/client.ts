/**
 * The SDK: loaded when a store is first used, because that takes a tenth of a second and most databases need none.
 *
 * @module
 */

import type { PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { requireHere } from '../../../place.js';
import { storeError } from '../failures.js';
import { Direct } from './direct.js';
import type { Bucket } from './options.js';

export type Sdk = typeof import('@aws-sdk/client-s3');

export interface Loaded {
  readonly sdk: Sdk;
  readonly client: S3Client;
  /** Nothing where the client is somebody's own, who may have given it middleware that sees everything. */
  readonly direct: Direct | undefined;
}

const CONNECT_MS_MAX = 10_000;
/** Requests at once; more wait for a connection. */
const CONNECTIONS_MAX = 64;

export function load(bucket: Bucket): Loaded {
  const sdk = sdkOf();
  if (bucket.client !== undefined) return { sdk, client: bucket.client as S3Client, direct: undefined };
  const client = connect(sdk, bucket);
  return { sdk, client, direct: new Direct(sdk, client, bucket) };
}

function sdkOf(): Sdk {
  try {
    // Half as long as `import` takes, which looks through all of it for the names of what it exports.
    return requireHere('@aws-sdk/client-s3') as Sdk;
  } catch (cause) {
    const message = 'a store in S3 needs the package @aws-sdk/client-s3, which cannot be loaded: npm install it';
    throw storeError(message, { reason: 'sdk', outcome: 'refused', retry: false, cause });
  }
}

function connect({ S3Client }: Sdk, bucket: Bucket): S3Client {
  const { region, endpoint, forcePathStyle, credentials, maxAttempts, timeoutMs } = bucket;
  const agent = { maxSockets: CONNECTIONS_MAX, keepAlive: true };
  return new S3Client({
    ...(region !== undefined && { region }),
    ...(endpoint !== undefined && { endpoint }),
    ...(credentials !== undefined && { credentials }),
    forcePathStyle,
    maxAttempts,
    // Whoever needs a hash gives one; every other store than Amazon's knows some of the SDK's own or none.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    // It would open a connection for each object of 2 MiB and more.
    expectContinueHeader: false,
    requestHandler: {
      connectionTimeout: Math.min(timeoutMs, CONNECT_MS_MAX),
      socketTimeout: timeoutMs,
      httpAgent: agent,
      httpsAgent: agent,
    },
  });
}

/** A failed put, in a shape that the SDK's retries, which look at names, codes, states and causes, pass over. */
export class SentOnce extends Error {
  readonly failure: unknown;

  constructor(failure: unknown) {
    super('the put failed');
    this.failure = failure;
  }
}

/**
 * Makes a put one request, whatever the client's own settings: a second one, sent after the answer to the first was lost,
 * would be told that the object exists, or has changed, by the very put it repeats.
 */
export function sendOnce(put: PutObjectCommand): void {
  put.middlewareStack.addRelativeTo(once, {
    relation: 'after',
    toMiddleware: 'retryMiddleware',
    name: 'coppiceSendOnce',
  });
}

function once<Step, Output>(next: (step: Step) => Promise<Output>): (step: Step) => Promise<Output> {
  return async (step) => {
    try {
      return await next(step);
    } catch (failure) {
      throw new SentOnce(failure);
    }
  };
}

/** Signs a put with a hash of its body that is known, so that it is neither computed again nor left unchecked. */
export function signWith(put: PutObjectCommand, sha256: string): void {
  put.middlewareStack.add(
    (next) => (step) => {
      const { headers } = step.request as { headers: Record<string, string> };
      headers['x-amz-content-sha256'] = sha256;
      return next(step);
    },
    { step: 'build', name: 'coppiceSignWith' },
  );
}
