/**
 * `coppice tag`: lists the tags in a store, makes one, drops one.
 *
 * @module
 */

import { createTag, dropTag, listTags, type TagInfo } from '../../branches.js';
import { type Call, type Command, EXIT, type Exit, encryption } from '../command.js';
import { columns } from '../figures.js';
import { checkFlags, GROWN_FLAGS, MADE_OF, momentText, optionsOf } from './grown.js';

export const tag: Command = {
  name: 'tag',
  summary: 'print the tags in a store; make one of a branch as it is or was, which nobody writes; drop one',
  positionals: ['STORE', '[NAME]'],
  flags: GROWN_FLAGS,
  async run(call) {
    const [store, name] = call.positionals as [string, string | undefined];
    if (call.has('drop')) checkFlags(call, name, 'drop', 'dry-run');
    else checkFlags(call, name, '', ...MADE_OF, 'ttl');
    if (name === undefined) return list(call, store);
    if (call.has('drop')) return drop(call, store, name);
    await createTag(store, name, optionsOf(call));
    if (call.has('json')) await call.terminal.json({ name, store });
    else await call.terminal.line(`made ${name}: open it with the options store, branch and readOnly`);
    return EXIT.OK;
  },
};

async function drop(call: Call, store: string, name: string): Promise<Exit> {
  const dryRun = call.has('dry-run');
  const info = await dropTag(store, name, { dryRun, ...encryption() });
  if (call.has('json')) await call.terminal.json({ ...info, dropped: !dryRun });
  else await call.terminal.line(`${dryRun ? 'would drop' : 'dropped'} ${name}, a tag of ${info.of}`);
  return EXIT.OK;
}

async function list(call: Call, store: string): Promise<Exit> {
  const tags = await listTags(store, encryption());
  if (call.has('json')) for (const info of tags) await call.terminal.json(info);
  else for (const line of columns([['tag', 'of', 'at', 'expires'], ...tags.map(row)])) await call.terminal.line(line);
  return tags.length > 0 ? EXIT.OK : EXIT.NO;
}

function row({ name, of, at, expiresAt }: TagInfo): string[] {
  return [name, of, momentText(at), expiresAt?.toISOString() ?? ''];
}
