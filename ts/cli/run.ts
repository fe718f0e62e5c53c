/**
 * One call of the command line, from arguments to exit code.
 *
 * @module
 */

import { CoppiceError } from '../errors.js';
import { didYouMean } from '../options/nearest.js';
import { requireHere } from '../place.js';
import { type Command, EXIT, type Exit, parseCall, usage } from './command.js';
import { COMMANDS } from './commands/index.js';
import { manual, overview } from './help.js';
import { type Streams, Terminal } from './terminal.js';

/** Runs a command and answers its exit code. Whatever fails is told on the error stream, with its code. */
export async function run(args: readonly string[], streams: Streams): Promise<Exit> {
  const terminal = new Terminal(streams);
  try {
    return await dispatch(args, terminal);
  } catch (error) {
    if (!(error instanceof CoppiceError)) throw error;
    const { code, message, details } = error;
    const json = args.includes('--json');
    terminal.note(json ? JSON.stringify({ code, message, details }) : `coppice: ${message} (${code})`);
    return code === 'COPPICE_INVALID' ? EXIT.USAGE : EXIT.FAILED;
  }
}

async function dispatch(args: readonly string[], terminal: Terminal): Promise<Exit> {
  // `coppice help get` is `coppice get --help`.
  const [name, ...rest] = args[0] === 'help' && args[1] !== undefined ? [args[1], '--help'] : args;
  if (name === undefined || name === 'help' || name === '--help' || name === '-h') {
    await terminal.line(overview(COMMANDS));
    return name === undefined ? EXIT.USAGE : EXIT.OK;
  }
  if (name === '--version') {
    await terminal.line(version());
    return EXIT.OK;
  }
  const command = find(name);
  const call = parseCall(command, rest, terminal);
  if (!call.has('help')) return command.run(call);
  await terminal.line(manual(command));
  return EXIT.OK;
}

function find(name: string): Command {
  const command = COMMANDS.find((candidate) => candidate.name === name);
  if (command !== undefined) return command;
  const meant = didYouMean(
    name,
    COMMANDS.map((candidate) => candidate.name),
  );
  throw usage(`there is no command "${name}"${meant}: coppice --help lists them`);
}

function version(): string {
  const { version } = requireHere('../package.json') as { version: string };
  return version;
}
