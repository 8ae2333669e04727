import { expect, onTestFinished, test } from 'vitest';
import { createMuster } from '../../src/app.ts';
import { openTestDatabase } from '../support/database.ts';
import { muster } from './support.ts';

test('muster pending export writes every pending member as NDJSON or CSV, and summary says why they wait', async () => {
  const database = await openTestDatabase('postgres', { poolSize: 1 });
  onTestFinished(() => database.close());
  const url = database.url ?? '';
  const app = await createMuster({ database: { url, poolSize: 1 }, background: false });
  await app.domain().cohorts.applyChanges({
    partner: 'amplitude',
    partnerCohortId: 'c1',
    name: 'Power, "users"',
    // More than one page of them.
    changes: [
      {
        externalIds: Array.from({ length: 1_001 }, (_, i) => `u${i}`),
        aliases: [{ label: 'crm', name: 'x' }],
        deviceIds: ['d'],
        remove: false,
      },
    ],
    source: { dialect: 'library' },
  });
  await app.close();

  const ndjson = await muster(['pending', 'export'], { DATABASE_URL: url });
  const rows = ndjson.stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  expect(rows).toHaveLength(1_003);
  expect(new Set(rows.map((row) => `${row.reason} ${row.value}`)).size).toBe(1_003);
  expect(rows.at(-2)).toMatchObject({
    reason: 'unknown_alias',
    label: 'crm',
    value: 'x',
    partner: 'amplitude',
    cohort_id: 'c1',
  });

  const csv = await muster(['pending', 'export', '--format', 'csv'], { DATABASE_URL: url });
  const lines = csv.stdout.trimEnd().split('\n');
  expect(lines[0]).toBe('reason,label,value,partner,cohort_id,cohort,held_at');
  expect(lines).toHaveLength(1_004);
  expect(lines.at(-1)).toMatch(/^unknown_device_id,,d,amplitude,c1,"Power, ""users""",/);

  const summary = await muster(['pending', 'summary'], { DATABASE_URL: url });
  expect(summary.stdout).toMatch(/^waiting +1,003$/m);
  expect(summary.stdout).toMatch(/unknown_external_id +1,001$/m);
  expect(summary.stdout).toMatch(/in cohort "Power, "users"" +1,003$/m);
});
