/**
 * Stores by name, as options and the command line take them.
 *
 * @module
 */

import { fileURLToPath } from 'node:url';
import { CoppiceError, invalid } from '../../errors.js';
import { fsStore } from './folder/index.js';
import type { ObjectStore } from './object-store.js';
import { type S3Options, s3 } from './s3/index.js';

/** A letter alone before the colon is a drive of Windows. */
const SCHEME = /^([a-z][a-z0-9+.-]+):(\/\/)?/i;
const S3_NAME = /^s3:\/\/([^/?#]+)(?:\/([^?#]*))?(?:\?([^#]*))?$/i;
const OTHERS = 'a folder is named by its path or a file:// URL, a bucket by s3://bucket/prefix';

/** How the options of `s3` are read from the query of a name. */
const QUERY: Readonly<Record<string, (text: string, options: S3Options) => void>> = {
  endpoint: (text, options) => {
    options.endpoint = text;
  },
  region: (text, options) => {
    options.region = text;
  },
  forcePathStyle: (text, options) => {
    if (text !== 'true' && text !== 'false') throw invalid('forcePathStyle', 'true or false', text);
    options.forcePathStyle = text === 'true';
  },
  maxAttempts: (text, options) => {
    options.maxAttempts = Number(text);
  },
  timeout: (text, options) => {
    options.timeout = text;
  },
};

/**
 * The store of a name: `s3://bucket/prefix`, with options of `s3` behind a question mark, or a folder. A name holds no
 * secrets: credentials come from where every AWS tool finds them.
 *
 * @throws `COPPICE_INVALID` for a name that is none, and for options that `s3` does not take.
 * @example
 * ```ts
 * import { storeAt } from 'coppice';
 *
 * console.log(storeAt('./store').location);
 * console.log(storeAt('s3://my-bucket/databases/main?region=eu-central-1').location);
 * console.log(storeAt('s3://my-bucket?endpoint=http://127.0.0.1:7070&forcePathStyle=true').location);
 * ```
 */
export function storeAt(name: string): ObjectStore {
  const folder = folderNamed(name);
  return folder === undefined ? bucketOf(name) : fsStore(folder);
}

/** The folder that a name stands for; nothing if that is a bucket. */
export function folderNamed(name: string): string | undefined {
  if (typeof name !== 'string' || name === '') throw invalid('store', 'the name of a store', name);
  const [start, scheme = '', slashes] = SCHEME.exec(name) ?? [];
  if (start === undefined) return name;
  if (scheme.toLowerCase() === 'file') return folderOf(name);
  if (start.toLowerCase() === 's3://') return undefined;
  // With a slash too few it would else be a folder, made without a word.
  const message =
    slashes === undefined
      ? `"${name}" is no store: ${OTHERS}; a folder of that very name by ./${name}`
      : `there are no stores at ${start.toLowerCase()} yet: ${OTHERS}`;
  throw new CoppiceError('INVALID', message, { details: { option: 'store' } });
}

function folderOf(name: string): string {
  try {
    return fileURLToPath(name);
  } catch (cause) {
    throw new CoppiceError('INVALID', `"${name}" names no folder of this machine`, {
      cause,
      details: { option: 'store' },
    });
  }
}

function bucketOf(name: string): ObjectStore {
  const [, bucket = '', prefix = '', query = ''] = S3_NAME.exec(name) ?? [];
  if (bucket.includes('@')) {
    const message = 'the name of a store holds no credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY';
    throw new CoppiceError('INVALID', message, { details: { option: 'store' } });
  }
  if (bucket === '') throw invalid('store', 's3://bucket/prefix?options', name);
  const options: S3Options = { bucket, prefix };
  for (const [option, text] of new URLSearchParams(query)) {
    const read = Object.hasOwn(QUERY, option) ? QUERY[option] : undefined;
    if (read === undefined) {
      const known = Object.keys(QUERY).join(', ');
      throw new CoppiceError('INVALID', `unknown option "${option}" in the name of a store: it takes ${known}`, {
        details: { option },
      });
    }
    read(text, options);
  }
  return s3(options);
}
