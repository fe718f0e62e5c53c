/** Entries as lines, against databases and lines that nobody has thought of. */

import { join } from 'node:path';
import { Readable } from 'node:stream';
import test from 'ava';
import { decodeLine, encodeEntry, type LineEntry } from '../../ts/cli/entries/line.js';
import { entriesOf } from '../../ts/cli/entries/lines.js';
import { CoppiceError, open } from '../../ts/index.js';
import { coppice } from '../support/command.js';
import { temporaryFolder } from '../support/database.js';
import { type Random, randomOf } from '../support/random.js';

const TEXTS = ['', 'a', '!users!', 'é', '\u{1f333}', '"\\', '\u2028', '\n', '\r\n', '\0', '\ufeff', '{"key":1}'];

function bytesOf(random: Random, most: number): Buffer {
  if (random(2) === 0) return Buffer.from(Array.from({ length: random(most) }, () => random(256)));
  return Buffer.from(Array.from({ length: 1 + random(4) }, () => TEXTS[random(TEXTS.length)]).join(''));
}

function entryOf(random: Random): LineEntry {
  const entry = { key: bytesOf(random, 40), value: bytesOf(random, random(10) === 0 ? 10_000 : 60) };
  // In a thousand years or more, so that nothing expires in between.
  return random(3) > 0 ? entry : { ...entry, expiresAt: new Date(Date.UTC(3000, 0) + random(1 << 30) * 1_000) };
}

test('a database of any bytes is the same after export and import', async (t) => {
  const random = randomOf(t);
  for (let round = 0; round < 20; round++) {
    const top = await temporaryFolder(t);
    const [path, copy] = [join(top, 'db'), join(top, 'copy')];
    const db = await open(path, { keyEncoding: 'buffer', valueEncoding: 'buffer', durability: 'process' });
    const users = db.sublevel('users');
    for (let i = random(200); i > 0; i--) {
      const { key, value, expiresAt } = entryOf(random);
      const to = random(4) === 0 ? users : db;
      await to.put(key, value, expiresAt === undefined ? {} : { expiresAt });
    }
    if (round === 0) await db.put(Buffer.from('large'), Buffer.alloc(3 << 20, 0xff));
    await db.close();
    const { out } = await coppice(['export', path]);
    t.is((await coppice(['import', copy], out)).code, 0);
    t.deepEqual(await coppice(['diff', path, copy, '--hex']), { code: 1, out: '', err: '' });
    t.is((await coppice(['export', copy])).out, out);
  }
});

test('an entry is the same after its line, however the bytes of the line are cut', async (t) => {
  const random = randomOf(t);
  for (let round = 0; round < 200; round++) {
    const entries = Array.from({ length: random(8) }, () => entryOf(random));
    const input = Buffer.from(
      [
        '{"format":"coppice entries","version":1}',
        ...entries.map(encodeEntry),
        '{"format":"coppice entries","end":true}',
      ].join('\n') + (random(2) === 0 ? '\n' : ''),
    );
    const pieces: Buffer[] = [];
    for (let at = 0; at < input.length; ) {
      const length = 1 + random(50);
      pieces.push(input.subarray(at, at + length));
      at += length;
    }
    const read: LineEntry[] = [];
    for await (const { entry } of entriesOf(Readable.from(pieces))) read.push(entry);
    t.deepEqual(read, entries);
  }
});

test('a line of any bytes is an entry that encodes to itself, or is refused with a code', (t) => {
  const random = randomOf(t);
  let [read, refused] = [0, 0];
  for (let round = 0; round < 20_000; round++) {
    const line = Buffer.from(encodeEntry(entryOf(random)));
    for (let changes = random(3); changes > 0; changes--) line[random(line.length)] = random(256);
    try {
      const entry = decodeLine(line.subarray(0, random(10) === 0 ? random(line.length) : line.length));
      t.deepEqual(entry && decodeLine(Buffer.from(encodeEntry(entry))), entry);
      read += 1;
    } catch (error) {
      if (!(error instanceof CoppiceError)) throw error;
      t.true(['COPPICE_CORRUPT', 'COPPICE_INVALID'].includes(error.code));
      refused += 1;
    }
  }
  t.true(read > 1_000 && refused > 1_000, `${read} read, ${refused} refused`);
});
