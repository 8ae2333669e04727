import { expect, onTestFinished, test } from 'vitest';
import { createMuster } from '../../src/app.ts';
import { openTestDatabase } from '../support/database.ts';
import { type Ended, muster } from './support.ts';

/** A database of the test's own that several commands can open one after the other, quickly. */
async function databaseUrl(): Promise<string> {
  const database = await openTestDatabase('postgres', { poolSize: 1 });
  onTestFinished(() => database.close());
  return database.url ?? '';
}

test('muster usage shows data points by day, month, cohort and key, and what is wrong with a question', async () => {
  const url = await databaseUrl();
  let now = new Date('2024-02-29T12:00:00.000Z');
  const app = await createMuster({ database: { url, poolSize: 1 }, background: false, now: () => now });
  const domain = app.domain();
  const { key } = await domain.keys.generateDataImportKey({ partner: 'amplitude', name: 'production' });
  const users = Array.from({ length: 1_200 }, (_, i) => ({ externalId: `u${i}` }));
  await domain.users.upsertUsers({ users: users.slice(0, 1_000) });
  await domain.users.upsertUsers({ users: users.slice(1_000) });
  const send = (cohort: string, name: string, count: number, keyId: string | null) =>
    domain.cohorts.applyChanges({
      partner: 'amplitude',
      partnerCohortId: cohort,
      name,
      changes: [
        {
          externalIds: [...users.slice(0, count).map(({ externalId }) => externalId), 'nobody'],
          aliases: [],
          deviceIds: [],
          remove: false,
        },
      ],
      source: { dialect: 'library', keyId },
    });
  await send('c1', 'Power users', 1_200, key.id);
  await send('c2', 'New users', 3, null);
  now = new Date('2024-03-01T00:00:00.000Z');
  await send('c2', 'New users', 4, null);
  await app.close();

  const usage = async (...args: string[]) => muster(['usage', ...args], { DATABASE_URL: url });
  const range = ['--from', '2024-02-01', '--to', '2024-03-31'];
  const lines = (stdout: string) => stdout.split('\n').map((line) => line.split(/ {2,}/));

  const byDay = await usage(...range);
  expect(lines(byDay.stdout).slice(0, 4)).toEqual([
    ['day', 'received', 'matched', 'written', 'changed', 'unchanged'],
    ['2024-02-29', '1,205', '1,203', '1,203', '1,203', '0'],
    ['2024-03-01', '5', '4', '4', '1', '3'],
    ['in all', '1,210', '1,207', '1,207', '1,204', '3'],
  ]);
  expect(byDay.stdout).toMatch(
    /\n\n0 data points are used in \d{4}-\d{2}, without a budget; at this pace .* comes to 0\.\n$/,
  );

  const byAll = await usage(...range, '--by', 'key,cohort,month');
  const rows = lines(byAll.stdout);
  expect(rows[0]?.slice(0, 3)).toEqual(['month', 'cohort', 'key']);
  expect(rows[1]?.slice(0, 4)).toEqual(['2024-02', 'Power users', `${key.prefix}... production`, '1,201']);
  expect(rows[2]?.slice(0, 4)).toEqual(['2024-02', 'New users', 'no key', '4']);
  expect(rows[3]?.slice(0, 4)).toEqual(['2024-03', 'New users', 'no key', '5']);
  expect(rows).toHaveLength(8);

  // The last 30 days before the end, which is included.
  expect((await usage('--to', '2024-03-30')).stdout).toMatch(/^in all +5 /m);

  expect(await usage('--from', '2024-02-30')).toMatchObject({
    code: 1,
    stderr: 'from: A day is written as 2026-02-28 and must be in the calendar.\n',
  });
  const unknown = await usage('--by', 'hour');
  expect(unknown).toMatchObject({ code: 1, stderr: expect.stringContaining('day, month, cohort, key') });
});

test('muster settings shows and changes what a workspace does, and keeps what is left out', async () => {
  const url = await databaseUrl();
  const settings = async (...args: string[]) => muster(['settings', ...args], { DATABASE_URL: url });
  const read = ({ stdout }: Ended) =>
    Object.fromEntries(
      stdout
        .trimEnd()
        .split('\n')
        .map((line) => line.split(/ {2,}/)),
    ) as Record<string, string>;
  const initial = {
    workspace: '1',
    'unknown-identity-policy': 'HOLD',
    'pending-max-members': '1,000,000',
    'pending-max-age-days': 'none',
    'shrink-guard': 'none',
    'ledger-retention-days': '30',
    'monthly-budget': 'none',
    'over-budget': 'WARN',
  };
  expect(read(await settings('show'))).toEqual(initial);

  const set = await settings(
    'set',
    ...['--unknown-identity-policy', 'create', '--pending-max-members', '5000', '--pending-max-age-days', '90'],
    ...['--shrink-guard', '50', '--ledger-retention-days', 'none', '--monthly-budget', '5000000000'],
    ...['--over-budget', 'refuse'],
  );
  expect(set).toMatchObject({ code: 0, stderr: '' });
  const changed = {
    workspace: '1',
    'unknown-identity-policy': 'CREATE',
    'pending-max-members': '5,000',
    'pending-max-age-days': '90',
    'shrink-guard': '50 %',
    'ledger-retention-days': 'none',
    'monthly-budget': '5,000,000,000',
    'over-budget': 'REFUSE',
  };
  expect(read(set)).toEqual(changed);

  expect(await settings('set', '--shrink-guard', '101')).toMatchObject({
    code: 1,
    stderr: 'shrinkGuardPercent: A whole number from 1 to 100, or null for no limit.\n',
  });
  expect((await settings('set', '--monthly-budget', '1.5')).stderr).toContain('A whole number, or none.');
  expect(read(await settings('set', '--shrink-guard', 'none', '--over-budget', 'WARN'))).toEqual({
    ...changed,
    'shrink-guard': 'none',
    'over-budget': 'WARN',
  });
});
