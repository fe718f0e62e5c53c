import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import type { ProbeReport } from '../../ts/index.js';
import { coppice } from '../support/command.js';
import { temporaryFolder } from '../support/database.js';
import { faultyProxy } from '../support/proxy.js';
import { CREDENTIALS, newBucket, testWithServer } from '../support/s3.js';

process.env.AWS_ACCESS_KEY_ID = CREDENTIALS.accessKeyId;
process.env.AWS_SECRET_ACCESS_KEY = CREDENTIALS.secretAccessKey;

test('doctor says that a folder will do, property by property', async (t) => {
  const folder = join(await temporaryFolder(t), 'store');
  const { code, out, err } = await coppice(['doctor', folder]);
  t.deepEqual([code, err], [0, '']);
  t.is(out.split('\n')[0], folder);
  t.regex(out, /^ok +\d+\.\d ms {2}it is not created again$/m);
  t.regex(out, /can hold a repository\.\n$/);
  const { ok, location, checks } = JSON.parse((await coppice(['doctor', folder, '--json'])).out) as ProbeReport;
  t.deepEqual([ok, location], [true, folder]);
  t.true(checks.length >= 10 && checks.every((check) => check.ok));
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

test('doctor ends with 3 where the store cannot be used at all, and with 2 where there is no such store', async (t) => {
  const proxy = await faultyProxy(t);
  proxy.faults = () => ({ status: 404, code: 'NoSuchBucket' });
  const refused = await coppice(['doctor', `s3://bucket?endpoint=${proxy.url}`]);
  t.is(refused.code, 3);
  t.regex(refused.err, /there is no such bucket: create it .*\(COPPICE_STORE\)\n$/);
  const file = join(await temporaryFolder(t), 'file');
  await writeFile(file, '');
  t.is((await coppice(['doctor', file])).code, 3);
  t.is((await coppice(['doctor', 'gs://bucket'])).code, 2);
  t.is((await coppice(['doctor'])).code, 2);
});
