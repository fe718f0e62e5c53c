/**
 * A manifest as gzip JSON, with a digest of what it says.
 *
 * @module
 */

import { promisify } from 'node:util';
import { gunzip, gzip } from 'node:zlib';
import { type Manifest, sha256 } from '../protocol/index.js';
import { checkFormat, damaged, FORMAT } from './damaged.js';
import { expectPlain } from './sealed.js';

/** Some hundreds of bytes a table: enough for a million of them. */
const TEXT_BYTES_MAX = 512 << 20;

interface Wrapped {
  format: number;
  requires: string[];
  sha256: string;
  manifest: Manifest;
}

export async function encodeManifest(manifest: Manifest): Promise<Uint8Array> {
  const wrapped: Wrapped = { format: FORMAT, requires: [], sha256: sha256(JSON.stringify(manifest)), manifest };
  return promisify(gzip)(JSON.stringify(wrapped));
}

export async function decodeManifest(key: string, body: Uint8Array): Promise<Manifest> {
  expectPlain(key, body);
  const wrapped = await unpack(key, body);
  if (typeof wrapped !== 'object' || wrapped === null) throw damaged(key, 'it is no object');
  checkFormat(key, wrapped.format, wrapped.requires ?? []);
  if (typeof wrapped.manifest !== 'object' || wrapped.manifest === null) throw damaged(key, 'it says nothing');
  if (sha256(JSON.stringify(wrapped.manifest)) !== wrapped.sha256) throw damaged(key, 'its digest is another one');
  return wrapped.manifest;
}

async function unpack(key: string, body: Uint8Array): Promise<Wrapped> {
  try {
    const text = await promisify(gunzip)(body, { maxOutputLength: TEXT_BYTES_MAX });
    return JSON.parse(text.toString());
  } catch (cause) {
    throw damaged(key, 'it is no JSON in gzip', cause);
  }
}
