/**
 * Draws rows as bars into an SVG that needs nothing else and reads well on a light and on a dark page.
 *
 * @module
 */
import type { Row } from './summary.js';
import { short } from './table.js';

const WIDTH = 760;
const LABEL = 150;
const VALUE = 80;
const BAR = 15;
const GAP = 5;
const TITLE = 34;

const STYLE = `
  text { font: 12px system-ui, sans-serif; fill: #24292f }
  .title { font-weight: 600; font-size: 13px }
  .name, .value { font-variant-numeric: tabular-nums }
  .ours { fill: #1f7a3f } .peer { fill: #8c959f } .memory { fill: #c9d1d9 }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 }
    .ours { fill: #3fb950 } .peer { fill: #6e7681 } .memory { fill: #444c56 }
  }`;

export function chart(title: string, rows: readonly Row[], persistent: (engine: string) => boolean): string {
  const parts: string[] = [];
  let y = 8;
  for (const row of rows) {
    const best = Math.max(...[...row.cells.values()].map(({ median }) => median));
    parts.push(text(0, y + 20, 'title', `${row.title} (${row.unit}, ${row.better} is better)`));
    y += TITLE;
    for (const [engine, cell] of row.cells) {
      const width = Math.max(1, ((WIDTH - LABEL - VALUE) * cell.median) / best);
      const kind = engine === 'coppice' ? 'ours' : persistent(engine) ? 'peer' : 'memory';
      parts.push(
        text(LABEL - 8, y + BAR - 3, 'name', engine, 'end'),
        `<rect class="${kind}" x="${LABEL}" y="${y}" width="${width.toFixed(1)}" height="${BAR}" rx="2"/>`,
        text(LABEL + width + 6, y + BAR - 3, 'value', short(cell.median)),
      );
      y += BAR + GAP;
    }
    y += 8;
  }
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${y}" width="${WIDTH}" height="${y}" role="img">
<title>${escaped(title)}</title>
<style>${STYLE}
</style>
${parts.join('\n')}
</svg>
`;
}

function text(x: number, y: number, kind: string, content: string, anchor = 'start'): string {
  return `<text class="${kind}" x="${x.toFixed(1)}" y="${y}" text-anchor="${anchor}">${escaped(content)}</text>`;
}

function escaped(content: string): string {
  return content.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
}
