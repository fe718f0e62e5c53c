/**
 * The log of a store as a picture in SVG, readable on light and on dark, with everything said in words too.
 *
 * @module
 */

import type { LogEvent } from '../../repository/index.js';
import { printable } from '../text.js';
import type { Drawn } from './lanes.js';
import { type Lane, type Layout, layoutOf } from './layout.js';
import { timeOf, wordsOf } from './words.js';

const COLUMN = 46;
const ROW = 58;
const MARGIN = 28;
const TOP = 58;
const WIDTH_MIN = 640;
/** Between two times of the axis. */
const TICK = 170;
const NAME_MAX = 40;

/** Of a lane, one after the other: on light, on dark. */
const COLOURS: readonly (readonly [string, string])[] = [
  ['#0b5cad', '#6cb2ff'],
  ['#a6420c', '#ffa066'],
  ['#1a7335', '#63d187'],
  ['#7a33a8', '#cf9bf5'],
  ['#9c1c50', '#ff8ab4'],
  ['#126b73', '#5ccfd8'],
];

/** Of ground, words, lines of the axis. */
const STYLE = `
  text { font: 12px ui-monospace, Menlo, Consolas, monospace; fill: #24292f; }
  .ground { fill: #ffffff; } .axis { stroke: #d8dee4; }
  .small { font-size: 10px; fill: #57606a; stroke: #ffffff; stroke-width: 4px; paint-order: stroke; }
  .lane { fill: none; stroke-width: 2.5; stroke-linecap: round; } .dropped { stroke-dasharray: 2 6; }
  .hollow { fill: #ffffff; stroke-width: 2.5; } .mark { stroke-width: 2.5; stroke-linecap: round; }
${COLOURS.map(([light], n) => colour(n, light)).join('')}  @media (prefers-color-scheme: dark) {
  text { fill: #e6edf3; } .ground, .hollow { fill: #0d1117; } .small { fill: #9da7b1; stroke: #0d1117; } .axis { stroke: #30363d; }
${COLOURS.map(([, dark], n) => colour(n, dark)).join('')}  }
`;

function colour(n: number, of: string): string {
  return `  .s${n} { stroke: ${of}; } .f${n} { fill: ${of}; }\n`;
}

export function svgOf(newestFirst: readonly LogEvent[]): string {
  const layout = layoutOf(newestFirst);
  const { lanes, drawn } = layout;
  const bottom = TOP + Math.max(1, lanes.size) * ROW;
  const names = [...lanes.values()].map(({ first, name }) => xOf(first) + 7.3 * shortened(name).length + MARGIN);
  const width = Math.max(WIDTH_MIN, xOf(drawn.length - 1) + 2 * MARGIN, ...names);
  const size = `width="${Math.ceil(width)}" height="${bottom + 62}"`;
  const described = `${lanes.size} branches, ${drawn.length} events, from ${whenOf(drawn[0])} to ${whenOf(drawn.at(-1))}.`;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" ${size} viewBox="0 0 ${Math.ceil(width)} ${bottom + 62}" role="img" aria-labelledby="title desc">`,
    '<title id="title">Branches of a store</title>',
    `<desc id="desc">${described} Time goes from left to right, one event a step.</desc>`,
    `<style>${STYLE}</style>`,
    `<rect class="ground" width="100%" height="100%" rx="8"/>`,
    ...legend(),
    ...axis(layout, bottom),
    ...[...lanes.values()].flatMap((lane) => drawnLane(lane, lane.parent && lanes.get(lane.parent))),
    ...drawn.map(({ event, lane }, column) => drawnEvent(event, column, lanes.get(lane) as Lane)),
    ...[...lanes.values()].map(nameOf),
    '</svg>',
    '',
  ].join('\n');
}

const xOf = (column: number) => MARGIN + 8 + column * COLUMN;
const yOf = ({ row }: Lane) => TOP + 28 + row * ROW;
const colourOf = ({ row }: Lane) => row % COLOURS.length;
const whenOf = (drawn: Drawn | undefined) => (drawn === undefined ? '-' : timeOf(drawn.event));

/** Text in XML; what XML has no way to write is shown as an escape. */
function escaped(text: string): string {
  const named: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };
  return printable(text)
    .replace(/[\uFFFE\uFFFF]/g, '?')
    .replace(/[&<>"]/g, (character) => named[character] as string);
}

function shortened(branch: string): string {
  const letters = [...printable(branch)];
  return letters.length <= NAME_MAX ? letters.join('') : `${letters.slice(0, NAME_MAX - 1).join('')}\u2026`;
}

/** Where a branch has grown from another comes half a step before its first event. */
function drawnLane(lane: Lane, parent: Lane | undefined | ''): string[] {
  const [y, first, last] = [yOf(lane), xOf(lane.first), xOf(lane.last)];
  const drawn = [line(lane, first, last, y)];
  if (!parent) return drawn;
  const [x, top] = [first - COLUMN * 0.7, yOf(parent)];
  const path = `M ${x} ${top} C ${x + 24} ${top}, ${x + 4} ${y}, ${first} ${y}`;
  return [...drawn, `<path class="lane curve s${colourOf(lane)}" d="${path}"/>`];
}

function line(lane: Lane, from: number, to: number, y: number): string {
  const dropped = lane.isDropped ? ' dropped' : '';
  return `<line class="lane${dropped} s${colourOf(lane)}" x1="${from}" y1="${y}" x2="${to}" y2="${y}"/>`;
}

function nameOf(lane: Lane): string {
  const { name, first } = lane;
  const text = `<text class="f${colourOf(lane)}" x="${xOf(first) + 2}" y="${yOf(lane) - 14}">${escaped(shortened(name))}`;
  return `${text}<title>${escaped(name)}</title></text>`;
}

function drawnEvent(event: LogEvent, column: number, lane: Lane): string {
  const [x, y] = [xOf(column), yOf(lane)];
  const words = `${event.branch}, ${timeOf(event)}: ${wordsOf(event)}`;
  return `<g class="${event.type}"><title>${escaped(words)}</title>${markOf(event.type, x, y, colourOf(lane))}${labelOf(event, x, y)}</g>`;
}

function labelOf(event: LogEvent, x: number, y: number): string {
  if (event.type === 'tag') {
    const turned = `transform="rotate(-30 ${x} ${y - 14})"`;
    return `<text class="small" x="${x}" y="${y - 14}" ${turned}>${escaped(shortened(event.branch))}</text>`;
  }
  if ((event.type !== 'checkpoint' && event.type !== 'end') || event.revision === null) return '';
  return `<text class="small" x="${x}" y="${y + 20}" text-anchor="middle">r${event.revision}</text>`;
}

function markOf(type: LogEvent['type'], x: number, y: number, n: number): string {
  switch (type) {
    case 'checkpoint':
      return `<circle class="f${n}" cx="${x}" cy="${y}" r="6"/>`;
    case 'end':
      return `<circle class="hollow s${n}" cx="${x}" cy="${y}" r="6"/>`;
    case 'tag':
      return `<path class="f${n}" d="M ${x} ${y} l -5 -11 h 10 z"/>`;
    case 'branch':
      return `<circle class="f${n}" cx="${x}" cy="${y}" r="2.5"/>`;
    case 'takeover':
      return `<path class="mark s${n}" d="M ${x} ${y - 7} V ${y + 7}"/>`;
    case 'trim':
      return `<path class="mark s${n}" fill="none" d="M ${x + 5} ${y - 7} H ${x} V ${y + 7} H ${x + 5}"/>`;
    case 'drop':
      return `<path class="mark s${n}" d="M ${x - 5} ${y - 5} l 10 10 m 0 -10 l -10 10"/>`;
  }
}

const LEGEND: readonly (readonly [LogEvent['type'], string])[] = [
  ['checkpoint', 'checkpoint'],
  ['end', 'newest'],
  ['takeover', 'taken over'],
  ['trim', 'trimmed'],
  ['tag', 'tag'],
  ['drop', 'dropped'],
];

function legend(): string[] {
  return LEGEND.flatMap(([type, label], n) => {
    const x = MARGIN + 8 + n * 118;
    return [markOf(type, x, 26, 0), `<text class="small" x="${x + 14}" y="30">${label}</text>`];
  });
}

/** Times stand below as many of the columns as there is room for. */
function axis({ drawn: all }: Layout, bottom: number): string[] {
  const drawn: string[] = [];
  let free = Number.NEGATIVE_INFINITY;
  let told = '';
  all.forEach(({ event }, column) => {
    const [x, time] = [xOf(column), timeOf(event).replace('T', ' ').replace('Z', '')];
    if (event.at === null || event.time !== 'exact' || x < free || time === told) return;
    free = x + TICK;
    told = time;
    drawn.push(`<line class="axis" x1="${x}" y1="${TOP - 8}" x2="${x}" y2="${bottom + 22}"/>`);
    drawn.push(`<text class="small" x="${x}" y="${bottom + 38}">${time}</text>`);
  });
  return drawn;
}
