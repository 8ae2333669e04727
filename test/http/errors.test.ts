import { describe, expect, test } from 'vitest';
import { CODES, type ErrorCode, fail } from '../../src/domain/errors.ts';
import { logSurprise, toHttpError } from '../../src/http/errors.ts';

function recorder() {
  const lines: { fields: Record<string, unknown>; message: string }[] = [];
  const note = (fields: object, message: string) =>
    void lines.push({ fields: fields as Record<string, unknown>, message });
  return { lines, log: { info: note, warn: note, error: note } };
}

function logged(thrown: unknown): Record<string, unknown> {
  const { lines, log } = recorder();
  const id = logSurprise(thrown, log);
  expect(lines).toHaveLength(1);
  expect(lines[0]?.fields.errorId).toBe(id);
  return lines[0]?.fields ?? {};
}

const coded = (message: string, code: string, cause?: unknown) =>
  Object.assign(new Error(message, { cause }), { code });

describe('the log of a surprise', () => {
  test('says what happened and where', () => {
    const fields = logged(new TypeError('x is not a function'));
    expect(fields).toMatchObject({ error: 'TypeError', message: 'x is not a function' });
    expect(fields.stack).toMatch(/^\s+at .*errors\.test\.ts/);
  });

  test('has the driver’s error instead of the statement and its parameters', () => {
    const driver = coded('column "a" does not exist', '42703');
    const fields = logged(new Error('Failed query: select a\nparams: s3cret', { cause: driver }));
    expect(fields).toMatchObject({ message: 'column "a" does not exist', code: '42703' });
    expect(JSON.stringify(fields)).not.toMatch(/s3cret|Failed query/);
  });

  test.each([
    ['a value that PostgreSQL cannot take', coded('invalid input syntax for type uuid: "s3cret"', '22P02')],
    ['a value with quotes in it', coded('invalid input syntax for type json: "a "s3cret" b"', '22P02')],
    ['a statement without a cause', new Error('Failed query: select\nparams: s3cret\nmore s3cret')],
    ['text that is no JSON', syntaxError('{"secret":"s3cret" oops}')],
    ['a value that was thrown', 's3cret'],
    ['an object that was thrown', { message: 's3cret' }],
  ])('does not quote %s', (_, thrown) => {
    expect(JSON.stringify(logged(thrown))).not.toContain('s3cret');
  });

  test('has no line of the message among the lines of the stack', () => {
    const error = new Error('one\ntwo s3cret\nthree');
    expect(logged(error).stack).not.toMatch(/two|three/);
  });
});

describe('expected failures', () => {
  test('every code has a status, and its message is shown as it is', () => {
    const { lines, log } = recorder();
    const statuses = Object.fromEntries(
      (Object.keys(CODES) as ErrorCode[]).map((code) => [code, toHttpError(fail(code, 'Said.'), log).status]),
    );
    expect(statuses).toEqual({
      INVALID_INPUT: 400,
      INVALID_CURSOR: 400,
      AMBIGUOUS: 400,
      LIMIT_EXCEEDED: 400,
      NOT_FOUND: 404,
      NAME_TAKEN: 409,
      IDENTITY_TAKEN: 409,
      NOT_ACTIVE: 409,
      VERSION_CHANGED: 409,
      IN_USE: 409,
      UNAUTHENTICATED: 401,
      FORBIDDEN: 403,
      NOT_RETAINED: 404,
      STALE: 409,
      OVERLOADED: 429,
      BUDGET_EXCEEDED: 429,
      LOCKED: 503,
      UNAVAILABLE: 503,
    });
    expect(lines).toEqual([]);
  });

  test('a dialect may answer a code its own way, and a retry is invited where it makes sense', () => {
    const { log } = recorder();
    const locked = fail('LOCKED', 'Busy.', { retryAfterSeconds: 3, path: ['a', 0, 'b'] });
    expect(toHttpError(locked, log, () => 423)).toEqual({
      status: 423,
      headers: { 'retry-after': '3' },
      code: 'LOCKED',
      message: 'Busy.',
      path: 'a[0].b',
    });
  });

  test('a database that is gone is no surprise', () => {
    const { lines, log } = recorder();
    const gone = new Error('Failed query', { cause: coded('connect ECONNREFUSED', 'ECONNREFUSED') });
    expect(toHttpError(gone, log)).toMatchObject({ status: 503, code: 'UNAVAILABLE', headers: { 'retry-after': '2' } });
    expect(lines).toEqual([]);
  });
});

function syntaxError(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    return error;
  }
}
