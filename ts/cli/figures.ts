/**
 * Figures as people read them.
 *
 * @module
 */

export type Unit = 'bytes' | 'count';

const BYTE_UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];

/** A figure with its unit: `1.5 MiB`, `12,345`. */
export function figure(value: number, unit: Unit): string {
  return unit === 'bytes' ? bytes(value) : Math.round(value).toLocaleString('en');
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
