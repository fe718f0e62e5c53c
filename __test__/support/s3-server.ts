/** A real S3 server, and buckets on it, for tests and for programs. `scripts/s3-server.mjs` says which, and gets it. */

import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import type { S3Options } from '../../ts/index.js';

interface Program {
  kind: 'versitygw' | 'moto';
  version: string;
  program: string;
}

/** A server that runs. */
export interface Server {
  readonly url: string;
  /** Ends it at once, for a program that ends itself. */
  kill(): void;
  /** Ends it, and removes what it held. */
  stop(): Promise<void>;
}

const RECORD = new URL('../../.cache/s3/server.json', import.meta.url);
const STARTED_MS_MAX = 30_000;
export const CREDENTIALS = { accessKeyId: 'coppice', secretAccessKey: 'coppice-tests-only' };

/** Which one there is on this machine; `undefined`: none. */
export const server = existsSync(RECORD) ? (JSON.parse(readFileSync(RECORD, 'utf8')) as Program) : undefined;

/** One request at a time: with threads it lets two creates of one key win now and then. */
const MOTO = `
import sys
from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import run_simple
run_simple('127.0.0.1', int(sys.argv[1]), DomainDispatcherApplication(create_backend_app), threaded=False)
`;

/** How to reach a new bucket on a server. */
export async function bucketOn(endpoint: string): Promise<S3Options & { endpoint: string }> {
  const options = { endpoint, region: 'us-east-1', credentials: CREDENTIALS };
  const bucket = `coppice-${randomUUID()}`;
  const client = new S3Client({ ...options, forcePathStyle: true });
  await client.send(new CreateBucketCommand({ Bucket: bucket }));
  client.destroy();
  return { bucket, ...options };
}

export async function startServer(): Promise<Server> {
  if (server === undefined) throw new Error('there is no S3 server: node scripts/test.mjs says why');
  const folder = await mkdtemp(join(tmpdir(), 'coppice-s3-'));
  const port = await freePort();
  const child = spawn(server.program, await parametersOf(server, folder, port), {
    stdio: 'ignore',
    env: { ...process.env, ROOT_ACCESS_KEY: CREDENTIALS.accessKeyId, ROOT_SECRET_KEY: CREDENTIALS.secretAccessKey },
  });
  const stop = async () => {
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
      return { url, kill: () => child.kill('SIGKILL'), stop };
    const waited = performance.now() - began;
    if (child.exitCode !== null || waited > STARTED_MS_MAX) {
      await stop();
      throw new Error(`${server.kind} does not start`);
    }
    await setTimeout(50);
  }
}

async function parametersOf({ kind }: Program, folder: string, port: number): Promise<string[]> {
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
