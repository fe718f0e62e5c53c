import { S3Client } from '@aws-sdk/client-s3';
import test, { type ExecutionContext } from 'ava';
import { type CoppiceError, type ObjectStore, outcomeOf, type S3Options, s3 } from '../../../ts/index.js';
import { refuses } from '../../support/errors.js';
import { type Fault, type FaultyProxy, faultyProxy } from '../../support/proxy.js';
import { CREDENTIALS, freePort, newBucket, testWithServer } from '../../support/s3.js';
import { body, bytes } from './conformance.js';

const OPTIONS = { bucket: 'bucket', region: 'us-east-1', credentials: CREDENTIALS, timeout: '2s' };

/** A store whose requests only the proxy answers. */
async function answered(t: ExecutionContext, options: Partial<S3Options> = {}): Promise<[ObjectStore, FaultyProxy]> {
  const proxy = await faultyProxy(t);
  return [s3({ ...OPTIONS, endpoint: proxy.url, ...options }), proxy];
}

/** A store on a real server, with the proxy between them, and one without it. */
async function between(
  t: ExecutionContext,
  options: Partial<S3Options> = {},
): Promise<[ObjectStore, FaultyProxy, ObjectStore]> {
  const bucket = await newBucket();
  const proxy = await faultyProxy(t, bucket.endpoint);
  return [s3({ ...bucket, ...options, endpoint: proxy.url }), proxy, s3(bucket)];
}

const of = ({ code, details }: CoppiceError) => [code, details?.reason, details?.outcome];

test('the answers to a conditional put are told apart', async (t) => {
  const [store, proxy] = await answered(t);
  const cases: [Fault, object, string, string, string][] = [
    [{ status: 412, code: 'PreconditionFailed' }, { ifNoneMatch: '*' }, 'COPPICE_PRECONDITION', 'exists', 'lost'],
    [{ status: 412 }, { ifNoneMatch: '*' }, 'COPPICE_PRECONDITION', 'exists', 'lost'],
    [{ status: 412, code: 'PreconditionFailed' }, { ifMatch: '"x"' }, 'COPPICE_PRECONDITION', 'changed', 'lost'],
    [
      { status: 409, code: 'ConditionalRequestConflict' },
      { ifNoneMatch: '*' },
      'COPPICE_PRECONDITION',
      'conflict',
      'lost',
    ],
    [
      { status: 409, code: 'ConditionalRequestConflict' },
      { ifMatch: '"x"' },
      'COPPICE_PRECONDITION',
      'conflict',
      'lost',
    ],
    [{ status: 404, code: 'NoSuchKey' }, { ifMatch: '"x"' }, 'COPPICE_PRECONDITION', 'missing', 'lost'],
    [{ status: 404, code: 'NoSuchBucket' }, { ifMatch: '"x"' }, 'COPPICE_STORE', 'bucket', 'refused'],
    [{ status: 404, code: 'NoSuchKey' }, { ifNoneMatch: '*' }, 'COPPICE_STORE', 'request', 'refused'],
    [{ status: 404 }, { ifMatch: '"x"' }, 'COPPICE_STORE', 'request', 'refused'],
    [{ status: 503, code: 'SlowDown' }, { ifNoneMatch: '*' }, 'COPPICE_STORE', 'busy', 'unknown'],
    [{ status: 500, code: 'InternalError' }, { ifMatch: '"x"' }, 'COPPICE_STORE', 'server', 'unknown'],
    [{ status: 502 }, { ifNoneMatch: '*' }, 'COPPICE_STORE', 'server', 'unknown'],
    [{ status: 504 }, {}, 'COPPICE_STORE', 'server', 'unknown'],
    [{ status: 409, code: 'OperationAborted' }, {}, 'COPPICE_STORE', 'busy', 'unknown'],
    ['cut-before', { ifNoneMatch: '*' }, 'COPPICE_STORE', 'network', 'unknown'],
  ];
  for (const [fault, condition, ...expected] of cases) {
    proxy.faults = [fault];
    proxy.seen.length = 0;
    const error = await t.throwsAsync(store.put('k', bytes('x'), condition));
    t.deepEqual(of(error as CoppiceError), expected, `${JSON.stringify([fault, condition])}: ${error?.message}`);
    t.is(outcomeOf(error), expected[2] as never);
    t.is(proxy.seen.length, 1, `a put is sent once: ${JSON.stringify(fault)}`);
  }
});

test('what the store refuses is said with what to do', async (t) => {
  const [store, proxy] = await answered(t);
  const cases: [number, string | undefined, string, RegExp][] = [
    [403, 'AccessDenied', 'forbidden', /allow them to get, put, list and delete/],
    [403, undefined, 'forbidden', /allow them/],
    [401, undefined, 'forbidden', /allow them/],
    [403, 'InvalidAccessKeyId', 'credentials', /check the access key/],
    [403, 'SignatureDoesNotMatch', 'credentials', /check the access key/],
    [400, 'ExpiredToken', 'credentials', /renew them/],
    [403, 'RequestTimeTooSkewed', 'clock', /clock/],
    [404, 'NoSuchBucket', 'bucket', /create it/],
    [400, 'AuthorizationHeaderMalformed', 'region', /AWS_REGION/],
    [400, 'IllegalLocationConstraintException', 'region', /AWS_REGION/],
    [400, 'BadDigest', 'checksum', /came out changed/],
    [501, 'NotImplemented', 'request', /does not know this kind/],
    [400, 'InvalidArgument', 'request', /refused the request \(InvalidArgument: as told by the test\)/],
    [503, 'SlowDown', 'busy', /wait/],
  ];
  for (const [status, code, reason, words] of cases) {
    proxy.faults = [{ status, ...(code !== undefined && { code }) }];
    const error = await refuses(t, 'COPPICE_STORE', () => store.put('k', bytes('x')), words);
    t.is(error.details?.reason, reason, error.message);
    t.is(error.details?.status, status);
    t.regex(error.message, /^cannot write "k" in s3:\/\/bucket\//);
  }
});

test('a get that meets no S3 server at all does not take that for an absent object', async (t) => {
  const [store, proxy] = await answered(t);
  proxy.faults = [{ status: 404 }, { status: 404, code: 'NoSuchBucket' }, { status: 404, code: 'NoSuchKey' }];
  await refuses(t, 'COPPICE_STORE', () => store.get('k'), /check the endpoint and the bucket/);
  await refuses(t, 'COPPICE_STORE', () => store.get('k'), /no such bucket: create it/);
  t.is(await store.get('k'), undefined);
});

test('a store that cannot be reached is said, and nothing was sent', async (t) => {
  const store = s3({ ...OPTIONS, endpoint: `http://127.0.0.1:${await freePort()}` });
  const error = await refuses(t, 'COPPICE_STORE', () => store.put('k', bytes('x')), /cannot be reached/);
  t.deepEqual([error.details?.reason, error.details?.retry, outcomeOf(error)], ['network', true, 'refused']);
});

test('credentials that are nowhere to be found are said', async (t) => {
  const [store] = await answered(t, {
    credentials: async () => Promise.reject(Object.assign(new Error('none'), { name: 'CredentialsProviderError' })),
  });
  const error = await refuses(t, 'COPPICE_STORE', () => store.put('k', bytes('x')), /set AWS_ACCESS_KEY_ID/);
  t.deepEqual([error.details?.reason, outcomeOf(error)], ['credentials', 'refused']);
});

test('a put that is not answered is given up in time, and may have landed', async (t) => {
  const [store, proxy] = await answered(t, { timeout: '1s' });
  proxy.faults = () => 'hang';
  const error = await refuses(t, 'COPPICE_STORE', () => store.put('k', bytes('x')), /no answer in time/);
  t.deepEqual([error.details?.reason, error.details?.retry, outcomeOf(error)], ['timeout', true, 'unknown']);
  t.is(proxy.seen.length, 1);
});

test('a put that its caller gives up may have landed; a get is just aborted', async (t) => {
  const [store, proxy] = await answered(t);
  const sent = async (call: (signal: AbortSignal) => Promise<unknown>) => {
    const controller = new AbortController();
    proxy.faults = () => {
      controller.abort(new Error('enough'));
      return 'hang';
    };
    return call(controller.signal);
  };
  const put = await refuses(t, 'COPPICE_UNKNOWN_OUTCOME', () =>
    sent((signal) => store.put('k', bytes('x'), { signal })),
  );
  t.is(outcomeOf(put), 'unknown');
  t.is((put.cause as Error).message, 'enough');
  await refuses(t, 'COPPICE_ABORTED', () => sent((signal) => store.get('k', { signal })));
  await refuses(t, 'COPPICE_ABORTED', () => sent((signal) => store.del(['k'], { signal })));
});

test('reads are tried again as often as the options say', async (t) => {
  const [store, proxy] = await answered(t, { maxAttempts: 2 });
  proxy.faults = () => ({ status: 503, code: 'SlowDown' });
  for (const call of [() => store.get('k'), () => store.head('k'), () => store.del(['k'])]) {
    proxy.seen.length = 0;
    await refuses(t, 'COPPICE_STORE', call);
    t.is(proxy.seen.length, 2);
  }
});

testWithServer('the answer of a put that landed is lost: it may have landed, and to repeat it loses', async (t) => {
  const [store, proxy, direct] = await between(t);
  proxy.faults = ['cut-after'];
  const error = await refuses(t, 'COPPICE_STORE', () => store.put('k', bytes('mine'), { ifNoneMatch: '*' }));
  t.deepEqual([error.details?.reason, outcomeOf(error)], ['network', 'unknown']);
  t.is(await body(direct, 'k'), 'mine');
  const again = await refuses(t, 'COPPICE_PRECONDITION', () => store.put('k', bytes('mine'), { ifNoneMatch: '*' }));
  t.is(again.details?.reason, 'exists');
});

testWithServer('a put whose request is lost changes nothing, but nobody can tell', async (t) => {
  const [store, proxy, direct] = await between(t);
  proxy.faults = ['cut-before'];
  const error = await t.throwsAsync(store.put('k', bytes('mine'), { ifNoneMatch: '*' }));
  t.is(outcomeOf(error), 'unknown');
  t.is(await direct.get('k'), undefined);
  await store.put('k', bytes('mine'), { ifNoneMatch: '*' });
});

testWithServer('reads come through short outages', async (t) => {
  const [store, proxy, direct] = await between(t, { maxAttempts: 4 });
  const whole = 'x'.repeat(100_000);
  await direct.put('k', bytes(whole));
  for (const fault of [
    { status: 503, code: 'SlowDown' },
    { status: 500 },
    'cut-before',
    'cut-after',
    'cut-within',
  ] as const) {
    proxy.faults = [fault];
    t.is(await body(store, 'k'), whole, JSON.stringify(fault));
    proxy.faults = [fault];
    const listed = [];
    for await (const { key } of store.list('')) listed.push(key);
    t.deepEqual(listed, ['k']);
  }
  proxy.faults = () => 'cut-within';
  const error = await refuses(t, 'COPPICE_STORE', () => store.get('k'));
  t.is(error.details?.reason, 'network', error.message);
});

testWithServer('a delete that is carried out twice is no error', async (t) => {
  const [store, proxy, direct] = await between(t);
  await direct.put('k', bytes('x'));
  proxy.faults = ['cut-after'];
  await store.del(['k']);
  t.is(await direct.get('k'), undefined);
});

test('gets and puts do without the middleware of the SDK, unless the client is your own', async (t) => {
  const [store, proxy] = await answered(t);
  const client = new S3Client({ ...OPTIONS, endpoint: proxy.url, forcePathStyle: true, maxAttempts: 1 });
  for (const [of, isDirect] of [
    [store, true],
    [s3({ bucket: 'bucket', client }), false],
  ] as const) {
    proxy.seen.length = 0;
    proxy.faults = () => ({ status: 403, code: 'AccessDenied' });
    await refuses(t, 'COPPICE_STORE', () => of.get('a/b=c@d~e'));
    await refuses(t, 'COPPICE_STORE', () => of.put('a/b=c@d~e', bytes('x'), { ifNoneMatch: '*' }));
    const found = proxy.seen.map(({ method, path, headers }) => [
      method,
      path.split('?')[0],
      'amz-sdk-request' in headers,
    ]);
    const path = '/bucket/a/b%3Dc%40d~e';
    t.deepEqual(found, [
      ['GET', path, !isDirect],
      ['PUT', path, !isDirect],
    ]);
  }
  client.destroy();
});
