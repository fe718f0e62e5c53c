import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import test, { type ExecutionContext } from 'ava';
import { type Fault, faultyProxy, startProxy } from './proxy.js';
import { splitMix32 } from './random.js';
import { CALM, type Errand, errandOf, Weather } from './weather.js';

/** A server that keeps what was put whole, and answers it, or that it was there already. */
async function keeper(t: ExecutionContext): Promise<{ url: string; kept: Map<string, string> }> {
  const kept = new Map<string, string>();
  const server = createServer(async (incoming, outgoing) => {
    const path = incoming.url as string;
    const body = await buffer(incoming).catch(() => undefined);
    if (body === undefined) return;
    if (incoming.method === 'PUT' && kept.has(path)) {
      outgoing.writeHead(412).end();
      return;
    }
    if (incoming.method === 'PUT') kept.set(path, `${body}`);
    outgoing.end(kept.get(path));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, kept };
}

const put = (url: string, body = 'a body of some length') => fetch(url, { method: 'PUT', body });
const answer = (response: Response) => response.text();

test('each fault does to a request what it says', async (t) => {
  const { url, kept } = await keeper(t);
  const proxy = await faultyProxy(t, url);
  const during = async (fault: Fault, name: string) => {
    proxy.faults = [fault];
    return put(`${proxy.url}/${name}`);
  };
  t.is((await during('pass', 'a')).status, 200);
  t.is((await during('pass', 'a')).status, 412);
  t.is((await during('agree', 'a')).status, 200);
  t.is((await during({ status: 503, code: 'SlowDown' }, 'b')).status, 503);
  for (const fault of ['cut-before', 'cut-body', 'cut-after'] as const) {
    await t.throwsAsync(during(fault, fault), undefined, fault);
  }
  await proxy.settled();
  t.deepEqual([...kept.keys()], ['/a', '/cut-after']);
  proxy.faults = ['cut-within'];
  const half = await fetch(`${proxy.url}/a`);
  t.is(half.headers.get('content-length'), '21');
  await t.throwsAsync(answer(half));
  const never = new AbortController();
  proxy.watch = (stage) => stage === 'ended' && never.abort(new Error('nobody answers'));
  proxy.faults = ['hang'];
  await t.throwsAsync(fetch(`${proxy.url}/a`, { signal: never.signal }), { message: 'nobody answers' });
});

test('a put that is late lands after its connection was cut, and the proxy knows when', async (t) => {
  const { url, kept } = await keeper(t);
  const proxy = await faultyProxy(t, url);
  const stages: string[] = [];
  proxy.watch = (stage, { path }, _, status) => stages.push(`${path} ${stage} ${status ?? ''}`.trim());
  proxy.faults = [{ lateMs: 50 }];
  await t.throwsAsync(put(`${proxy.url}/late`));
  t.false(kept.has('/late'));
  await proxy.settled();
  t.true(kept.has('/late'));
  t.deepEqual(stages, ['/late begun', '/late received', '/late answered 200', '/late ended 200']);
});

test('a server that cannot be reached, or a client that is gone, is not the end of the proxy', async (t) => {
  const proxy = await faultyProxy(t, 'http://127.0.0.1:1');
  await t.throwsAsync(put(`${proxy.url}/a`));
  const gone = new AbortController();
  proxy.watch = (stage) => stage === 'received' && gone.abort(new Error('the client is gone'));
  proxy.latencyMs = () => 20;
  await t.throwsAsync(fetch(`${proxy.url}/b`, { signal: gone.signal }), { message: 'the client is gone' });
  await proxy.settled();
  t.is(proxy.seen.length, 2);
});

async function weather(t: ExecutionContext): Promise<{ weather: Weather; kept: Map<string, string> }> {
  const { url, kept } = await keeper(t);
  const made = new Weather(await startProxy(url), splitMix32(7));
  t.teardown(() => made.close());
  return { weather: made, kept };
}

test('of a hundred requests each kind of fault hits as many as were forecast', async (t) => {
  const { weather: here, kept } = await weather(t);
  const cards = { ...CALM.cards, lost: 3, torn: 2, unheard: 4, cut: 3, busy: 4, conflict: 2, late: 3 };
  here.forecast = { cards, latencyMsMax: 2, lateMsMax: 5 };
  kept.set('/known', 'a body to be read');
  let heard = 0;
  for (let n = 0; n < 200; n++) {
    const request = n % 2 === 0 ? put(`${here.url}/${n}`) : fetch(`${here.url}/known`);
    await request.then(answer).then(
      () => {
        heard += 1;
      },
      () => {},
    );
  }
  await here.close();
  const { hits } = here;
  t.is(hits['answers 503'], 8);
  t.is(hits['answers 409'], 4);
  t.is(hits['requests lost on their way'], 6);
  t.is(hits['puts that broke off half-way'], 4);
  t.is(hits['answers lost of puts that were applied'] + hits['other answers lost'], 8);
  t.is(hits['answers that broke off half-way'], 6);
  t.is(hits['puts that landed after their connection was cut'], 6);
  t.is(hits['requests held up'], 200);
  t.is(heard, 200 - 6 - 4 - 8 - 6 - 6);
});

test('in a partition nothing gets through, and afterwards everything does', async (t) => {
  const { weather: here, kept } = await weather(t);
  const two = here.requests(2);
  await put(`${here.url}/a`);
  here.part('cut');
  await t.throwsAsync(put(`${here.url}/b`));
  await two;
  here.heal();
  here.part('silence');
  const waiting = t.throwsAsync(put(`${here.url}/c`));
  await here.requests(1);
  here.heal();
  await waiting;
  t.is((await put(`${here.url}/d`)).status, 200);
  t.deepEqual([...kept.keys()], ['/a', '/d']);
  t.is(here.hits.partitions, 2);
  t.is(here.hits['requests cut off by a partition'], 2);
});

test('what is done to the last requests of a machine that is dead hits nobody', async (t) => {
  const { weather: here } = await weather(t);
  here.forecast = { ...CALM, cards: { ...CALM.cards, busy: 100 } };
  here.isDead = true;
  await put(`${here.url}/a`);
  t.is(here.hits['answers 503'], 0);
});

test('a request tells what it is about', (t) => {
  const errands: [string, string, Errand][] = [
    ['PUT', '/bucket/heads/main?x-id=PutObject', 'head'],
    ['PUT', '/bucket/d/0f/wal/00000000000000000002?x-id=PutObject', 'slot'],
    ['PUT', '/bucket/d/0f/tables/0000000002-0000000001-00', 'table'],
    ['PUT', '/bucket/d/0f/manifests/0000000002-0000000001', 'manifest'],
    ['PUT', '/bucket/db.json', 'other'],
    ['GET', '/bucket?list-type=2&prefix=d%2F', 'list'],
    ['GET', '/bucket/heads/main', 'get'],
    ['POST', '/bucket?delete=', 'delete'],
    ['HEAD', '/bucket/heads/main', 'other'],
  ];
  for (const [method, path, errand] of errands) t.is(errandOf({ method, path, headers: {} }), errand);
});
