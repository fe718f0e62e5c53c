/**
 * The options of `s3`, their defaults and checks.
 *
 * @module
 */

import { CoppiceError, invalid } from '../../../errors.js';
import { OBJECT_PREFIX_BYTES_MAX } from '../../../limits.js';
import { boolean, checkNames, integer, names } from '../../../options/check.js';
import { type Duration, durationMs } from '../../../options/duration.js';
import { isSegment } from '../check.js';

/** Where a bucket is, and how to reach it. What is left out is found as every AWS tool finds it. */
export interface S3Options {
  bucket: string;
  /** Keys begin with this and a slash. A bucket holds as many stores as it has prefixes. Default: none. */
  prefix?: string;
  /** Default: `AWS_REGION`, then the shared configuration; with an `endpoint`, `us-east-1`. */
  region?: string;
  /** For stores that are not Amazon's: `https://...`. Default: Amazon's for the region. */
  endpoint?: string;
  /** Whether the bucket stands in the path rather than in the host's name. Default: whether there is an `endpoint`. */
  forcePathStyle?: boolean;
  /** Default: the chain of every AWS tool, from the environment to the role of the machine. */
  credentials?: S3Credentials | (() => Promise<S3Credentials>);
  /** How often a read, list or delete is sent at most. A put is always sent once. 1 to 100. Default 3. */
  maxAttempts?: number;
  /** A request is given up after so long without a byte, a connection after 10 seconds at most. Default 30 seconds. */
  timeout?: Duration;
  /**
   * An `S3Client` of your own, instead of all that is above but `bucket` and `prefix`. Set its
   * `requestChecksumCalculation` and `responseChecksumValidation` to `WHEN_REQUIRED`: some stores know no others.
   */
  client?: S3ClientLike;
}

/** Who asks. Default: what the SDK finds in the environment. */
export interface S3Credentials {
  accessKeyId: string;
  secretAccessKey: string;
  sessionToken?: string;
}

/** An `S3Client` of whatever version of `@aws-sdk/client-s3`. */
export interface S3ClientLike {
  /** Sends a command of the SDK. */
  send(...parameters: never[]): Promise<unknown>;
}

/** Options of `s3`, checked and complete. */
export interface Bucket {
  readonly bucket: string;
  /** Ends with a slash if there is one. */
  readonly prefix: string;
  readonly region: string | undefined;
  readonly endpoint: string | undefined;
  readonly forcePathStyle: boolean;
  readonly credentials: S3Options['credentials'];
  readonly maxAttempts: number;
  readonly timeoutMs: number;
  readonly client: S3ClientLike | undefined;
}

const OF_A_CLIENT = ['region', 'endpoint', 'forcePathStyle', 'credentials', 'maxAttempts', 'timeout'] as const;
const S3 = names('s3', ['bucket', 'prefix', ...OF_A_CLIENT, 'client']);
const BUCKET = /^(?:[A-Za-z0-9._-]{3,63}|arn:[!-~]{3,250})$/;
const MAX_ATTEMPTS = 100;

export function resolveS3(options: S3Options): Bucket {
  checkNames(options, S3);
  const { bucket, client, credentials, endpoint, region } = options;
  if (typeof bucket !== 'string' || !BUCKET.test(bucket)) throw invalid('bucket', 'the name of a bucket', bucket);
  if (client !== undefined) checkClient(client, options);
  if (region !== undefined && (typeof region !== 'string' || region === '')) {
    throw invalid('region', 'a region like eu-central-1', region);
  }
  if (endpoint !== undefined) checkEndpoint(endpoint);
  if (credentials !== undefined && typeof credentials !== 'function') checkCredentials(credentials);
  return {
    bucket,
    prefix: checkPrefix(options.prefix),
    region: region ?? (endpoint === undefined ? undefined : 'us-east-1'),
    endpoint,
    forcePathStyle: boolean(options.forcePathStyle, 'forcePathStyle', endpoint !== undefined),
    credentials,
    maxAttempts: integer(options.maxAttempts ?? 3, 'maxAttempts', 1, MAX_ATTEMPTS),
    timeoutMs: durationMs(options.timeout ?? '30s', 'timeout'),
    client,
  };
}

function checkPrefix(prefix: unknown = ''): string {
  if (typeof prefix === 'string' && prefix.length <= OBJECT_PREFIX_BYTES_MAX) {
    const bare = prefix.replace(/^\/+|\/+$/g, '');
    if (bare === '') return '';
    if (bare.split('/').every(isSegment)) return `${bare}/`;
  }
  throw invalid('prefix', `the beginning of a key, at most ${OBJECT_PREFIX_BYTES_MAX} characters`, prefix);
}

function checkEndpoint(endpoint: unknown): void {
  const url = typeof endpoint === 'string' && URL.canParse(endpoint) ? new URL(endpoint) : undefined;
  const web = url?.protocol === 'http:' || url?.protocol === 'https:';
  // A name and password in a URL end up in messages and logs.
  if (!web || url?.username !== '' || url.password !== '') {
    throw invalid(
      'endpoint',
      'a URL that begins with https:// or http:// and holds no password',
      withoutSecrets(endpoint),
    );
  }
}

function withoutSecrets(endpoint: unknown): unknown {
  return typeof endpoint === 'string' ? endpoint.replace(/\/\/[^/]*@/, '//...@') : endpoint;
}

function checkCredentials(credentials: S3Credentials): void {
  const { accessKeyId, secretAccessKey } = credentials ?? {};
  if (typeof accessKeyId === 'string' && typeof secretAccessKey === 'string') return;
  // What was given is not shown: it may be a secret.
  throw new CoppiceError('INVALID', 'credentials must be { accessKeyId, secretAccessKey } or a function', {
    details: { option: 'credentials' },
  });
}

function checkClient(client: unknown, options: S3Options): void {
  if (typeof (client as S3ClientLike | null)?.send !== 'function') throw invalid('client', 'an S3Client', client);
  const twice = OF_A_CLIENT.find((name) => options[name] !== undefined);
  if (twice === undefined) return;
  throw new CoppiceError('INVALID', `give ${twice} to the client, or no client`, { details: { option: twice } });
}
