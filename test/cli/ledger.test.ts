import { expect, onTestFinished, test } from 'vitest';
import { createMuster } from '../../src/app.ts';
import { openTestDatabase } from '../support/database.ts';
import { muster } from './support.ts';

test('muster cohorts syncs and batches show what was applied, undo and replay take it back and apply it again', async () => {
  const database = await openTestDatabase('postgres', { poolSize: 1 });
  onTestFinished(() => database.close());
  const url = database.url ?? '';
  const app = await createMuster({ database: { url, poolSize: 1 }, background: false });
  const domain = app.domain();
  await domain.users.upsertUsers({ users: ['a', 'b', 'c'].map((externalId) => ({ externalId })) });
  const change = (externalIds: string[], remove = false) =>
    domain.cohorts.applyChanges({
      partner: 'amplitude',
      partnerCohortId: 'c1',
      name: 'Power users',
      changes: [{ externalIds, aliases: [], deviceIds: [], remove }],
      source: { dialect: 'library' },
    });
  const { batchId: first } = await change(['a', 'b', 'c', 'nobody']);
  const { batchId: second } = await change(['a'], true);
  await app.close();
  const run = (...args: string[]) => muster(['cohorts', ...args], { DATABASE_URL: url });

  const syncs = await run('syncs', 'c1');
  expect(syncs.stdout).toMatch(
    /^sync +ended \(UTC\) +from +batches +received +matched +held +ignored +entered +left +size$/m,
  );
  expect(syncs.stdout).toMatch(/^1 +[\d-]+ [\d:]+ +library +2 +5 +4 +1 +0 +3 +1 +2$/m);

  const undone = await run('undo', String(first));
  expect(undone.stdout).toMatch(
    /: 0 entered, 2 left\. This is batch \d+\.\n1 user left alone: a later batch named them\.\n$/,
  );
  const replayed = await run('replay', String(first));
  expect(replayed.stdout).toMatch(/: 2 entered, 0 left\./);

  const batches = await run('batches', 'c1', '--limit', '4');
  const lines = batches.stdout.trimEnd().split('\n');
  expect(lines.map((line) => line.split(/ {2,}/).filter((_, i) => i !== 1))).toEqual([
    ['batch', 'from', 'received', 'matched', 'held', 'ignored', 'entered', 'left', 'size'],
    [expect.any(String), `replay of ${first}`, '0', '0', '0', '0', '2', '0', '2'],
    [expect.any(String), `undo of ${first}`, '0', '0', '0', '0', '0', '2', '0'],
    [String(second), 'library', '1', '1', '0', '0', '0', '1', '2'],
    [String(first), 'library', '4', '3', '1', '0', '3', '0', '3'],
  ]);

  const refusals = [
    [['undo', '999'], 'batch: There is no such batch in this workspace.\n'],
    [['undo', 'x'], 'A batch is named by its number: `muster cohorts batches` shows them.\n'],
    [['syncs', 'none'], 'There is no cohort "none" of amplitude.\n'],
  ] as const;
  const answers = await Promise.all(refusals.map(([args]) => run(...args)));
  expect(answers).toMatchObject(refusals.map(([, stderr]) => ({ code: 1, stderr })));
});
