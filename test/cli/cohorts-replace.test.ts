import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Confirm } from '../../src/cli/cohorts/confirm.ts';
import { replaceMembers } from '../../src/cli/cohorts/replace.ts';
import { openMembers } from '../../src/cli/import/open-rows.ts';
import { openRefused } from '../../src/cli/import/refused.ts';
import { findCohorts, listHeldChanges } from '../../src/domain/cohorts/cohorts.ts';
import type { Ctx } from '../../src/domain/context.ts';
import { fail } from '../../src/domain/errors.ts';
import { createDomains, type Domain } from '../../src/domain/index.ts';
import { makeContext } from '../support/context.ts';
import { DATABASES, openTestDatabase, type TestDatabase } from '../support/database.ts';
import { cohortIds, ledgerOf, membersOf, pendingOf } from '../support/members.ts';
import { adds, seedIdentified, send } from '../support/seed.ts';
import { tempFolder } from './support.ts';

const many = (prefix: string, n: number) => Array.from({ length: n }, (_, i) => `${prefix}${i}`);

describe.each(DATABASES)('muster cohorts import --replace on %s', (kind) => {
  let database: TestDatabase;
  let ctx: Ctx;
  let domain: Domain;

  beforeAll(async () => {
    database = await openTestDatabase(kind);
  });
  afterAll(() => database.close());
  beforeEach(async () => {
    ctx = await makeContext(database);
    domain = createDomains(ctx).in(ctx.workspaceId);
  });

  /** Replaces the members of cohort `c`; answers what was printed, and what went wrong. */
  async function replace(content: string, confirm: Confirm, options: { name?: string; signal?: AbortSignal } = {}) {
    const path = join(await tempFolder(), 'list.csv');
    await writeFile(path, content);
    const file = await openMembers(path, undefined, { hasHeader: true });
    const refused = await openRefused(file.refusedPath, file);
    const target = { partner: 'amplitude', partnerCohortId: 'c', name: options.name, source: { dialect: 'file' } };
    const signal = options.signal ?? new AbortController().signal;
    let stdout = '';
    const write = vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
      stdout += String(text);
      return true;
    });
    try {
      const it = { file, refusedPath: file.refusedPath, target, confirm, options: { remove: false, refused, signal } };
      await replaceMembers(it, domain);
      return { stdout, failure: null };
    } catch (error) {
      return { stdout, failure: String(error) };
    } finally {
      write.mockRestore();
      await refused.close();
    }
  }

  async function cohortId(): Promise<number> {
    const [cohort] = await findCohorts(ctx, [{ partnerCohort: { partner: 'amplitude', cohortId: 'c' } }]);
    return cohort?.id ?? 0;
  }

  /** Who is asked, and what was asked. */
  function person(answer: boolean) {
    const asked: string[] = [];
    const confirm: Confirm = async (question) => {
      asked.push(question);
      return answer;
    };
    return { asked, confirm };
  }

  test('shows the difference, asks, and makes the file what the cohort is with one row of the ledger', async () => {
    const [a = 0, b = 0, c = 0] = await seedIdentified(ctx, 'a', 'b', 'c');
    await send(ctx, 'c', adds({ externalIds: ['a', 'b', 'gone'] }));
    const { asked, confirm } = person(true);
    const done = await replace('user_id\nb\nc\nc\nnew\n', confirm, { name: 'The list' });
    expect(done.failure).toBeNull();
    expect(asked).toEqual(['Replace the members?']);
    expect(done.stdout.replace(/ in .*\/s\)/, '').split('\n')).toEqual([
      'list.csv: 4 rows.',
      'identifiers                      4',
      '  matched a user                 3',
      '  matched nobody                 1',
      '    unknown external id          1',
      '  kept until their user appears  1',
      '  named before in the file       1',
      'Cohort "c" (amplitude c):',
      'now has             2',
      'will have           2',
      '  enter             1',
      '  leave             1',
      '  stay              1',
      'unknown identities  1',
      'Cohort "The list" (amplitude c): 1 entered, 1 left.',
      '',
    ]);
    const id = await cohortId();
    expect(await membersOf(ctx, id)).toEqual([b, c]);
    expect(await pendingOf(ctx, id)).toEqual(['1//new']);
    expect((await ledgerOf(ctx, id)).slice(1)).toMatchObject([{ dialect: 'file', added: [c], removed: [a] }]);
    expect(await cohortIds(ctx)).toEqual([id]);
  });

  test('makes a cohort that does not exist, without asking where the caller agreed beforehand', async () => {
    const users = await seedIdentified(ctx, ...many('u', 7_000));
    const done = await replace(many('u', 7_000).join('\n'), 'yes');
    expect(done.failure).toBeNull();
    expect(done.stdout).toContain(
      'Cohort "c" (amplitude c), which is new:\nnow has             0\nwill have           7,000\n',
    );
    expect(await membersOf(ctx, await cohortId())).toEqual(users);
    expect(await ledgerOf(ctx, await cohortId())).toHaveLength(1);
  });

  const LEFT: [string, string, Confirm, string][] = [
    ['who is asked says no', 'user_id\nb\n', person(false).confirm, 'Left as it was. Nothing was changed.'],
    [
      'there is nobody to ask',
      'user_id\nb\n',
      'nobody',
      'say --yes to replace the members without being asked. Nothing was',
    ],
    ['the file removes somebody', 'user_id,operation\nb,add\na,remove\n', 'yes', '--replace takes a list of who is in'],
    [
      'the file names nobody',
      'user_id\n',
      'yes',
      'list.csv names nobody, and a cohort is not emptied by that. Nothing',
    ],
    [
      'a row is damaged and nobody is asked',
      'user_id\nb\nx"\n',
      'yes',
      '1 row could not be read, and whoever is named there would leave: mend',
    ],
  ];
  test.each(LEFT)('leaves no trace where %s', async (_, content, confirm, failure) => {
    const users = await seedIdentified(ctx, 'a', 'b');
    await send(ctx, 'c', adds({ externalIds: ['a'] }));
    const done = await replace(content, confirm);
    expect(done.failure).toContain(failure);
    const id = await cohortId();
    expect(await membersOf(ctx, id)).toEqual(users.slice(0, 1));
    expect(await cohortIds(ctx)).toEqual([id]);
    expect(await ledgerOf(ctx, id)).toHaveLength(1);
  });

  test('who is asked is told of damaged rows, and that rows which name nobody are none', async () => {
    const [, b = 0] = await seedIdentified(ctx, 'a', 'b');
    const { asked, confirm } = person(true);
    expect((await replace('amplitude_id,user_id\n1,b\n2,\n3,x"\n', confirm)).failure).toBeNull();
    expect(asked).toEqual(['1 row could not be read, and whoever is named there will leave. Replace the members?']);
    expect(await membersOf(ctx, await cohortId())).toEqual([b]);
    expect((await replace('amplitude_id,user_id\n1,b\n2,\n', 'yes')).failure).toBeNull();
  });

  test('is held by the shrink guard, and says how to go on', async () => {
    await seedIdentified(ctx, ...many('u', 200));
    await send(ctx, 'c', adds({ externalIds: many('u', 200) }));
    const { asked, confirm } = person(true);
    const done = await replace('user_id\nu1\n', confirm);
    expect(asked[0]).toBe(
      'More will leave than the shrink guard lets pass: it will wait for approval. Replace the members?',
    );
    const [held] = (await listHeldChanges(ctx, {})).items;
    expect(done.failure).toContain(`\`muster cohorts approve ${held?.item.id}\` applies the list`);
    expect(done.failure).toContain(`\`muster cohorts discard ${held?.item.id}\` drops it`);
    expect(done.failure).not.toContain('Nothing was changed');
    expect(await membersOf(ctx, await cohortId())).toHaveLength(200);
  });

  test('stops between two pages without a trace', async () => {
    await seedIdentified(ctx, 'u1');
    const stop = new AbortController();
    const { addToReplacement } = domain.cohorts;
    domain.cohorts.addToReplacement = async (page) => {
      stop.abort();
      return addToReplacement(page);
    };
    const done = await replace(many('u', 60_000).join('\n'), 'yes', { signal: stop.signal });
    expect(done.failure).toContain('Interrupted. Nothing was changed.');
    expect(await cohortIds(ctx)).toEqual([]);
  });

  test('asks again where the answer to a commit is lost, and counts the same', async () => {
    const [u = 0] = await seedIdentified(ctx, 'u');
    const { commitReplacement } = domain.cohorts;
    let calls = 0;
    domain.cohorts.commitReplacement = async (input) => {
      const outcome = await commitReplacement(input);
      if (++calls === 1) throw fail('UNAVAILABLE', 'Gone.', { retryAfterSeconds: 0.001 });
      return outcome;
    };
    const done = await replace('user_id\nu\n', 'yes');
    expect(done.failure).toBeNull();
    expect(done.stdout).toContain('1 entered, 0 left.');
    expect(await membersOf(ctx, await cohortId())).toEqual([u]);
  });

  test('does not claim that nothing was changed where a commit may have been', async () => {
    await seedIdentified(ctx, 'u');
    const { commitReplacement } = domain.cohorts;
    domain.cohorts.commitReplacement = async (input) => {
      await commitReplacement(input);
      throw new Error('The connection broke.');
    };
    const done = await replace('user_id\nu\n', 'yes');
    expect(done.failure).toContain('The connection broke.');
    expect(done.failure).toContain('The members were replaced all the same.');
    domain.cohorts.abandonReplacement = () => Promise.reject(new Error('Gone.'));
    expect((await replace('user_id\nu\n', 'yes')).failure).toContain('may have been replaced: import the file again.');
  });

  test('writes refused rows beside the file', async () => {
    await seedIdentified(ctx, 'b');
    const done = await replace('user_id\nb\nx"y\n', person(true).confirm);
    const [, path = ''] = /Refused rows and why: (.*)\. Mend/.exec(done.stdout) ?? [];
    expect(await readFile(path, 'utf8')).toMatch(/^refused_line,refused_reason,user_id\n3,"A quote .*",x"y\n$/);
  });
});
