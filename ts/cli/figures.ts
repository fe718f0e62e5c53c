/**
 * Figures as people read them.
 *
 * @module
 */

export type Unit = 'bytes' | 'count' | 'ratio' | 'factor' | 'ms';

const BYTE_UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];

/** A figure with its unit: `1.5 MiB`, `12,345`, `97.1%`, `3.2x`, `1.5 s`. */
export function figure(value: number, unit: Unit): string {
  switch (unit) {
    case 'bytes':
      return bytes(value);
    case 'count':
      return Math.round(value).toLocaleString('en');
    case 'ratio':
      return `${(value * 100).toFixed(1)}%`;
    case 'factor':
      return `${value.toFixed(1)}x`;
    case 'ms':
      return value < 1_000 ? `${Math.round(value)} ms` : `${(value / 1_000).toFixed(1)} s`;
  }
}

function bytes(value: number): string {
  let scaled = value;
  let unit = 0;
  // What would be shown as 1024 of a unit is 1 of the next.
  while (Math.abs(scaled) >= 1023.95 && unit < BYTE_UNITS.length - 1) {
    scaled /= 1024;
    unit++;
  }
  return unit === 0 ? `${Math.round(scaled)} B` : `${scaled.toFixed(1)} ${BYTE_UNITS[unit]}`;
}

/** Rows as columns; the first is aligned to the left, all others to the right. */
export function columns(rows: readonly (readonly string[])[]): string[] {
  const widths = rows.reduce<number[]>((all, row) => {
    row.forEach((cell, i) => {
      all[i] = Math.max(all[i] ?? 0, cell.length);
    });
    return all;
  }, []);
  const pad = (cell: string, i: number) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0));
  return rows.map((row) => row.map(pad).join('  ').trimEnd());
}
