/**
 * A store in an S3 bucket, Amazon's or any other that keeps its promises: `probe` finds out.
 *
 * The SDK does the talking, most of it without its middleware (`direct.ts`). Reads, lists and deletes are retried; a put is
 * sent once, and its answer is passed on as what it says of the put: landed, lost, refused, or unknown.
 *
 * @module
 */

import { setTimeout } from 'node:timers/promises';
import type { ListObjectsV2CommandInput } from '@aws-sdk/client-s3';
import { checkDel, checkGet, checkHead, checkList, checkPut, isKey } from '../check.js';
import type {
  ObjectStore,
  StoredHead,
  StoredObject,
  StoreGetOptions,
  StoreListOptions,
  StoreOptions,
  StorePutOptions,
} from '../object-store.js';
import { type Loaded, load, sendOnce, signWith } from './client.js';
import { isAbsent, isBehindEnd, mayPass, putError, s3Error } from './failures.js';
import { type Bucket, resolveS3, type S3Options } from './options.js';

export type { S3ClientLike, S3Credentials, S3Options } from './options.js';

/** As many as one request may name. */
const REMOVED_AT_ONCE = 1_000;
/** Who lists often stops early, and to read a full page, of a thousand keys, takes this thread 30 ms. */
const FIRST_PAGE = 100;
/** Until a read is begun again at most, doubled each time. */
const PAUSE_MS = 50;

class S3Store implements ObjectStore {
  readonly location: string;
  readonly #bucket: Bucket;
  #loaded: Loaded | undefined;

  constructor(bucket: Bucket) {
    this.#bucket = bucket;
    const { prefix, endpoint } = bucket;
    const query = endpoint === undefined ? '' : `?endpoint=${endpoint}`;
    this.location = `s3://${bucket.bucket}/${prefix.slice(0, -1)}${query}`;
  }

  async get(key: string, options: StoreGetOptions = {}): Promise<StoredObject | undefined> {
    checkGet(key, options);
    const { range, signal } = options;
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#get(key, range, signal);
      } catch (failure) {
        if (isAbsent(failure)) return undefined;
        if (range !== undefined && isBehindEnd(failure)) return this.#behindEnd(key, signal);
        const again = failure instanceof BrokeOff && attempt < this.#bucket.maxAttempts && !signal?.aborted;
        const cause = failure instanceof BrokeOff ? failure.failure : failure;
        if (!again) throw s3Error(`read "${key}"`, this.location, cause, signal);
        await setTimeout(PAUSE_MS * 2 ** attempt * Math.random());
      }
    }
  }

  async head(key: string, options: StoreOptions = {}): Promise<StoredHead | undefined> {
    checkHead(key, options);
    try {
      const { sdk, client } = this.#load();
      const command = new sdk.HeadObjectCommand({ ...this.#at(key), ChecksumMode: 'ENABLED' });
      const { ContentLength = 0, ETag = '', ChecksumSHA256 } = await client.send(command, sending(options.signal));
      return { size: ContentLength, etag: ETag, ...(ChecksumSHA256 && { sha256: hex(ChecksumSHA256) }) };
    } catch (failure) {
      if (isAbsent(failure, true)) return undefined;
      throw s3Error(`look at "${key}"`, this.location, failure, options.signal);
    }
  }

  async put(key: string, body: Uint8Array, options: StorePutOptions = {}): Promise<{ etag: string }> {
    checkPut(key, body, options);
    const { sdk, client, direct } = this.#load();
    const { ifNoneMatch, ifMatch, sha256, signal } = options;
    const checksum = sha256 && Buffer.from(sha256, 'hex').toString('base64');
    try {
      const answer = await direct?.put(
        key,
        body,
        {
          ...(ifNoneMatch !== undefined && { 'if-none-match': ifNoneMatch }),
          ...(ifMatch !== undefined && { 'if-match': ifMatch }),
          ...(checksum && { 'x-amz-checksum-sha256': checksum, 'x-amz-content-sha256': sha256 }),
        },
        signal,
      );
      if (answer !== undefined) return { etag: answer.etag };
      const command = new sdk.PutObjectCommand({
        ...this.#at(key),
        Body: body,
        ...(ifNoneMatch !== undefined && { IfNoneMatch: ifNoneMatch }),
        ...(ifMatch !== undefined && { IfMatch: ifMatch }),
        ...(checksum && { ChecksumSHA256: checksum }),
      });
      sendOnce(command);
      if (sha256 !== undefined) signWith(command, sha256);
      const { ETag = '' } = await client.send(command, sending(signal));
      return { etag: ETag };
    } catch (failure) {
      throw putError(key, this.location, failure, options);
    }
  }

  async *list(prefix: string, options: StoreListOptions = {}): AsyncGenerator<{ key: string; size: number }> {
    checkList(prefix, options);
    const { after, signal } = options;
    const { bucket, prefix: root } = this.#bucket;
    let token: string | undefined;
    do {
      const page = await this.#listed(prefix, signal, {
        Bucket: bucket,
        Prefix: root + prefix,
        ...(token === undefined ? { MaxKeys: FIRST_PAGE } : { ContinuationToken: token }),
        ...(token === undefined && after !== undefined && { StartAfter: root + after }),
      });
      for (const { Key = '', Size = 0 } of page.Contents ?? []) {
        const key = Key.slice(root.length);
        // A bucket may hold what is none of ours, such as the empty objects that stand for folders.
        if (isKey(key)) yield { key, size: Size };
      }
      token = page.IsTruncated ? page.NextContinuationToken : undefined;
    } while (token !== undefined);
  }

  async del(keys: readonly string[], options: StoreOptions = {}): Promise<void> {
    checkDel(keys, options);
    for (let from = 0; from < keys.length; from += REMOVED_AT_ONCE) {
      await this.#remove(keys.slice(from, from + REMOVED_AT_ONCE), options.signal);
    }
  }

  async #get(key: string, range: StoreGetOptions['range'], signal: AbortSignal | undefined): Promise<StoredObject> {
    const { sdk, client, direct } = this.#load();
    const Range = range && `bytes=${range[0]}-${range[1] - 1}`;
    const answer = await direct?.get(key, Range === undefined ? {} : { range: Range }, signal).catch((failure) => {
      throw mayPass(failure) ? new BrokeOff(failure) : failure;
    });
    if (answer !== undefined) return answer;
    const command = new sdk.GetObjectCommand({ ...this.#at(key), ...(Range && { Range }) });
    const { Body, ETag = '' } = await client.send(command, sending(signal));
    if (Body === undefined) return { body: new Uint8Array(), etag: ETag };
    try {
      return { body: await Body.transformToByteArray(), etag: ETag };
    } catch (failure) {
      throw new BrokeOff(failure);
    }
  }

  async #behindEnd(key: string, signal: AbortSignal | undefined): Promise<StoredObject | undefined> {
    const found = await this.head(key, { signal });
    return found && { body: new Uint8Array(), etag: found.etag };
  }

  async #listed(prefix: string, signal: AbortSignal | undefined, input: ListObjectsV2CommandInput) {
    try {
      const { sdk, client } = this.#load();
      return await client.send(new sdk.ListObjectsV2Command(input), sending(signal));
    } catch (failure) {
      throw s3Error(`list "${prefix}"`, this.location, failure, signal);
    }
  }

  async #remove(keys: readonly string[], signal: AbortSignal | undefined): Promise<void> {
    const doing = keys.length === 1 ? `remove "${keys[0]}"` : `remove ${keys.length} objects`;
    try {
      const { sdk, client } = this.#load();
      const Objects = keys.map((key) => ({ Key: this.#bucket.prefix + key }));
      const command = new sdk.DeleteObjectsCommand({ Bucket: this.#bucket.bucket, Delete: { Objects, Quiet: true } });
      const { Errors = [] } = await client.send(command, sending(signal));
      const failed = Errors.find(({ Code }) => Code !== 'NoSuchKey');
      if (failed === undefined) return;
      const failure = { name: failed.Code, message: `${failed.Message ?? ''} (${failed.Key})` };
      throw s3Error(doing, this.location, failure, signal);
    } catch (failure) {
      throw s3Error(doing, this.location, failure, signal);
    }
  }

  #at(key: string): { Bucket: string; Key: string } {
    return { Bucket: this.#bucket.bucket, Key: this.#bucket.prefix + key };
  }

  #load(): Loaded {
    this.#loaded ??= load(this.#bucket);
    return this.#loaded;
  }
}

/** A read that may be begun again: the SDK has not tried more than once. */
class BrokeOff extends Error {
  readonly failure: unknown;

  constructor(failure: unknown) {
    super('a read broke off');
    this.failure = failure;
  }
}

function sending(signal: AbortSignal | undefined): { abortSignal?: AbortSignal } {
  return signal === undefined ? {} : { abortSignal: signal };
}

function hex(base64: string): string {
  return Buffer.from(base64, 'base64').toString('hex');
}

/**
 * A store in an S3 bucket. Nothing is loaded or sent before its first call.
 *
 * The bucket must honour `If-None-Match` and `If-Match` on put: Amazon S3, Cloudflare R2, Tigris and others do; `probe`
 * and `coppice doctor` find out.
 *
 * @throws `COPPICE_INVALID` for a wrong option. The calls of the store reject with `COPPICE_STORE`, whose message says
 * what to mend: credentials, region, bucket, certificate, clock, network.
 * @example
 * ```ts
 * import { s3 } from 'coppice';
 *
 * const amazon = s3({ bucket: 'my-bucket', prefix: 'databases/main', region: 'eu-central-1' });
 * const own = s3({ bucket: 'my-bucket', endpoint: 'http://127.0.0.1:7070' });
 * console.log(amazon.location, own.location);
 * ```
 */
export function s3(options: S3Options): ObjectStore {
  return new S3Store(resolveS3(options));
}
