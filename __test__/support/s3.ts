/** A real S3 server for the tests of one file, and buckets on it. `scripts/s3-server.mjs` says which, and gets it. */

import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import test, { type TestFn } from 'ava';
import type { S3Options } from '../../ts/index.js';

interface Server {
  kind: 'versitygw' | 'moto';
  version: string;
  program: string;
}

const RECORD = new URL('../../.cache/s3/server.json', import.meta.url);
const STARTED_MS_MAX = 30_000;
export const CREDENTIALS = { accessKeyId: 'coppice', secretAccessKey: 'coppice-tests-only' };

const server = existsSync(RECORD) ? (JSON.parse(readFileSync(RECORD, 'utf8')) as Server) : undefined;

/** Declares a test that needs a real server; it is skipped where there is none. */
export const testWithServer: TestFn = server === undefined ? (test.skip as unknown as TestFn) : test;

/** The same for what moto does not do: it believes every signature, hash and clock. */
export const testWithStrictServer: TestFn = server?.kind === 'versitygw' ? test : (test.skip as unknown as TestFn);

/** One request at a time: with threads it lets two creates of one key win now and then. */
const MOTO = `
import sys
from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import run_simple
run_simple('127.0.0.1', int(sys.argv[1]), DomainDispatcherApplication(create_backend_app), threaded=False)
`;

let running: Promise<string> | undefined;
let stop = async () => {};
test.after.always(() => stop());

/** The endpoint of the server, which runs until the tests of the file have ended. */
export function endpoint(): Promise<string> {
  running ??= start();
  return running;
}

/** How to reach a new bucket on the server, or a server that passes on to it. */
export async function newBucket(): Promise<S3Options & { endpoint: string }> {
  const options = { endpoint: await endpoint(), region: 'us-east-1', credentials: CREDENTIALS };
  const bucket = `coppice-${randomUUID()}`;
  const client = new S3Client({ ...options, forcePathStyle: true });
  await client.send(new CreateBucketCommand({ Bucket: bucket }));
  client.destroy();
  return { bucket, ...options };
}

async function start(): Promise<string> {
  if (server === undefined) throw new Error('there is no S3 server: node scripts/test.mjs says why');
  const folder = await mkdtemp(join(tmpdir(), 'coppice-s3-'));
  const port = await freePort();
  const child = spawn(server.program, await parametersOf(server, folder, port), {
    stdio: 'ignore',
    env: { ...process.env, ROOT_ACCESS_KEY: CREDENTIALS.accessKeyId, ROOT_SECRET_KEY: CREDENTIALS.secretAccessKey },
  });
  stop = async () => {
    await ended(child);
    await rm(folder, { recursive: true, force: true });
  };
  const url = `http://127.0.0.1:${port}`;
  for (const began = performance.now(); ; ) {
    if (
      await fetch(url).then(
        () => true,
        () => false,
      )
    )
      return url;
    const waited = performance.now() - began;
    if (child.exitCode !== null || waited > STARTED_MS_MAX) throw new Error(`${server.kind} does not start`);
    await setTimeout(50);
  }
}

async function parametersOf({ kind }: Server, folder: string, port: number): Promise<string[]> {
  if (kind === 'moto') return ['-c', MOTO, String(port)];
  for (const name of ['objects', 'attributes']) await mkdir(join(folder, name));
  // Attributes in files: not every file system for temporary files keeps them.
  const sidecar = ['--sidecar', join(folder, 'attributes')];
  return ['--port', `127.0.0.1:${port}`, '--keep-alive', '--quiet', 'posix', ...sidecar, join(folder, 'objects')];
}

function ended(child: ChildProcess): Promise<unknown> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  const exit = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGKILL');
  return exit;
}

export async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve));
  const { port } = probe.address() as { port: number };
  await new Promise((resolve) => probe.close(resolve));
  return port;
}
