/**
 * Gets and puts of single objects, which are nearly all requests there are, past the SDK's middleware: that takes a
 * millisecond of the processor for each, ten times what the rest takes. The SDK finds out where requests go, once; it signs
 * each, with credentials that it renews, and sends it over its connections, with its time limits. Only what the answer
 * means is found out here.
 *
 * @module
 */

import type { IncomingMessage } from 'node:http';
import { buffer } from 'node:stream/consumers';
import type { S3Client } from '@aws-sdk/client-s3';
import type { Sdk } from './client.js';
import type { Bucket } from './options.js';

type Signer = Awaited<ReturnType<S3Client['config']['signer']>>;
type HttpRequest = Parameters<Signer['sign']>[0];
type Headers = Readonly<Record<string, string>>;

/** How requests to a bucket are signed, and what all of them have in common; their path ends where keys begin. */
interface Way {
  readonly signer: Signer;
  readonly request: HttpRequest;
}

interface Answer {
  readonly body: Uint8Array;
  readonly etag: string;
}

/** SHA-256 of nothing. */
const EMPTY = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';

export class Direct {
  readonly #client: S3Client;
  readonly #find: () => Promise<Way | undefined>;
  #found: Promise<Way | undefined> | undefined;

  constructor(sdk: Sdk, client: S3Client, { bucket, prefix }: Bucket) {
    this.#client = client;
    this.#find = () => find(sdk, client, { Bucket: bucket, Key: `${prefix}-` });
  }

  /** Nothing, and nothing was sent, where requests are signed otherwise than usual: then the SDK has to make them. */
  async get(key: string, headers: Headers, signal?: AbortSignal): Promise<Answer | undefined> {
    return this.#send('GET', key, undefined, { ...headers, 'x-amz-content-sha256': EMPTY }, signal);
  }

  /** The same. One request, whatever comes of it. */
  async put(key: string, body: Uint8Array, headers: Headers, signal?: AbortSignal): Promise<Answer | undefined> {
    return this.#send('PUT', key, body, { ...headers, 'content-length': String(body.length) }, signal);
  }

  async #send(
    method: string,
    key: string,
    body: Uint8Array | undefined,
    headers: Headers,
    signal: AbortSignal | undefined,
  ): Promise<Answer | undefined> {
    this.#found ??= this.#find().catch((failure) => {
      this.#found = undefined;
      throw failure;
    });
    const way = await this.#found;
    if (way === undefined) return undefined;
    const { request, signer } = way;
    const { config } = this.#client;
    const path = request.path + key.split('/').map(encodeURIComponent).join('/');
    const signed = await signer.sign(
      { ...request, method, path, body, headers: { ...request.headers, ...headers } },
      { signingDate: new Date(Date.now() + config.systemClockOffset) },
    );
    const sent = await config.requestHandler.handle(
      signed as never,
      signal === undefined ? {} : { abortSignal: signal },
    );
    const { statusCode, headers: said, body: stream } = sent.response;
    const found = await bodyOf(stream as IncomingMessage);
    if (statusCode >= 200 && statusCode < 300) return { body: found, etag: said.etag ?? '' };
    const failure = refusal(statusCode, Buffer.from(found).toString());
    // As the SDK does: the next one is dated by the clock of the store.
    if (failure.name === 'RequestTimeTooSkewed')
      config.systemClockOffset = Date.parse(said.date ?? '') - Date.now() || 0;
    throw failure;
  }
}

/** What the SDK would throw. */
function refusal(status: number, text: string): Error {
  const [, name = ''] = /<Code>([^<]*)</.exec(text) ?? [];
  const [, message = ''] = /<Message>([^<]*)</.exec(text) ?? [];
  return Object.assign(new Error(message), { name, $metadata: { httpStatusCode: status } });
}

/** Reads what is left of an answer, into memory that is taken once where its length is known. */
async function bodyOf(stream: IncomingMessage): Promise<Uint8Array> {
  const { 'content-length': length } = stream.headers;
  if (length === undefined) return buffer(stream);
  const body = Buffer.allocUnsafeSlow(Number(length));
  let end = 0;
  for await (const chunk of stream) end += (chunk as Buffer).copy(body, end);
  return body.subarray(0, end);
}

/** Has the SDK make a request, and takes it away before it is signed. */
async function find(sdk: Sdk, client: S3Client, at: { Bucket: string; Key: string }): Promise<Way | undefined> {
  const command = new sdk.GetObjectCommand(at);
  let way: Way | undefined;
  command.middlewareStack.add(
    (_, context) =>
      async ({ request }) => {
        const { protocol, hostname, port, path, headers } = request as HttpRequest;
        const { host = '', 'user-agent': agent = '' } = headers;
        const [scheme] = context.authSchemes ?? [];
        if (scheme?.name === 'sigv4') {
          const common = { protocol, hostname, ...(port !== undefined && { port }), query: {} };
          const signer = await client.config.signer(scheme);
          way = {
            signer,
            request: { ...common, method: '', path: path.slice(0, -1), headers: { host, 'user-agent': agent } },
          };
        }
        return { response: {}, output: { $metadata: {} } };
      },
    { step: 'build', priority: 'low', name: 'coppiceFind' },
  );
  await client.send(command);
  return way;
}
