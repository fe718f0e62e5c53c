/**
 * A slot: a header of fixed size that says everything and vouches for the body, which is records of the log as the engine
 * hands them out, or the owner whose fence it is.
 *
 * @module
 */

import { createHash } from 'node:crypto';
import { type Owner, type Records, type Slot, seal } from '../protocol/index.js';
import { checkFormat, damaged } from './damaged.js';
import { expectPlain } from './sealed.js';

const MAGIC = 'copslt\r\n';
const RECORDS = 1;
const FENCE = 2;
const HEADER_BYTES = 256;
/** The end of the header is a digest of what stands before it. */
const CHECKED_BYTES = HEADER_BYTES - 32;

const digest = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest();

export function encodeSlot(slot: Slot): Uint8Array {
  const { branchId, epoch, previous, owner, records } = slot;
  const body = owner === undefined ? (records?.body as Uint8Array) : Buffer.from(JSON.stringify(owner));
  const header = Buffer.alloc(HEADER_BYTES);
  header.write(MAGIC, 0, 'latin1');
  header.writeUInt32LE(1, 8);
  header.writeUInt8(owner === undefined ? RECORDS : FENCE, 20);
  header.write(branchId, 24, 'hex');
  header.writeBigUInt64LE(BigInt(epoch), 40);
  header.writeBigUInt64LE(BigInt(slot.slot), 48);
  header.write(previous, 56, 'hex');
  header.writeBigUInt64LE(BigInt(records?.first ?? 0), 88);
  header.writeBigUInt64LE(BigInt(records?.last ?? 0), 96);
  header.writeBigUInt64LE(BigInt(records?.revision ?? 0), 104);
  header.writeBigInt64LE(BigInt(records?.timeMs ?? 0), 112);
  header.writeBigUInt64LE(BigInt(body.length), 120);
  if (records === undefined) digest(body).copy(header, 128);
  else header.write(records.sha256, 128, 'hex');
  digest(header.subarray(0, CHECKED_BYTES)).copy(header, CHECKED_BYTES);
  return Buffer.concat([header, body]);
}

export function decodeSlot(key: string, bytes: Uint8Array): Slot {
  expectPlain(key, bytes);
  const object = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  if (object.length < HEADER_BYTES || object.toString('latin1', 0, 8) !== MAGIC) throw damaged(key, 'it is no slot');
  const [format, requires] = [object.readUInt32LE(8), object.readUInt32LE(12)];
  checkFormat(key, format, requires === 0 ? [] : [`features ${requires.toString(16)}`]);
  const [header, body] = [object.subarray(0, HEADER_BYTES), object.subarray(HEADER_BYTES)];
  if (!digest(header.subarray(0, CHECKED_BYTES)).equals(header.subarray(CHECKED_BYTES))) {
    throw damaged(key, 'the digest of its header is another one');
  }
  const number = (at: number) => Number(header.readBigUInt64LE(at));
  const sha256 = header.toString('hex', 128, 160);
  if (body.length !== number(120) || digest(body).toString('hex') !== sha256) {
    throw damaged(key, 'the digest of its body is another one');
  }
  const slot = number(48);
  const previous = slot === 1 ? '' : header.toString('hex', 56, 88);
  const place = { branchId: header.toString('hex', 24, 40), epoch: number(40), slot, previous };
  if (header.readUInt8(20) === FENCE) return seal({ ...place, owner: JSON.parse(body.toString()) as Owner });
  const timeMs = Number(header.readBigInt64LE(112));
  const records: Records = { first: number(88), last: number(96), revision: number(104), timeMs, sha256, body };
  return seal({ ...place, records });
}
