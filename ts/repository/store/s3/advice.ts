/**
 * What to do about each way in which S3, or the way there, fails.
 *
 * @module
 */

import type { Reason } from '../failures.js';

export interface Advice {
  readonly reason: Reason;
  readonly advice: string;
  /** Whether the same call may succeed later, with nothing mended. */
  readonly retry?: true;
  /** Whether a put may have landed all the same. */
  readonly unknown?: true;
}

const mend = (reason: Reason, advice: string): Advice => ({ reason, advice });
const wait = (reason: Reason, advice: string): Advice => ({ reason, advice, retry: true });
const unknown = (reason: Reason, advice: string): Advice => ({ reason, advice, retry: true, unknown: true });

const credentials = mend('credentials', 'check the access key and the secret, or the role they come from');
const forbidden = mend('forbidden', 'these credentials may not: allow them to get, put, list and delete');
const bucket = mend('bucket', 'there is no such bucket: create it');
const region = mend('region', 'set the region of the bucket, as an option or as AWS_REGION');
const tls = mend('tls', 'the certificate is not trusted: mend it, or name its authority in NODE_EXTRA_CA_CERTS');
const checksum = mend('checksum', 'the body came out changed: look for what changes it');
const unreachable = wait('network', 'the store cannot be reached: check the endpoint and the network');
const brokenOff = unknown('network', 'the connection was lost: check the network');
const timeout = unknown('timeout', 'no answer in time: check the network, or raise the timeout');
const slowDown = unknown('busy', 'the store asks for fewer requests: wait');

/** By the code of Node, or else by the name that the store or the SDK gives. */
const ADVICE: Readonly<Record<string, Advice>> = {
  ECONNREFUSED: unreachable,
  ENOTFOUND: unreachable,
  EAI_AGAIN: unreachable,
  EHOSTUNREACH: unreachable,
  ENETUNREACH: unreachable,
  ECONNRESET: brokenOff,
  EPIPE: brokenOff,
  ETIMEDOUT: timeout,
  TimeoutError: timeout,
  RequestTimeout: timeout,
  EPROTO: mend('tls', 'the server does not speak TLS as wanted: check whether the endpoint is http or https'),
  DEPTH_ZERO_SELF_SIGNED_CERT: tls,
  SELF_SIGNED_CERT_IN_CHAIN: tls,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: tls,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: tls,
  CERT_HAS_EXPIRED: tls,
  CERT_NOT_YET_VALID: tls,
  ERR_TLS_CERT_ALTNAME_INVALID: tls,
  CredentialsProviderError: mend('credentials', 'set AWS_ACCESS_KEY_ID and its secret, a profile or a role'),
  InvalidAccessKeyId: credentials,
  SignatureDoesNotMatch: credentials,
  XAdminUserNotFound: credentials,
  InvalidToken: credentials,
  ExpiredToken: mend('credentials', 'the credentials have expired: renew them'),
  AccessDenied: forbidden,
  NoSuchBucket: bucket,
  PermanentRedirect: region,
  AuthorizationHeaderMalformed: region,
  IllegalLocationConstraintException: region,
  RequestTimeTooSkewed: wait('clock', "set this machine's clock, which is minutes off"),
  BadDigest: checksum,
  InvalidDigest: checksum,
  XAmzContentSHA256Mismatch: checksum,
  XAmzContentChecksumMismatch: checksum,
  NotImplemented: mend('request', 'the store does not know this kind of request'),
  SlowDown: slowDown,
  Throttling: slowDown,
  ThrottlingException: slowDown,
};

/** What the SDK and the servers behind it tell of a failure. */
export interface Told {
  /** Of the error, as the store or the SDK names it. */
  readonly name: string;
  readonly message: string;
  /** Of the answer, if one came. */
  readonly status: number | undefined;
  /** Of Node. */
  readonly code: string;
}

export function adviceFor({ code, name, message, status }: Told): Advice {
  // Where both are there: the SDK calls every broken connection a timeout, Node knows better.
  for (const known of [code, name]) if (Object.hasOwn(ADVICE, known)) return ADVICE[known] as Advice;
  if (/^Region is missing/.test(message)) return region;
  if (/^(socket hang up|aborted)$/.test(message)) return brokenOff;
  if (status === undefined) return unknown('request', 'the request failed');
  if (status === 409 || status === 429 || status === 503) return slowDown;
  if (status >= 500) return unknown('server', 'the store failed: wait, or ask whoever runs it');
  if (status === 401 || status === 403) return forbidden;
  if (status === 404) return mend('request', 'it is not there: check the endpoint and the bucket');
  if (status === 301 || status === 307) return region;
  return mend('request', 'the store refused the request');
}
