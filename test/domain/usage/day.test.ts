import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { addDays, countDays, dayOf, monthOf, parseDay, parseDays } from '../../../src/domain/usage/day.ts';

const anyTime = fc.date({
  min: new Date('1970-01-01T00:00:00.000Z'),
  max: new Date('9998-12-31T23:59:59.999Z'),
  noInvalidDate: true,
});

describe('UTC days', () => {
  test('a day is the one in UTC, from its first millisecond to its last', () => {
    expect(dayOf(new Date('2026-02-28T00:00:00.000Z'))).toBe('2026-02-28');
    expect(dayOf(new Date('2026-02-28T23:59:59.999Z'))).toBe('2026-02-28');
    expect(dayOf(new Date('2026-02-28T23:59:59.999-01:00'))).toBe('2026-03-01');
  });

  test('days step over the ends of months and years, and over leap days where there is one', () => {
    expect(addDays('2026-02-28', 1)).toBe('2026-03-01');
    expect(addDays('2028-02-28', 1)).toBe('2028-02-29');
    expect(addDays('2100-02-28', 1)).toBe('2100-03-01');
    expect(addDays('2026-12-31', 1)).toBe('2027-01-01');
    expect(addDays('2028-03-01', -1)).toBe('2028-02-29');
    expect(countDays('2026-01-01', '2026-12-31')).toBe(365);
    expect(countDays('2028-01-01', '2028-12-31')).toBe(366);
    expect(countDays('2026-05-05', '2026-05-05')).toBe(1);
  });

  test('a month knows its days and the one after it', () => {
    const days = (at: string) => monthOf(new Date(at));
    expect(days('2028-02-29T23:59:59.999Z')).toEqual({
      name: '2028-02',
      first: '2028-02-01',
      next: '2028-03-01',
      days: 29,
    });
    expect(days('2026-12-31T23:59:59.999Z')).toMatchObject({ name: '2026-12', next: '2027-01-01', days: 31 });
    expect(days('2027-01-01T00:00:00.000Z')).toMatchObject({ name: '2027-01', first: '2027-01-01' });
  });

  test('any moment is in the month of its day, and days counted forth are counted back', () => {
    fc.assert(
      fc.property(anyTime, fc.integer({ min: 0, max: 4_000 }), (time, count) => {
        const day = dayOf(time);
        const month = monthOf(time);
        expect(month.first <= day && day < month.next).toBe(true);
        expect(day.startsWith(month.name)).toBe(true);
        expect(addDays(addDays(day, -count), count)).toBe(day);
        expect(countDays(addDays(day, -count), day)).toBe(count + 1);
        expect(parseDay(day, [])).toBe(day);
      }),
    );
  });

  test.each([
    '',
    '2026-02-30',
    '2026-02-29',
    '2026-13-01',
    '2026-00-10',
    '0000-01-01',
    '26-01-01',
    '2026-1-1',
    'today',
  ])('%s is no day', (text) => {
    expect(() => parseDay(text, ['from'])).toThrow(expect.objectContaining({ code: 'INVALID_INPUT', path: ['from'] }));
  });

  test('a question spans a leap year and no more, and does not run backwards', () => {
    expect(parseDays({ from: '2028-01-01', to: '2028-12-31' })).toEqual({ from: '2028-01-01', to: '2028-12-31' });
    expect(() => parseDays({ from: '2028-01-01', to: '2029-01-01' })).toThrow(
      expect.objectContaining({ code: 'LIMIT_EXCEEDED', path: ['to'] }),
    );
    expect(() => parseDays({ from: '2026-03-02', to: '2026-03-01' })).toThrow(
      expect.objectContaining({ code: 'INVALID_INPUT', path: ['to'] }),
    );
  });
});
