import { sql } from 'drizzle-orm';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { queryRows, textArray } from '../../../src/db/client.ts';
import { momentOf, momentSql } from '../../../src/domain/users/moment.ts';
import { DATABASES, openTestDatabase, type TestDatabase } from '../../support/database.ts';
import { timeOf } from '../../support/facts.ts';

const TIMES = [
  '2026-01-31T12:00:00Z',
  '2026-01-31T12:00Z',
  '2026-01-31T12:00:00.5Z',
  '2026-01-31T12:00:00.123456789Z',
  '2026-01-31T12:00:00.999999999+05:30',
  '2026-01-31T12:00:00.9995-08',
  '2026-01-31T12:00:00.5+0530',
  '2026-01-31T12:00-00:00',
  '2024-02-29T00:00:00+15:59',
  '2000-02-29T23:59:59-15:59',
  '0001-01-01T00:00:00+01:00',
  '9999-12-31T23:59:59.999-01:00',
  '1969-12-31T23:59:59.999Z',
  '0400-02-29T00:00Z',
];

const NO_TIMES = [
  '',
  'now',
  'infinity',
  'epoch',
  '2026-01-31',
  '2026-01-31T12:00:00',
  '2026-01-31 12:00:00Z',
  '2026-01-31t12:00:00z',
  '2026-02-29T00:00:00Z',
  '1900-02-29T00:00:00Z',
  '2026-04-31T00:00:00Z',
  '2026-13-01T00:00:00Z',
  '2026-00-10T00:00:00Z',
  '2026-01-00T00:00:00Z',
  '2026-01-31T24:00:00Z',
  '2026-01-31T12:60:00Z',
  '2026-01-31T12:00:60Z',
  '2026-01-31T12:00:00.Z',
  '2026-01-31T12:00:00.1234567890Z',
  '2026-01-31T12:00:00+16:00',
  '2026-01-31T12:00:00+05:60',
  '2026-01-31T12:00:00+5',
  '2026-01-31T12:00:00 Z',
  '2026-01-31T12:00:00ZZ',
  '2026-01-31T12:00:00Z\n',
  '\n2026-01-31T12:00:00Z',
  '0000-01-01T00:00:00Z',
  '+002026-01-31T12:00:00Z',
  '٢٠٢٦-01-31T12:00:00Z',
  '２０２６-01-31T12:00:00Z',
  "2026-01-31T12:00:00Z'; drop table users; --",
];

/** Texts that are times, or would be but for one character. */
const almostTimes = fc
  .record({
    year: fc.integer({ min: 0, max: 9999 }),
    month: fc.integer({ min: 0, max: 13 }),
    day: fc.integer({ min: 0, max: 32 }),
    hour: fc.integer({ min: 0, max: 25 }),
    minute: fc.integer({ min: 0, max: 61 }),
    second: fc.option(fc.integer({ min: 0, max: 61 })),
    fraction: fc.option(fc.integer({ min: 0, max: 9_999_999_999 })),
    zone: fc.constantFrom('Z', '', '+00', '-05', '+0530', '+05:30', '-15:59', '+16:00', '+1', 'z'),
  })
  .map((t) => {
    const n = (value: number, digits = 2) => String(value).padStart(digits, '0');
    const second = t.second === null ? '' : `:${n(t.second)}${t.fraction === null ? '' : `.${t.fraction}`}`;
    return `${n(t.year, 4)}-${n(t.month)}-${n(t.day)}T${n(t.hour)}:${n(t.minute)}${second}${t.zone}`;
  });

test('a text is a time when it has a date that exists, a time of day and a zone', () => {
  expect(TIMES.map((text) => [text, momentOf(text)])).toEqual(TIMES.map((text) => [text, timeOf(text)]));
  expect(TIMES.filter((text) => momentOf(text) === null)).toEqual([]);
  expect(NO_TIMES.filter((text) => momentOf(text) !== null)).toEqual([]);
  expect(momentOf('2026-01-31T12:00:00.9999999+01:00')).toBe(Date.UTC(2026, 0, 31, 11, 0, 0, 999));
});

test('the reading agrees with one by hand', () => {
  fc.assert(
    fc.property(almostTimes, (text) => {
      expect(momentOf(text)).toBe(timeOf(text));
    }),
    { numRuns: 5_000 },
  );
});

describe.each(DATABASES)('moments on %s', (kind) => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await openTestDatabase(kind);
  });
  afterAll(() => database.close());

  const inSql = async (texts: readonly string[], zone = 'UTC') =>
    database.db.transaction(async (tx) => {
      await tx.execute(sql`select set_config('TimeZone', ${zone}, true)`);
      const rows = await queryRows<{ ms: string | null }>(
        tx as unknown as TestDatabase['db'],
        sql`select ${momentSql(sql`t`)}::text as ms from unnest(${textArray(texts)}) with ordinality u(t, n) order by n`,
      );
      return rows.map(({ ms }) => (ms === null ? null : Number(ms)));
    });

  test('SQL reads every text as JavaScript does, whatever the time zone of the server', async () => {
    const texts = [...TIMES, ...NO_TIMES];
    expect(await inSql(texts)).toEqual(texts.map(momentOf));
    expect(await inSql(texts, 'America/New_York')).toEqual(texts.map(momentOf));
  });

  test('SQL reads thousands of random texts as JavaScript does', async () => {
    const texts = fc.sample(almostTimes, 4_000);
    const moments = texts.map(momentOf);
    expect(moments.filter((ms) => ms !== null).length).toBeGreaterThan(100);
    expect(await inSql(texts)).toEqual(moments);
  });
});
