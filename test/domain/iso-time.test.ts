import { afterAll, beforeAll, expect, test } from 'vitest';
import { parseIsoTime } from '../../src/domain/iso-time.ts';

const before = process.env.TZ;
beforeAll(() => {
  process.env.TZ = 'Asia/Tokyo';
});
afterAll(() => {
  if (before === undefined) delete process.env.TZ;
  else process.env.TZ = before;
});

test.each([
  ['2026-01-31', '2026-01-31T00:00:00.000Z'],
  ['2026-01-31T10:20', '2026-01-31T10:20:00.000Z'],
  ['2026-01-31T10:20:30', '2026-01-31T10:20:30.000Z'],
  ['2026-01-31T10:20:30.123456789', '2026-01-31T10:20:30.123Z'],
  ['2026-01-31T10:20:30Z', '2026-01-31T10:20:30.000Z'],
  ['2026-01-31T10:20:30+09:00', '2026-01-31T01:20:30.000Z'],
  ['2026-01-31T10:20:30-0330', '2026-01-31T13:50:30.000Z'],
  ['2026-01-31T10:20:30+01', '2026-01-31T09:20:30.000Z'],
  ['2024-02-29', '2024-02-29T00:00:00.000Z'],
  ['0001-01-01', '0001-01-01T00:00:00.000Z'],
])('%s is read, as UTC unless it says otherwise, wherever the server stands', (text, time) => {
  expect(new Date(2026, 0, 1).getTimezoneOffset()).toBe(-540);
  expect(parseIsoTime(text)?.toISOString()).toBe(time);
});

test.each([
  ['a day that does not exist', '2026-02-29'],
  ['a month that does not exist', '2026-13-01'],
  ['an hour that does not exist', '2026-01-01T25:00:00Z'],
  ['an offset that does not exist', '2026-01-01T00:00:00+24:00'],
  ['the year 0', '0000-01-01'],
  ['the year 0 in UTC', '0001-01-01T00:00:00+14:00'],
  ['the year 10000 in UTC', '9999-12-31T23:59:59-14:00'],
  ['another form', 'Sat, 31 Jan 2026 10:20:30 GMT'],
  ['epoch seconds as text', '1769854830'],
  ['epoch seconds', 1769854830],
  ['a date with something behind it', '2026-01-31 '],
  ['nothing', null],
])('%s is no time', (_, value) => {
  expect(parseIsoTime(value)).toBeNull();
});
