import test from 'ava';
import { deadlineMs, durationMs } from '../../ts/options/duration.js';
import { refuses } from '../support/errors.js';

test('a duration is milliseconds, or a number with a unit', (t) => {
  const known: [number | string, number][] = [
    [1, 1],
    [1500, 1500],
    ['250ms', 250],
    ['90s', 90_000],
    ['5m', 300_000],
    ['1.5h', 5_400_000],
    ['7d', 604_800_000],
    [0.2, 1],
    ['10000d', 864_000_000_000],
  ];
  for (const [duration, ms] of known) t.is(durationMs(duration, 'ttl'), ms, String(duration));
});

test('what is no duration, or not between a millisecond and 10,000 days, is refused by name', async (t) => {
  for (const bad of [
    0,
    -1,
    Number.NaN,
    Number.POSITIVE_INFINITY,
    '',
    '5',
    '5 m',
    '-5s',
    '5w',
    '1e3s',
    '10001d',
    null,
    {},
    true,
    5n,
  ]) {
    await refuses(t, 'COPPICE_INVALID', () => durationMs(bad, 'ttl'), /^ttl must be milliseconds/);
  }
});

test('a deadline comes from ttl or expiresAt, never from both', async (t) => {
  const clock = { nowMs: 1_000 };
  t.is(deadlineMs('1m', undefined, clock), 61_000);
  t.is(deadlineMs(undefined, new Date(5), clock), 5);
  t.is(deadlineMs(undefined, undefined, clock), undefined);
  await refuses(t, 'COPPICE_INVALID', () => deadlineMs(1, new Date(), clock), /not both/);
  for (const bad of [new Date(Number.NaN), 5, '2030-01-01', null]) {
    await refuses(t, 'COPPICE_INVALID', () => deadlineMs(undefined, bad, clock), /^expiresAt must be a valid Date/);
  }
});
