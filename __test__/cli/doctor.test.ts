import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import type { ProbeReport } from '../../ts/index.js';
import { coppice } from '../support/command.js';
import { temporaryFolder } from '../support/database.js';
import { faultyProxy } from '../support/proxy.js';
import { CREDENTIALS, newBucket, testWithServer } from '../support/s3.js';

process.env.AWS_ACCESS_KEY_ID = CREDENTIALS.accessKeyId;
process.env.AWS_SECRET_ACCESS_KEY = CREDENTIALS.secretAccessKey;

test('doctor says that a folder will do, property by property', async (t) => {
  const folder = await temporaryFolder(t);
  const { code, out, err } = await coppice(['doctor', folder]);
  t.deepEqual([code, err], [0, '']);
  t.is(out.split('\n')[0], folder);
  t.regex(out, /^ok +\d+\.\d ms {2}it is not created again$/m);
  t.regex(out, /can hold a repository\.\n$/);
  const { ok, location, checks } = JSON.parse((await coppice(['doctor', folder, '--json'])).out) as ProbeReport;
  t.deepEqual([ok, location], [true, folder]);
  t.true(checks.length >= 10 && checks.every((check) => check.ok));
  t.deepEqual(await readdir(folder), [], 'nothing is left behind');
});

test('doctor makes no folder of a name that may be mistyped, and tells a file from a folder', async (t) => {
  const folder = await temporaryFolder(t);
  const absent = await coppice(['doctor', join(folder, 'my-bucket')]);
  t.is(absent.code, 3);
  t.regex(absent.err, /there is no folder .*my-bucket: make it, or name a bucket by s3:.*\(COPPICE_NOT_FOUND\)\n$/);
  const file = join(folder, 'file');
  await writeFile(file, '');
  const found = await coppice(['doctor', file]);
  t.is(found.code, 3);
  t.regex(found.err, /cannot write in .*file: this is a file, .*name a folder .*\(COPPICE_STORE\)\n$/);
  t.deepEqual(await readdir(folder), ['file']);
});

testWithServer('doctor says that a real server will do', async (t) => {
  const { bucket, endpoint } = await newBucket();
  const { code, out } = await coppice(['doctor', `s3://${bucket}/a?endpoint=${endpoint}`]);
  t.is(code, 0, out);
  t.regex(out, /can hold a repository\.\n$/);
});

testWithServer('doctor ends with 1 and the reason where a put that has lost is said to have landed', async (t) => {
  const { bucket, endpoint } = await newBucket();
  const proxy = await faultyProxy(t, endpoint);
  proxy.faults = () => 'agree';
  const name = `s3://${bucket}?endpoint=${proxy.url}`;
  const { code, out } = await coppice(['doctor', name]);
  t.is(code, 1, out);
  t.regex(out, /^FAILED +\d+\.\d ms {2}it is not created again: the store ignored If-None-Match and wrote$/m);
  t.regex(out, /cannot hold a repository: acknowledged writes would be lost\.\n$/);
  t.false((JSON.parse((await coppice(['doctor', name, '--json'])).out) as ProbeReport).ok);
});

test('of a failure --json prints one document to the error stream, and nothing else', async (t) => {
  const proxy = await faultyProxy(t);
  proxy.faults = () => ({ status: 404, code: 'NoSuchBucket' });
  const main = fileURLToPath(new URL('../../ts/cli/main.ts', import.meta.url));
  const name = `s3://bucket?endpoint=${proxy.url}`;
  // In a process of its own: the SDK warns once in each.
  const child = spawn(process.execPath, ['--import=tsx', main, 'doctor', name, '--json']);
  const err = await text(child.stderr);
  t.is((JSON.parse(err) as { code: string }).code, 'COPPICE_STORE');
  t.is(child.exitCode ?? (await once(child, 'exit'))[0], 3);
});

test('doctor ends with 3 where the store cannot be used at all, and with 2 where there is no such store', async (t) => {
  const proxy = await faultyProxy(t);
  proxy.faults = () => ({ status: 404, code: 'NoSuchBucket' });
  const refused = await coppice(['doctor', `s3://bucket?endpoint=${proxy.url}`]);
  t.is(refused.code, 3);
  t.regex(refused.err, /there is no such bucket: create it .*\(COPPICE_STORE\)\n$/);
  t.is((await coppice(['doctor', 'gs://bucket'])).code, 2);
  t.is((await coppice(['doctor'])).code, 2);
});
