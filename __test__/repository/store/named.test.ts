import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import test from 'ava';
import { storeAt } from '../../../ts/index.js';
import { refuses } from '../../support/errors.js';

test('a name without a scheme is a folder', (t) => {
  t.is(storeAt('some/folder').location, resolve('some/folder'));
  t.is(storeAt('./a b').location, resolve('a b'));
  t.is(storeAt('./s3:bucket').location, resolve('s3:bucket'));
  const path = join(resolve('.'), 'é', 'x');
  t.is(storeAt(pathToFileURL(path).href).location, path);
});

test('a name that begins with s3:// is a bucket, with options in its query', (t) => {
  const location = (name: string) => storeAt(name).location;
  t.is(location('s3://bucket'), 's3://bucket/');
  t.is(location('s3://bucket/'), 's3://bucket/');
  t.is(location('s3://bucket/a/b/'), 's3://bucket/a/b');
  t.is(location('S3://bucket/a?region=eu-central-1&maxAttempts=5&timeout=10s&forcePathStyle=false'), 's3://bucket/a');
  const escaped = `s3://bucket?endpoint=${encodeURIComponent('https://127.0.0.1:7070/path')}`;
  t.is(location(escaped), 's3://bucket/?endpoint=https://127.0.0.1:7070/path');
});

test('a name that is none is refused with what would be one', async (t) => {
  const wrong = (name: unknown, words: RegExp) => refuses(t, 'COPPICE_INVALID', () => storeAt(name as string), words);
  await wrong('', /^store must be the name of a store/);
  await wrong(undefined, /^store must be/);
  await wrong('gs://bucket', /no stores at gs:\/\/ yet: .*s3:\/\/bucket\/prefix/);
  await wrong('https://bucket.s3.amazonaws.com', /no stores at https/);
  await wrong(
    's3:/bucket/a',
    /^"s3:\/bucket\/a" is no store: .* a bucket by s3:\/\/bucket\/prefix; .*\.\/s3:\/bucket\/a$/,
  );
  await wrong('s3:bucket', /is no store/);
  await wrong('file://elsewhere/path', /no folder of this machine/);
  await wrong('s3://', /s3:\/\/bucket\/prefix/);
  await wrong('s3:///prefix', /s3:\/\/bucket\/prefix/);
  await wrong('s3://bucket/../up', /^prefix must be/);
  await wrong('s3://bucket?endpoint=nowhere', /^endpoint must be/);
  await wrong('s3://bucket?forcePathStyle=yes', /^forcePathStyle must be/);
  await wrong('s3://bucket?maxAttempts=many', /^maxAttempts must be/);
  await wrong('s3://bucket?secretAccessKey=x', /unknown option "secretAccessKey".*endpoint, region/);
  const { message } = await wrong('s3://id:hunter2@bucket', /set AWS_ACCESS_KEY_ID/);
  t.false(message.includes('hunter2'));
});
