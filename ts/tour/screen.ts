/**
 * What the tour shows. Colours and a moving bar only where a person watches a terminal; plain lines elsewhere; nothing
 * at all when the answer is to be JSON.
 *
 * @module
 */

export interface Output {
  write(text: string): unknown;
  isTTY?: boolean;
  columns?: number;
}

const STYLES = { bold: 1, dim: 2, cyan: 36 };
const BAR_WIDTH = 40;
/** Without a terminal a long step says so often how far it is. */
const PLAIN_STEPS = 4;

export class Screen {
  readonly #output: Output;
  readonly #silent: boolean;
  readonly #terminal: boolean;
  readonly #colour: boolean;
  #barShown = false;
  #plainStep = 0;

  constructor(output: Output, environment: NodeJS.ProcessEnv, silent: boolean) {
    this.#output = output;
    this.#silent = silent;
    this.#terminal = output.isTTY === true && environment.TERM !== 'dumb';
    this.#colour = this.#terminal && (environment.NO_COLOR ?? '') === '';
  }

  title(text: string): void {
    this.#print(`\n${this.#style('bold', text)}\n`);
  }

  line(text = ''): void {
    this.#print(text === '' ? '\n' : `  ${text}\n`);
  }

  /** A line that may be pasted, or that was run. */
  code(text: string): void {
    this.#print(`  ${this.#style('cyan', text)}\n`);
  }

  dim(text: string): string {
    return this.#style('dim', text);
  }

  /** Draws how far a step is: 0 to 1. */
  progress(part: number, text: string): void {
    if (!this.#terminal) {
      if (part * PLAIN_STEPS < this.#plainStep + 1) return;
      this.#plainStep = Math.floor(part * PLAIN_STEPS);
      this.line(`${percent(part)} ${text}`);
      return;
    }
    const shown = `  [${bar(part, BAR_WIDTH).padEnd(BAR_WIDTH, '.')}] ${percent(part)} ${text}`;
    // A line that wraps could not be drawn over.
    this.#print(`\r${shown.slice(0, (this.#output.columns ?? 80) - 1)}\x1b[K`, true);
    this.#barShown = true;
  }

  endProgress(): void {
    this.#plainStep = 0;
    if (this.#barShown) this.#print('\r\x1b[K', true);
    this.#barShown = false;
  }

  /** Names with bars as long as their numbers, the longest being the largest. */
  bars(rows: readonly { name: string; value: number; text: string }[]): void {
    const largest = Math.max(...rows.map(({ value }) => value));
    const nameWidth = Math.max(...rows.map(({ name }) => name.length));
    const textWidth = Math.max(...rows.map(({ text }) => text.length));
    for (const { name, value, text } of rows) {
      this.line(`${name.padEnd(nameWidth)}  ${text.padStart(textWidth)}  ${bar(value / largest, BAR_WIDTH)}`);
    }
  }

  #print(text: string, drawing = false): void {
    if (this.#silent) return;
    if (this.#barShown && !drawing) this.endProgress();
    this.#output.write(text);
  }

  #style(style: keyof typeof STYLES, text: string): string {
    return this.#colour ? `\x1b[${STYLES[style]}m${text}\x1b[0m` : text;
  }
}

function bar(part: number, width: number): string {
  return '#'.repeat(Math.max(part > 0 ? 1 : 0, Math.round(part * width)));
}

function percent(part: number): string {
  return `${Math.floor(part * 100)}%`.padStart(4);
}
