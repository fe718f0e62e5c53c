/** A server between a client and a real one that does to requests what networks and overloaded servers do. */

import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type IncomingMessage, request, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { setTimeout } from 'node:timers/promises';
import type { ExecutionContext } from 'ava';

export type Fault =
  /** Handed on, and so is the answer. */
  | 'pass'
  /** The connection is cut before anything is handed on. */
  | 'cut-before'
  /** The first half of the body is handed on; then both connections are cut. */
  | 'cut-body'
  /** Handed on and carried out, but the connection is cut instead of an answer. */
  | 'cut-after'
  /** Handed on, and the connection is cut in the middle of the answer's body. */
  | 'cut-within'
  /** Never handed on, never answered. */
  | 'hang'
  /** Handed on; a condition that was not met is said to have been. */
  | 'agree'
  /** The connection is cut; so much later it is handed on all the same. */
  | { lateMs: number }
  /** Answered by the proxy: a status, and S3's name for the error. */
  | { status: number; code?: string };

export interface Seen {
  method: string;
  path: string;
  headers: IncomingHttpHeaders;
}

/** How far a request has got: its head is here, all of it is here, the server has answered, it is over and done with. */
export type Stage = 'begun' | 'received' | 'answered' | 'ended';

export interface FaultyProxy {
  readonly url: string;
  /** Every request that came, in order. */
  readonly seen: Seen[];
  /** What is done to requests from now on; a list is taken one by one, and then they pass. */
  faults: Fault[] | ((request: Seen) => Fault);
  /** How long the next request is held up before it is handed on. */
  latencyMs: () => number;
  /** Called at each stage; `status` is what the server has answered. */
  watch: (stage: Stage, request: Seen, fault: Fault, status: number | undefined) => void;
  /** Cuts every connection there is. What has been handed on is carried out. */
  cut(): void;
  /** Resolves when nothing is under way any more, not even what is late. */
  settled(): Promise<void>;
  /** No connection is left, and none is taken any more. */
  close(): void;
}

/** A proxy for the time of a test; without `upstream` it must never let pass. */
export async function faultyProxy(t: ExecutionContext, upstream?: string): Promise<FaultyProxy> {
  const proxy = await startProxy(upstream);
  t.teardown(() => proxy.close());
  return proxy;
}

export async function startProxy(upstream?: string): Promise<FaultyProxy> {
  const underWay = new Set<Promise<unknown>>();
  const server = createServer((incoming, outgoing) => {
    const { method = '', url: path = '', headers } = incoming;
    const seen: Seen = { method, path, headers };
    proxy.seen.push(seen);
    const fault = typeof proxy.faults === 'function' ? proxy.faults(seen) : (proxy.faults.shift() ?? 'pass');
    let status: number | undefined;
    const reach = (stage: Stage, answered?: number) => {
      status ??= answered;
      proxy.watch(stage, seen, fault, status);
    };
    reach('begun');
    const treatment = { fault, upstream, latencyMs: proxy.latencyMs(), reach };
    const end: Promise<unknown> = treat(treatment, incoming, outgoing)
      .catch((error) => outgoing.destroy(error))
      .finally(() => {
        reach('ended');
        underWay.delete(end);
      });
    underWay.add(end);
  });
  // A connection that is closed for being idle, just when it is used again, would be a fault that no test has asked for.
  server.keepAliveTimeout = 120_000;
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const proxy: FaultyProxy = {
    url,
    seen: [],
    faults: [],
    latencyMs: () => 0,
    watch: () => {},
    cut: () => server.closeAllConnections(),
    settled: async () => {
      while (underWay.size > 0) await Promise.all(underWay);
    },
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
  return proxy;
}

interface Treatment {
  fault: Fault;
  upstream: string | undefined;
  latencyMs: number;
  reach: (stage: Stage, status?: number) => void;
}

async function treat(treatment: Treatment, incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
  const { fault, upstream, latencyMs, reach } = treatment;
  const sent = await buffer(incoming);
  reach('received');
  if (fault === 'hang') return;
  if (latencyMs > 0) await setTimeout(latencyMs);
  if (fault === 'cut-before') return reset(incoming);
  if (fault === 'cut-body') {
    await handOnHalf(incoming, sent, upstream);
    return reset(incoming);
  }
  if (typeof fault === 'object' && 'status' in fault) {
    const { status, code } = fault;
    outgoing.writeHead(status, { 'content-type': 'application/xml' });
    outgoing.end(code === undefined ? '' : `<Error><Code>${code}</Code><Message>as told by the test</Message></Error>`);
    return;
  }
  if (typeof fault === 'object') {
    reset(incoming);
    await setTimeout(fault.lateMs);
  }
  const answer = await handOn(incoming, sent, upstream);
  const body = await buffer(answer);
  reach('answered', answer.statusCode);
  if (typeof fault === 'object') return;
  if (fault === 'cut-after') return reset(incoming);
  if (fault === 'agree' && answer.statusCode === 412) {
    outgoing.writeHead(200, { etag: '"as if"' }).end();
    return;
  }
  outgoing.writeHead(answer.statusCode ?? 500, answer.headers);
  if (fault === 'pass' || fault === 'agree') {
    outgoing.end(body);
    return;
  }
  outgoing.write(body.subarray(0, body.length / 2), () => reset(incoming));
}

function reset({ socket }: IncomingMessage): void {
  if (!socket.destroyed) socket.resetAndDestroy();
}

/** The headers go as they came: the signature covers the name of the host. */
async function handOn(incoming: IncomingMessage, sent: Buffer, upstream = 'no upstream'): Promise<IncomingMessage> {
  const { method, url, headers } = incoming;
  const onward = request(new URL(url ?? '', upstream), { method: method ?? 'GET', headers });
  onward.end(sent);
  const [answer] = (await once(onward, 'response')) as [IncomingMessage];
  return answer;
}

/** Says how long the body is, and breaks off in the middle of it. */
async function handOnHalf({ method, url, headers }: IncomingMessage, sent: Buffer, upstream = 'no upstream') {
  const onward = request(new URL(url ?? '', upstream), { method: method ?? 'GET', headers });
  onward.on('error', () => {});
  await new Promise((resolve) => onward.write(sent.subarray(0, sent.length / 2), resolve));
  onward.destroy();
}
