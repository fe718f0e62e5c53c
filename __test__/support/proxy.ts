/** A server between a client and a real one that does to requests what networks and overloaded servers do. */

import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type IncomingMessage, request, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import type { ExecutionContext } from 'ava';

export type Fault =
  /** Handed on, and so is the answer. */
  | 'pass'
  /** The connection is cut before anything is handed on. */
  | 'cut-before'
  /** Handed on and carried out, but the connection is cut instead of an answer. */
  | 'cut-after'
  /** Handed on, and the connection is cut in the middle of the answer's body. */
  | 'cut-within'
  /** Never handed on, never answered. */
  | 'hang'
  /** Handed on; a condition that was not met is said to have been. */
  | 'agree'
  /** Answered by the proxy: a status, and S3's name for the error. */
  | { status: number; code?: string };

export interface Seen {
  method: string;
  path: string;
  headers: IncomingHttpHeaders;
}

export interface FaultyProxy {
  readonly url: string;
  /** Every request that came, in order. */
  readonly seen: Seen[];
  /** What is done to requests from now on; a list is taken one by one, and then they pass. */
  faults: Fault[] | ((request: Seen) => Fault);
}

/** A proxy for the time of a test; without `upstream` it must never let pass. */
export async function faultyProxy(t: ExecutionContext, upstream?: string): Promise<FaultyProxy> {
  const seen: Seen[] = [];
  const server = createServer((incoming, outgoing) => {
    const { method = '', url: path = '', headers } = incoming;
    seen.push({ method, path, headers });
    const request = seen.at(-1) as Seen;
    const fault = typeof proxy.faults === 'function' ? proxy.faults(request) : (proxy.faults.shift() ?? 'pass');
    treat(fault, incoming, outgoing, upstream).catch((error) => outgoing.destroy(error));
  });
  // A connection that is closed for being idle, just when it is used again, would be a fault that no test has asked for.
  server.keepAliveTimeout = 120_000;
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(async () => {
    server.closeAllConnections();
    server.close();
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const proxy: FaultyProxy = { url, seen, faults: [] };
  return proxy;
}

async function treat(fault: Fault, incoming: IncomingMessage, outgoing: ServerResponse, upstream?: string) {
  const sent = await buffer(incoming);
  if (fault === 'hang') return;
  if (fault === 'cut-before') {
    incoming.socket.resetAndDestroy();
    return;
  }
  if (typeof fault === 'object') {
    const { status, code } = fault;
    outgoing.writeHead(status, { 'content-type': 'application/xml' });
    outgoing.end(code === undefined ? '' : `<Error><Code>${code}</Code><Message>as told by the test</Message></Error>`);
    return;
  }
  const answer = await handOn(incoming, sent, upstream);
  const body = await buffer(answer);
  if (fault === 'cut-after') {
    incoming.socket.resetAndDestroy();
    return;
  }
  if (fault === 'agree' && answer.statusCode === 412) {
    outgoing.writeHead(200, { etag: '"as if"' }).end();
    return;
  }
  outgoing.writeHead(answer.statusCode ?? 500, answer.headers);
  if (fault === 'pass' || fault === 'agree') {
    outgoing.end(body);
    return;
  }
  outgoing.write(body.subarray(0, body.length / 2), () => incoming.socket.resetAndDestroy());
}

/** The headers go as they came: the signature covers the name of the host. */
async function handOn(incoming: IncomingMessage, sent: Buffer, upstream = 'no upstream'): Promise<IncomingMessage> {
  const { method, url, headers } = incoming;
  const onward = request(new URL(url ?? '', upstream), { method: method ?? 'GET', headers });
  onward.end(sent);
  const [answer] = (await once(onward, 'response')) as [IncomingMessage];
  return answer;
}
