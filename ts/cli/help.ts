/**
 * The help texts, made from the commands themselves.
 *
 * @module
 */

import { COMMON, type Command, type Flag } from './command.js';

export function overview(commands: readonly Command[]): string {
  const rows = commands.map((command) => [synopsis(command), command.summary] as const);
  return [
    'coppice: look into a database and change it',
    '',
    ...columns(rows),
    '',
    'Every command takes:',
    ...columns(flagRows(COMMON)),
    '',
    'Arguments after -- are never flags. Keys and values are UTF-8 unless --hex or --base64 is given.',
    'Exit codes: 0 done, 1 no such key, damage found, or a store that will not do, 2 wrong call,',
    '3 the database or the store refused or failed.',
  ].join('\n');
}

export function manual(command: Command): string {
  const flags = { ...command.flags, ...COMMON };
  return [`coppice ${synopsis(command)}`, `  ${command.summary}`, '', ...columns(flagRows(flags))].join('\n');
}

function synopsis(command: Command): string {
  return [command.name, ...command.positionals].join(' ');
}

function flagRows(flags: Readonly<Record<string, Flag>>): (readonly [string, string])[] {
  return Object.entries(flags).map(([name, { short, value, help }]) => {
    const dashed = short === undefined ? `--${name}` : `-${short}, --${name}`;
    return [value === undefined ? dashed : `${dashed} ${value}`, help] as const;
  });
}

function columns(rows: readonly (readonly [string, string])[]): string[] {
  const width = Math.max(...rows.map(([left]) => left.length));
  return rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`);
}
