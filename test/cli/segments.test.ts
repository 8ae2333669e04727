import { expect, onTestFinished, test } from 'vitest';
import { createMuster } from '../../src/app.ts';
import { openTestDatabase } from '../support/database.ts';
import { inCohort, notIn } from '../support/drafts.ts';
import { muster } from './support.ts';

test('muster segments list and versions and muster audit show what there is and who made it so', async () => {
  const database = await openTestDatabase('postgres', { poolSize: 1 });
  onTestFinished(() => database.close());
  const url = database.url ?? '';
  const app = await createMuster({ database: { url, poolSize: 1 }, background: false });
  const domain = app.domain(1, { kind: 'host', id: null, name: 'Ada' });
  await domain.users.upsertUsers({ users: ['a', 'b', 'c'].map((externalId) => ({ externalId })) });
  await domain.cohorts.nameCohort({ partner: 'amplitude', partnerCohortId: 'c1', name: 'Power users' });
  const filter = inCohort('Power users');
  const { id } = await domain.segments.createSegment({ name: 'Idle', tags: ['eu', 'vip'], filter });
  await domain.segments.updateSegment({ id, filter: notIn(filter), description: 'Everybody else.' });
  await domain.segments.rollbackSegment({ id, version: 1, reason: 'A mistake.' });
  await app.domain().segments.createSegment({ name: 'All', tags: ['eu'], filter: notIn(filter) });
  await app.close();
  const rows = async (...args: string[]) => {
    const { stdout } = await muster(args, { DATABASE_URL: url });
    return stdout
      .trimEnd()
      .split('\n')
      .map((line) => line.replace(/\d{4}-\d\d-\d\d \d\d:\d\d/, 'TIME').split(/ {2,}/));
  };

  const [listed, found, none, versions, newest, audit, limit, missing] = await Promise.all([
    rows('segments', 'list', '--tag', 'eu'),
    rows('segments', 'list', '--tag', 'eu', '--tag', 'vip', '--search', 'VI'),
    rows('segments', 'list', '--search', 'nothing'),
    rows('segments', 'versions', 'Idle'),
    rows('segments', 'versions', 'Idle', '--limit', '1'),
    rows('audit', '--limit', '3'),
    muster(['audit', '--limit', '0'], { DATABASE_URL: url }),
    muster(['segments', 'versions', 'None'], { DATABASE_URL: url }),
  ]);
  const head = ['name', 'tags', 'size', 'version', 'changed (UTC)'];
  const idle = ['Idle', 'eu, vip', '0', '3', 'TIME'];
  expect(listed).toEqual([head, ['All', 'eu', '3', '1', 'TIME'], idle]);
  expect(found).toEqual([head, idle]);
  expect(none).toEqual([['There are none.']]);
  const versionHead = ['version', 'since (UTC)', 'change', 'by', 'what', 'why'];
  const third = ['3', 'TIME', 'rolled_back to 1', 'Ada (host)', 'description, filter', 'A mistake.'];
  expect(versions).toEqual([
    versionHead,
    third,
    ['2', 'TIME', 'updated', 'Ada (host)', 'description, filter'],
    ['1', 'TIME', 'created', 'Ada (host)'],
  ]);
  expect(newest).toEqual([versionHead, third]);
  expect(audit).toEqual([
    ['at (UTC)', 'action', 'of', 'by', 'what', 'why'],
    ['TIME', 'segment.created', 'All', 'library'],
    ['TIME', 'segment.rolled_back', 'Idle', 'Ada (host)', 'description, filter', 'A mistake.'],
    ['TIME', 'segment.updated', 'Idle', 'Ada (host)', 'description, filter'],
  ]);
  expect(limit).toMatchObject({ code: 1, stderr: expect.stringContaining('A whole number from 1 to 1000.') });
  expect(missing).toMatchObject({ code: 1, stderr: 'There is no live segment "None".\n' });
});
