import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { fail } from '../../src/domain/errors.ts';
import type { Domain } from '../../src/domain/index.ts';
import type { AmplitudeServer } from '../support/amplitude-server.ts';
import { DATABASES, openTestDatabase, type TestDatabase } from '../support/database.ts';
import { membersOf } from '../support/members.ts';
import { ask, ids, MINUTE_MS, openPulling, type Pulling, times } from '../support/pulling.ts';

describe.each(DATABASES)('pulling in trouble on %s', (kind) => {
  let database: TestDatabase;
  let at: Pulling;
  beforeAll(async () => {
    database = await openTestDatabase(kind);
  });
  afterAll(() => database.close());
  beforeEach(async () => {
    at = await openPulling(database);
  });
  afterEach(() => at.close());

  describe('leaves the cohort as it was', () => {
    const many = Array.from({ length: 5_000 }, (_, i) => `someone ${i * 7_919}`);
    const trouble: readonly (readonly [string, (there: AmplitudeServer) => void, RegExp])[] = [
      [
        'when the file breaks off',
        (there) => {
          there.put({ id: 'c1', users: many });
          there.behaviour.missing = 100;
        },
        /damaged or breaks off/,
      ],
      [
        'when the file is no gzip',
        (there) => there.put({ id: 'c1', file: Buffer.from([0x1f, 0x8b, 0]) }),
        /damaged or breaks off/,
      ],
      [
        'when a column is missing',
        (there) => there.put({ id: 'c1', file: 'amplitude_id\n1\n' }),
        /no column "user_id"/,
      ],
      ['when the file is empty', (there) => there.put({ id: 'c1', file: '' }), /empty/],
      ['when it is no CSV', (there) => there.put({ id: 'c1', file: 'user_id\nu5\n"u6' }), /no CSV/],
      ['when it has groups', (there) => there.put({ id: 'c1', file: '\tgroup_value\n\tacme\n' }), /cohort of groups/],
      ['when nobody in it can be named', (there) => there.put({ id: 'c1', users: ['', ''] }), /Nobody in the download/],
      [
        'when Amplitude has no such cohort',
        (there) => there.put({ id: 'c1', users: [] }),
        /lists no cohort of that id/,
      ],
      ['when it is too large', (there) => there.put({ id: 'c1', size: 2_000_001 }), /larger than Amplitude lets/],
      ['when the keys are wrong', (there) => there.fail('list', { status: 403 }), /refuses the keys/],
      ['when the list fails', (there) => there.fail('list', ...times(5, { status: 500 })), /failed \(500\)/],
      ['when asking fails', (there) => there.fail('request', { status: 500 }), /failed \(500\)/],
      ['when asking breaks off', (there) => there.fail('request', { break: true }), /cannot be reached/],
      ['when asking is refused for long', (there) => there.fail('request', ...times(5, { status: 429 })), /\(429\)/],
      [
        'when asking is refused for hours',
        (there) => there.fail('request', ...times(9_999, { status: 429, retryAfter: '0' })),
        /\(429\)/,
      ],
      [
        'when the list is refused for hours',
        (there) => there.fail('list', ...times(9_999, { status: 429, retryAfter: '0' })),
        /\(429\)/,
      ],
      [
        'when it is too large after all',
        (there) => there.fail('request', { status: 413 }),
        /larger than Amplitude lets/,
      ],
      ['when the job is forgotten', (there) => there.fail('status', { status: 404 }), /does not know/],
      [
        'when the job goes wrong',
        (there) => there.fail('status', { status: 200, body: '{"async_status":"JOB FAILED"}' }),
        /JOB FAILED/,
      ],
      [
        'when looking fails for hours',
        (there) => there.fail('status', ...times(9_999, { status: 500 })),
        /failed \(500\)/,
      ],
      [
        'when looking is refused for hours',
        (there) => there.fail('status', ...times(9_999, { status: 429 })),
        /\(429\)/,
      ],
      ['when the file is gone', (there) => there.fail('file', { status: 404 }), /does not know/],
      [
        'when the storage has no file',
        (there) => {
          there.behaviour.delivery = 'redirect';
          there.fail('storage', { status: 410 });
        },
        /storage.*\(410\)/,
      ],
      [
        'when the job never ends',
        (there) => {
          there.behaviour.looks = Number.POSITIVE_INFINITY;
        },
        /did not finish the download within 2 hours/,
      ],
    ];

    test.each(trouble)('%s', async (name, cause, message) => {
      const id = await at.cohort(ids(0, 1, 2), ids(2, 3));
      const before = await at.stateOf(id);
      cause(at.amplitude);
      const server = at.ours();
      const wanted = name.includes('no such cohort') ? 'c2' : 'c1';
      const pull = await at.finish(await ask(server, wanted), server, 10 * MINUTE_MS);
      expect(pull).toMatchObject({ state: 'FAILED', batchId: null });
      expect(pull.error).toMatch(message);
      expect(await at.stateOf(id)).toEqual(before);
      expect((await at.stagedLists()).filter((state) => state !== 'ABANDONED')).toEqual([]);
      expect(at.log.filter(({ level }) => level === 'error')).toMatchObject([
        {
          fields: { pull: pull.id, cohort: wanted, reason: pull.error },
          message: expect.stringContaining('pull failed'),
        },
      ]);
      // What is tried for two hours is tried five times in a row each ten minutes.
      expect(at.amplitude.calls.length).toBeLessThanOrEqual(14 * 6);
      if (!name.includes('asking is refused')) expect(at.amplitude.count('request')).toBeLessThanOrEqual(1);
      // And it can be pulled as soon as the cause is gone.
      at.amplitude.recover();
      at.amplitude.put({ id: 'c1', users: ids(2, 3) });
      expect(await at.pullOnce()).toMatchObject({ state: 'DONE' });
      expect(await membersOf(at.ctx, id)).toEqual(at.people(2, 3));
    });
  });

  test('a cohort that somebody else holds is waited for, without asking twice', async () => {
    const id = await at.cohort(ids(0), ids(1));
    const locked = new Set(['beginReplacement', 'commitReplacement']);
    const busyOnce = (domain: Domain, name: 'beginReplacement' | 'commitReplacement') =>
      (async (input: never) => {
        if (locked.delete(name)) throw fail('LOCKED', 'Another writer is busy here.');
        return domain.cohorts[name](input);
      }) as never;
    const server = at.ours({
      change: (domain) => ({
        ...domain,
        cohorts: {
          ...domain.cohorts,
          beginReplacement: busyOnce(domain, 'beginReplacement'),
          commitReplacement: busyOnce(domain, 'commitReplacement'),
        },
      }),
    });
    const pull = await at.pullOnce(server);
    expect(pull).toMatchObject({ state: 'DONE' });
    expect(locked.size).toBe(0);
    expect(await membersOf(at.ctx, id)).toEqual(at.people(1));
    expect(at.amplitude.count('request')).toBe(1);
    expect(await server.domain.pulls.countPullsThisMonth('amplitude')).toBe(1);
  });

  test('a surprise fails the pull under an id that the log has, and tells no more', async () => {
    const id = await at.cohort(ids(0), ids(1));
    const before = await at.stateOf(id);
    const server = at.ours({
      change: (domain) => ({
        ...domain,
        cohorts: {
          ...domain.cohorts,
          addToReplacement: async () => {
            throw new Error('secret-person');
          },
        },
      }),
    });
    const pull = await at.pullOnce(server);
    expect(pull).toMatchObject({
      state: 'FAILED',
      error: "Something unexpected happened. The server's log has it as surprise-1.",
    });
    expect(await at.stateOf(id)).toEqual(before);
    expect(await at.stagedLists()).toEqual(['ABANDONED']);
  });
});
