import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { expect, onTestFinished, test } from 'vitest';
import { createMuster } from '../../src/app.ts';
import { openTestDatabase } from '../support/database.ts';
import { inCohort, notIn } from '../support/drafts.ts';
import { muster, tempFolder } from './support.ts';

test('muster segments export writes every member, by name or id, to standard output or to a file', async () => {
  const database = await openTestDatabase('postgres', { poolSize: 1 });
  onTestFinished(() => database.close());
  const env = { DATABASE_URL: database.url ?? '' };
  const app = await createMuster({ database: { url: env.DATABASE_URL, poolSize: 1 }, background: false });
  const domain = app.domain();
  await domain.users.upsertUsers({ users: ['a', 'b,c'].map((externalId) => ({ externalId })) });
  await domain.cohorts.nameCohort({ partner: 'amplitude', partnerCohortId: 'c1', name: 'C' });
  const { id } = await domain.segments.createSegment({ name: 'All', filter: notIn(inCohort('C')) });
  await app.close();
  const output = join(await tempFolder(), 'all.csv.gz');
  const toFile = ['--columns', 'external_id', '--format', 'csv', '--gzip', '--output', output];
  const [byName, byId, missing] = await Promise.all([
    muster(['segments', 'export', 'All'], env),
    muster(['segments', 'export', id, ...toFile], env),
    muster(['segments', 'export', 'None'], env),
  ]);
  expect(byName.stdout).toBe(
    `{"id":"${btoa('User:1.1')}","external_id":"a"}\n{"id":"${btoa('User:1.2')}","external_id":"b,c"}\n`,
  );
  expect(byId).toMatchObject({ code: 0, stdout: '', stderr: expect.stringContaining('Exported 2 members.') });
  expect(gunzipSync(await readFile(output)).toString()).toBe('external_id\na\n"b,c"\n');
  expect(missing).toMatchObject({ code: 1, stderr: expect.stringContaining('There is no live segment "None"') });
});
