/** What the writer that is killed and whoever checks what it has left have in common. */

export const ACCOUNTS = 20;
export const BALANCE = 1_000;

export interface Transfer {
  from: string;
  to: string;
  moved: number;
}

export function accountOf(number: number): string {
  return `account/${String(number).padStart(2, '0')}`;
}

export function transferOf(number: number): string {
  return String(number).padStart(9, '0');
}
