import { expect, test } from 'vitest';
import { readReportedSyncs } from '../../src/pull/reported-syncs.ts';

const AT = '2023-03-21T16:09:58.848454-07:00';
const hourly = { target: 'braze', frequency: 'hourly', last_successful: AT, last_failure: null };

const read = (syncs: object[] | null | undefined, target: string | null = null) => {
  const [sync] = readReportedSyncs([{ id: 'c1', syncMetadata: syncs as (typeof hourly)[] | null | undefined }], target);
  return sync;
};

test('what Amplitude says of a sync is read as it documents it', () => {
  expect(read([hourly])).toEqual({
    partnerCohortId: 'c1',
    cadence: 'HOURLY',
    successAt: new Date('2023-03-21T23:09:58.848Z'),
    failureAt: null,
  });
  expect(read([{ ...hourly, frequency: 'minute' }])?.cadence).toBe('REAL_TIME');
  expect(read([{ ...hourly, frequency: 'daily' }])?.cadence).toBe('DAILY');
  expect(read([{ ...hourly, last_failure: 1679440233 }])?.failureAt).toEqual(new Date(1679440233_000));
});

test('a cohort that is sent nowhere, once, or in a way nobody knows has no cadence', () => {
  const nothing = { partnerCohortId: 'c1', cadence: null, successAt: null, failureAt: null };
  for (const none of [[], null, undefined]) expect(read(none)).toEqual(nothing);
  expect(read([{ ...hourly, frequency: 'weekly' }])).toMatchObject({ cadence: null });
});

test('two syncs to one destination count as one: the more frequent, the later times', () => {
  const later = '2024-01-01T00:00:00Z';
  expect(read([hourly, { ...hourly, frequency: 'minute', last_successful: later, last_failure: AT }])).toMatchObject({
    cadence: 'REAL_TIME',
    successAt: new Date(later),
    failureAt: new Date(AT),
  });
});

test('of syncs to several destinations only the one that is said to be ours is believed', () => {
  const elsewhere = { ...hourly, target: 'kinesis', frequency: 'minute' };
  expect(read([hourly, elsewhere])).toMatchObject({ cadence: null, successAt: null });
  expect(read([hourly, elsewhere], 'braze')).toMatchObject({ cadence: 'HOURLY' });
  expect(read([elsewhere], 'braze')).toMatchObject({ cadence: null, successAt: null });
});

test('cohorts with an id that none can have here are left out', () => {
  const cohorts = ['nul\u0000', 'half \ud83d', ' ', 'x'.repeat(513), 'c1'].map((id) => ({ id }));
  expect(readReportedSyncs(cohorts, null).map(({ partnerCohortId }) => partnerCohortId)).toEqual(['c1']);
});

test('times that are no times are left out', () => {
  for (const time of ['soon', '', 0, -5, 1e20, Number.NaN, '-000001-01-01T00:00:00Z'])
    expect(read([{ ...hourly, last_successful: time }])?.successAt).toBeNull();
});
