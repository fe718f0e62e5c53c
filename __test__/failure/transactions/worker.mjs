/**
 * One thread of several: lanes of transactions, each lane one after the other, all on the same few keys. Lists are read and
 * appended to, one by one and by range; money is moved between accounts, and counted. Every transaction that committed is told
 * with what it has read and appended.
 */

import { setImmediate as turn } from 'node:timers/promises';
import { parentPort, workerData } from 'node:worker_threads';
import { open } from '../../../dist/index.js';

const { path, slot, lanes, transactions, isolation, seed, LISTS, ACCOUNTS, TOTAL } = workerData;
const db = await open(path, { durability: 'process', valueEncoding: 'json' });
let state = seed >>> 0;
const told = [];
let attempts = 0;
let left = transactions;
let appended = 0;

await Promise.all(Array.from({ length: lanes }, (_, lane) => run(slot * lanes + lane)));
await db.close();
parentPort.postMessage({ told, attempts });

async function run(lane) {
  while (left-- > 0) {
    const choice = random(10);
    const work = choice < 7 ? lists : choice < 9 ? transfer : audit;
    // What is decided by chance is decided once, so that a second try does the same.
    const plan = Array.from({ length: 1 + random(4) }, () => ({
      kind: random(8),
      list: random(LISTS),
      width: 1 + random(5),
    }));
    const between = [random(ACCOUNTS), random(ACCOUNTS), 1 + random(20)];
    let done;
    await db.transaction(
      async (transaction) => {
        attempts++;
        done = { lane, reads: [], appends: [] };
        await work(transaction, done, plan, between);
      },
      { isolation, retries: 10_000 },
    );
    told.push(done);
  }
}

async function lists(transaction, done, plan) {
  for (const { kind, list, width } of plan) {
    if (kind < 3) await see(transaction, done, list);
    else if (kind < 5) await seeRange(transaction, done, list, width);
    else await append(transaction, done, list);
    await turn();
  }
}

async function transfer(transaction, done, plan, [from, to, amount]) {
  const [has, had] = await transaction.getMany([account(from), account(to)]);
  await turn();
  if (from !== to && has >= amount) {
    transaction.put(account(from), has - amount);
    transaction.put(account(to), had + amount);
  }
  await append(transaction, done, plan[0].list);
}

async function audit(transaction) {
  let sum = 0;
  for await (const balance of transaction.values({ prefix: 'account/' })) {
    if (balance < 0) throw new Error(`an account holds ${balance}`);
    sum += balance;
  }
  await turn();
  if (sum !== TOTAL) throw new Error(`the accounts hold ${sum}, not ${TOTAL}`);
}

async function see(transaction, done, list) {
  note(done, list, (await transaction.get(name(list))) ?? []);
}

/** Lists that are not there are read too: as empty. */
async function seeRange(transaction, done, list, width) {
  const found = new Map(
    await transaction.entries({ gte: name(list), lt: name(list + width), reverse: width > 3 }).toArray(),
  );
  for (let i = list; i < Math.min(LISTS, list + width); i++) note(done, i, found.get(name(i)) ?? []);
}

async function append(transaction, done, list) {
  const before = (await transaction.get(name(list))) ?? [];
  note(done, list, before);
  await turn();
  const element = slot * 1_000_000 + appended++;
  transaction.put(name(list), [...before, element]);
  done.appends.push({ list, element });
}

/** What it has appended itself is no read of what others did. */
function note(done, list, elements) {
  const own = done.appends.filter((append) => append.list === list).map(({ element }) => element);
  const others = elements.slice(0, elements.length - own.length);
  if (String(elements.slice(others.length)) !== String(own))
    throw new Error(`list ${list} lacks the transaction's own`);
  done.reads.push({ list, elements: others });
}

function name(list) {
  return `list/${String(list).padStart(2, '0')}`;
}

function account(number) {
  return `account/${String(number).padStart(2, '0')}`;
}

/** SplitMix32. */
function random(below) {
  state = (state + 0x9e3779b9) >>> 0;
  let z = state;
  z = Math.imul(z ^ (z >>> 16), 0x21f0aaad);
  z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
  return ((z ^ (z >>> 15)) >>> 0) % below;
}
