import { readFile } from 'node:fs/promises';
import { S3Client } from '@aws-sdk/client-s3';
import test from 'ava';
import { type CoppiceError, outcomeOf, probe, s3, storeAt } from '../../../ts/index.js';
import { refuses } from '../../support/errors.js';
import { faultyProxy } from '../../support/proxy.js';
import { CREDENTIALS, newBucket, testWithServer, testWithStrictServer } from '../../support/s3.js';
import { body, bytes, conforms } from './conformance.js';

conforms(testWithServer, 'S3', async () => s3({ ...(await newBucket()), prefix: 'some/where' }), testWithStrictServer);

testWithServer('stores of one bucket are kept apart by their prefixes', async (t) => {
  const bucket = await newBucket();
  const [one, two, whole] = ['a', 'ab/', undefined].map((prefix) => s3({ ...bucket, ...(prefix && { prefix }) }));
  await one?.put('k', bytes('of a'));
  await two?.put('k', bytes('of ab'));
  t.is(await body(one as never, 'k'), 'of a');
  const keys = async (store = whole) => {
    const found = [];
    for await (const { key } of store?.list('') ?? []) found.push(key);
    return found;
  };
  t.deepEqual(await keys(one), ['k']);
  t.deepEqual(await keys(whole), ['a/k', 'ab/k']);
});

testWithStrictServer('the hash of an object is checked by the server and answered by head', async (t) => {
  const store = s3(await newBucket());
  const sha256 = '2bf03e47c82a44e2b3bfb3f2c7e8cf9b3e5a9ec5d4f5cf0ab6d5bb3d4f9a3a04';
  const error = await refuses(t, 'COPPICE_STORE', () => store.put('k', bytes('x'), { sha256 }));
  t.is(error.details?.reason, 'checksum', error.message);
  const right = '2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881';
  await store.put('k', bytes('x'), { sha256: right });
  t.is((await store.head('k'))?.sha256, right);
});

testWithServer('a list begins with a short page, for whoever stops early, and goes on with long ones', async (t) => {
  const bucket = await newBucket();
  const proxy = await faultyProxy(t, bucket.endpoint);
  const store = s3({ ...bucket, endpoint: proxy.url });
  const keys = Array.from({ length: 150 }, (_, n) => `k${String(n).padStart(3, '0')}`);
  await Promise.all(keys.map((key) => store.put(key, bytes(key))));
  proxy.seen.length = 0;
  const listed = [];
  for await (const { key } of store.list('k')) listed.push(key);
  t.deepEqual(listed, keys);
  t.deepEqual(
    proxy.seen.map(({ path }) => new URL(path, proxy.url).searchParams.get('max-keys')),
    ['100', null],
  );
});

testWithServer('a client of your own serves, and its puts are sent once all the same', async (t) => {
  const { bucket, ...options } = await newBucket();
  const client = new S3Client({ ...options, forcePathStyle: true, maxAttempts: 5 });
  const store = s3({ bucket, client });
  t.true((await probe(store)).ok);
  client.destroy();
});

testWithStrictServer('a clock that is off is said, and allowed for from then on', async (t) => {
  const { bucket, ...options } = await newBucket();
  const client = new S3Client({ ...options, forcePathStyle: true, systemClockOffset: 3_600_000 });
  const store = s3({ bucket, client });
  const error = await refuses(t, 'COPPICE_STORE', () => store.put('k', bytes('x')), /set this machine's clock/);
  t.deepEqual([error.details?.reason, error.details?.retry, outcomeOf(error)], ['clock', true, 'refused']);
  await store.put('k', bytes('x'));
  client.destroy();
});

testWithStrictServer('what is wrong with a bucket or a key is said in words', async (t) => {
  const bucket = await newBucket();
  const complaint = async (options: object, reason: string, words: RegExp) => {
    const error = await refuses(t, 'COPPICE_STORE', () => s3({ ...bucket, ...options }).put('k', bytes('x')), words);
    t.is(error.details?.reason, reason, error.message);
    t.is(outcomeOf(error), 'refused');
    return error;
  };
  await complaint({ bucket: 'there-is-none' }, 'bucket', /create it/);
  await refuses(t, 'COPPICE_STORE', () => s3({ ...bucket, bucket: 'there-is-none' }).get('k'), /create it/);
  await complaint({ credentials: { ...CREDENTIALS, secretAccessKey: 'wrong' } }, 'credentials', /check the access key/);
  await complaint({ credentials: { ...CREDENTIALS, accessKeyId: 'nobody' } }, 'credentials', /check the access key/);
  const insecure = await complaint({ endpoint: bucket.endpoint.replace('http:', 'https:') }, 'tls', /http or https/);
  t.false(insecure.message.includes(CREDENTIALS.secretAccessKey));
});

testWithServer('a name finds the bucket, its options and nothing secret', async (t) => {
  const { bucket, endpoint } = await newBucket();
  const environment = {
    AWS_ACCESS_KEY_ID: CREDENTIALS.accessKeyId,
    AWS_SECRET_ACCESS_KEY: CREDENTIALS.secretAccessKey,
  };
  Object.assign(process.env, environment);
  t.teardown(() => {
    for (const name of Object.keys(environment)) delete process.env[name];
  });
  const store = storeAt(`s3://${bucket}/a/b?endpoint=${endpoint}&region=us-east-1`);
  await store.put('k', bytes('by name'));
  t.is(store.location, `s3://${bucket}/a/b?endpoint=${endpoint}`);
  t.is(await body(storeAt(store.location), 'k'), 'by name');
});

testWithServer('the probe finds a real server sound, and cleans up', async (t) => {
  const store = s3(await newBucket());
  const { ok, checks } = await probe(store);
  t.true(ok);
  t.deepEqual(
    checks.filter((check) => !check.ok),
    [],
  );
  t.log(checks.map(({ name, ms }) => `${name} ${ms} ms`).join(', '));
  for await (const { key } of store.list('')) t.fail(`${key} was left`);
});

testWithServer('a probe costs as many requests as the documents say', async (t) => {
  const bucket = await newBucket();
  const { url, seen } = await faultyProxy(t, bucket.endpoint);
  t.true((await probe(s3({ ...bucket, endpoint: url }))).ok);
  const puts = seen.filter(({ method }) => method === 'PUT').length;
  const page = await readFile(new URL('../../../docs/stores.md', import.meta.url), 'utf8');
  t.true(page.includes(`A probe is ${seen.length} requests, ${puts} of them puts`), `${seen.length}, ${puts}`);
});

test('nobody who opens no bucket loads the SDK', async (t) => {
  const client = await readFile(new URL('../../../ts/repository/store/s3/client.ts', import.meta.url), 'utf8');
  t.regex(client, /^ +return requireHere\('@aws-sdk\/client-s3'\)/m);
  const store = s3({ bucket: 'not-asked-for', endpoint: 'http://127.0.0.1:1' });
  t.is(store.location, 's3://not-asked-for/?endpoint=http://127.0.0.1:1');
});

test('a wrong option of s3 is refused by name, and secrets are not repeated', async (t) => {
  const wrong = (options: object, words: RegExp) =>
    refuses(t, 'COPPICE_INVALID', () => s3({ bucket: 'good', ...options } as never), words);
  await wrong({ bucket: 'no/bucket' }, /^bucket must be/);
  await wrong({ bucket: '' }, /^bucket must be/);
  await wrong({ prefix: '../up' }, /^prefix must be/);
  await wrong({ prefix: 'x'.repeat(301) }, /^prefix must be/);
  await wrong({ region: '' }, /^region must be/);
  await wrong({ endpoint: 'not a url' }, /^endpoint must be/);
  await wrong({ endpoint: 'ftp://127.0.0.1' }, /^endpoint must be/);
  await wrong({ forcePathStyle: 'yes' }, /^forcePathStyle must be/);
  await wrong({ maxAttempts: 0 }, /^maxAttempts must be/);
  await wrong({ timeout: 'soon' }, /^timeout must be/);
  await wrong({ client: {} }, /^client must be/);
  await wrong({ client: { send() {} }, region: 'x' }, /give region to the client/);
  await wrong({ regoin: 'x' }, /unknown option "regoin"/);
  const secrets: CoppiceError[] = [
    await wrong({ credentials: { accessKeyId: 'id', secretAccessKey: { not: 'hunter2' } } }, /^credentials must be/),
    await wrong({ endpoint: 'http://me:hunter2@127.0.0.1' }, /holds no password/),
  ];
  for (const { message } of secrets) t.false(message.includes('hunter2'), message);
});
