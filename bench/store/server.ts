/**
 * The S3 server of the measurement, the one that the tests use, as a process of its own with its objects on this disk.
 *
 * @module
 */
import { spawn } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { type ObjectStore, s3 } from '../../ts/index.js';

/** How to reach the bucket, for every process of a run. */
export interface Bucket {
  endpoint: string;
  bucket: string;
}

export const CREDENTIALS = { accessKeyId: 'coppice', secretAccessKey: 'coppice-bench-only' };
const STARTED_MS_MAX = 30_000;

export interface Server extends Bucket {
  name: string;
  stop(): void;
}

export function storeIn({ endpoint, bucket }: Bucket, prefix: string): ObjectStore {
  return s3({ bucket, prefix, endpoint, region: 'us-east-1', credentials: CREDENTIALS });
}

export async function startServer(folder: string): Promise<Server> {
  // It is a script without types, shared with `npm test`.
  const { getServer } = (await import(new URL('../../scripts/s3-server.mjs', import.meta.url).href)) as {
    getServer(): { kind?: string; version?: string; program?: string; reason?: string };
  };
  const { kind, version, program, reason } = getServer();
  if (kind !== 'versitygw') throw new Error(`this measures against versitygw, which cannot be had: ${reason ?? kind}`);
  const [objects, attributes] = ['objects', 'attributes'].map((name) => join(folder, name)) as [string, string];
  for (const each of [objects, attributes]) mkdirSync(each, { recursive: true });
  const port = await freePort();
  const child = spawn(
    program as string,
    ['--port', `127.0.0.1:${port}`, '--keep-alive', '--quiet', 'posix', '--sidecar', attributes, objects],
    {
      stdio: 'ignore',
      env: { ...process.env, ROOT_ACCESS_KEY: CREDENTIALS.accessKeyId, ROOT_SECRET_KEY: CREDENTIALS.secretAccessKey },
    },
  );
  const stop = () => void child.kill('SIGKILL');
  process.once('exit', stop);
  const endpoint = `http://127.0.0.1:${port}`;
  const answers = () =>
    fetch(endpoint)
      .then(() => true)
      .catch(() => false);
  for (const began = performance.now(); !(await answers()); await setTimeout(50)) {
    if (child.exitCode !== null || performance.now() - began > STARTED_MS_MAX)
      throw new Error('the server does not start');
  }
  const bucket = 'bench';
  const client = new S3Client({ endpoint, region: 'us-east-1', credentials: CREDENTIALS, forcePathStyle: true });
  await client.send(new CreateBucketCommand({ Bucket: bucket }));
  client.destroy();
  return { endpoint, bucket, name: `${kind} ${version}`, stop };
}

async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve));
  const { port } = probe.address() as { port: number };
  await new Promise((resolve) => probe.close(resolve));
  return port;
}
