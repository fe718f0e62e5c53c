/**
 * The peer: t4, built once from its Go module; `t4/main.go` is the program that asks it.
 *
 * @module
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Bucket, CREDENTIALS } from './server.js';

export const T4_VERSION = '1.1.17';
const SOURCE = fileURLToPath(new URL('./t4/main.go', import.meta.url));

export interface PeerPuts {
  rate: number;
  p50: number;
  p99: number;
  requests: number;
}

export class Peer {
  readonly #program: string;

  private constructor(program: string) {
    this.#program = program;
  }

  /** Nothing, and a line that says why, where it cannot be built. */
  static build(folder: string): Peer | undefined {
    const program = join(folder, process.platform === 'win32' ? 't4.exe' : 't4');
    const stamp = join(folder, 'built-from');
    const source = `${T4_VERSION}\n${readFileSync(SOURCE, 'utf8')}`;
    if (existsSync(program) && existsSync(stamp) && readFileSync(stamp, 'utf8') === source) return new Peer(program);
    console.log(`building t4 ${T4_VERSION}, which takes some minutes ...`);
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
    copyFileSync(SOURCE, join(folder, 'main.go'));
    const env = { ...process.env, GOFLAGS: '-mod=mod', GOTOOLCHAIN: 'local', CGO_ENABLED: '0' };
    for (const words of [
      ['mod', 'init', 'bench'],
      ['get', `github.com/t4db/t4@v${T4_VERSION}`],
      ['build', '-trimpath', '-ldflags=-s -w', '-o', program, '.'],
    ]) {
      const { status, error, stderr } = spawnSync('go', words, { cwd: folder, env, encoding: 'utf8' });
      if (status === 0) continue;
      const why = error?.message ?? stderr.trim().split('\n').at(-1);
      console.log(`t4 could not be built and is left out: go ${words[0]}: ${why}`);
      return undefined;
    }
    writeFileSync(stamp, source);
    return new Peer(program);
  }

  puts(bucket: Bucket, prefix: string, folder: string, writers: number, seconds: number): PeerPuts {
    return this.#ask('puts', bucket, prefix, folder, writers, seconds) as PeerPuts;
  }

  /** Milliseconds to the first read of a node on an empty disk, a round each. */
  fresh(bucket: Bucket, prefix: string, folder: string, keys: number, rounds: number): number[] {
    return (this.#ask('fresh', bucket, prefix, folder, keys, rounds) as { ms: number[] }).ms;
  }

  #ask(what: string, { endpoint, bucket }: Bucket, ...words: (string | number)[]): unknown {
    const { accessKeyId, secretAccessKey } = CREDENTIALS;
    const env = { ...process.env, AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey };
    const all = [what, endpoint, bucket, ...words.map(String)];
    return JSON.parse(execFileSync(this.#program, all, { env, encoding: 'utf8' }));
  }
}
