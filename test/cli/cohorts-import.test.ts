import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { describe, expect, onTestFinished, test } from 'vitest';
import { findCohorts, listCohorts } from '../../src/domain/cohorts/cohorts.ts';
import type { Ctx } from '../../src/domain/context.ts';
import { makeContext } from '../support/context.ts';
import { openTestDatabase } from '../support/database.ts';
import { cohortIds, ledgerOf, membersOf } from '../support/members.ts';
import { adds, seedIdentified, send } from '../support/seed.ts';
import { muster, namedPipe, start, tempFolder } from './support.ts';

const CLI = fileURLToPath(new URL('../../src/cli.ts', import.meta.url));
const many = (n: number) => Array.from({ length: n }, (_, i) => `u${i}`);

/** A PostgreSQL database with a workspace of its own, and how to run a command in it. */
async function openWorkspace() {
  const database = await openTestDatabase('postgres', { poolSize: 2 });
  onTestFinished(() => database.close());
  const ctx = await makeContext(database);
  const env = { DATABASE_URL: database.url ?? '' };
  const workspace = ['--workspace', String(ctx.workspaceId)];
  const run = (...args: readonly string[]) => muster(['cohorts', ...args, ...workspace], env);
  return { ctx, env, workspace, run };
}

async function sizeOf(ctx: Ctx, partnerCohortId: string): Promise<number | null> {
  const [cohort] = await findCohorts(ctx, [{ partnerCohort: { partner: 'amplitude', cohortId: partnerCohortId } }]);
  return cohort ? (await membersOf(ctx, cohort.id)).length : null;
}

test("Amplitude's packed download comes in, what is refused is mended and imported, and everything is counted", async () => {
  const { ctx, run } = await openWorkspace();
  await seedIdentified(ctx, 'ada', 'grace', 'lin');
  const folder = await tempFolder();
  const file = join(folder, 'spring.csv.gz');
  const text =
    '\uFEFF"amplitude_id","user_id"\r\n"1","ada"\r\n"2",""\r\n"3","\tgrace"\r\n"4","nobody"\r\n"5","ada"\r\n"6",li"n\r\n';
  await writeFile(file, gzipSync(text));

  const first = await run('import', file, '--cohort', 'c1', '--name', 'Spring campaign');
  expect(first).toMatchObject({ code: 0, stderr: '' });
  expect(first.stdout.replace(/ in .*\/s\)/, '')).toBe(
    [
      'spring.csv.gz: 6 rows.',
      'identifiers                      4',
      '  matched a user                 3',
      '  matched nobody                 1',
      '    unknown external id          1',
      '  kept until their user appears  1',
      '  named before in the file       1',
      'rows refused                     2',
      '  because they name nobody       1',
      'Cohort "Spring campaign" (amplitude c1): 2 entered, 0 left. It is new.',
      `Refused rows and why: ${join(folder, 'spring.refused.csv')}. Mend that file and import it.`,
      '',
    ].join('\n'),
  );

  const refusedFile = join(folder, 'spring.refused.csv');
  const refused = await readFile(refusedFile, 'utf8');
  expect(refused.split('\n')).toEqual([
    'refused_line,refused_reason,amplitude_id,user_id',
    '3,The row names nobody.,"2",""',
    expect.stringMatching(/^7,"A quote is not closed.*","6",li"n$/),
    '',
  ]);
  await writeFile(refusedFile, refused.replace('li"n', 'lin'));
  const second = await run('import', refusedFile, '--cohort', 'c1');
  expect(second.stdout).toMatch(/"Spring campaign" \(amplitude c1\): 1 entered, 0 left\.\n/);
  expect(await sizeOf(ctx, 'c1')).toBe(3);

  const listed = await run('list', '--search', 'spring');
  expect(listed.stdout).toMatch(
    /^name +partner id +partner +size +last received \(UTC\)\nSpring campaign +c1 +amplitude +3 +\d{4}-/,
  );
  expect((await run('list', '--partner', 'mixpanel')).stdout).toBe('There are none.\n');
});

test('semicolons, NDJSON and plain lists come in through files and pipes; --remove takes people out', async () => {
  const { ctx, env, workspace, run } = await openWorkspace();
  await seedIdentified(ctx, 'ada', 'grace', 'lin');
  const folder = await tempFolder();
  await writeFile(join(folder, 'a.csv'), 'name;User ID;operation\nAda;ada;add\nGrace;grace;add\nAda;ada;remove\n');
  expect(await run('import', join(folder, 'a.csv'), '--cohort', 'c')).toMatchObject({ code: 0 });
  expect(await sizeOf(ctx, 'c')).toBe(1);

  await writeFile(join(folder, 'b.ndjson'), '{"user_id":"lin"}\n{"user_id":"grace","remove":true}\n{"user":"x"}\n');
  const ndjson = await run('import', join(folder, 'b.ndjson'), '--cohort', 'c');
  expect(ndjson.stdout).toContain('1 entered, 1 left');
  expect(await readFile(join(folder, 'b.refused.ndjson'), 'utf8')).toMatch(/^\{"refused":\{"line":3,.*"user":"x"\}\n$/);

  const piped = start(CLI, ['cohorts', 'import', '-', '--cohort', 'c', ...workspace], env, folder, 'ada\ngrace\n');
  expect((await piped.ended).stdout).toContain('standard input: 2 rows');
  expect(await sizeOf(ctx, 'c')).toBe(3);

  await writeFile(join(folder, 'ids.txt'), 'ada\nlin\n');
  expect((await run('import', join(folder, 'ids.txt'), '--cohort', 'c', '--remove')).stdout).toContain(
    '0 entered, 2 left',
  );
  expect(await sizeOf(ctx, 'c')).toBe(1);
  const missing = await run('import', join(folder, 'ids.txt'), '--cohort', 'cc', '--remove');
  expect(missing).toMatchObject({ code: 1, stderr: 'There is no cohort "cc" of amplitude.\n' });
  expect(await sizeOf(ctx, 'cc')).toBeNull();

  const wrong = await run('import', join(folder, 'ids.txt'), '--cohort', 'c', '--identity', 'device_id');
  expect(wrong.stdout).toContain('No identifier belongs to a user');
});

describe('what cannot be imported is said in one sentence, and no database is opened', () => {
  const packed = gzipSync(`user_id\n${many(10_000).join('\n')}`);
  test.each([
    [['missing.csv'], 'There is no file'],
    [['cut.csv.gz'], 'cut.csv.gz is cut off: it is no complete gzip file. Fetch it again.'],
    [['columns.csv'], 'columns.csv needs a header with external_id, user_id, device_id or alias:<label>'],
    [['ok.csv', '--identity', 'email'], 'One of external_id, device_id, alias:<label>.'],
    [['ok.csv', '--partner', 'Amplitude!'], 'A partner is named by lower case letters'],
    [['ok.csv', '--replace', '--remove'], "option '--replace' cannot be used with option '--remove'"],
  ])('%#', async ([name = '', ...rest], message) => {
    const folder = await tempFolder();
    await writeFile(join(folder, 'cut.csv.gz'), packed.subarray(0, packed.length - 100));
    await writeFile(join(folder, 'columns.csv'), 'amplitude_id,name\n1,x\n');
    await writeFile(join(folder, 'ok.csv'), 'user_id\nu\n');
    const args = ['cohorts', 'import', join(folder, name), '--cohort', 'c', ...rest];
    const done = await muster(args, { MUSTER_DATA_DIR: join(folder, 'data') });
    expect(done).toMatchObject({ code: 1, stdout: '' });
    expect(done.stderr).toContain(message);
    expect(done.stderr).not.toContain('    at ');
    await expect(readFile(join(folder, 'data'))).rejects.toThrow('ENOENT');
  });
});

test('a file that names nobody changes nothing and ends with 1, and --refused cannot name the file itself', async () => {
  const { ctx, run } = await openWorkspace();
  const file = join(await tempFolder(), 'header.csv');
  await writeFile(file, 'user_id\n');
  for (const options of [[], ['--replace', '--yes']]) {
    const done = await run('import', file, '--cohort', 'c', ...options);
    expect(done).toMatchObject({ code: 1 });
    expect(done.stderr).toMatch(/^header\.csv names nobody/);
  }
  const lost = await run('import', file, '--cohort', 'c', '--refused', file);
  expect(lost.stderr).toBe('--refused names the file that is imported: name another.\n');
  expect(await readFile(file, 'utf8')).toBe('user_id\n');
  expect(await cohortIds(ctx)).toEqual([]);
});

async function until(isSo: () => Promise<boolean>): Promise<void> {
  for (let i = 0; i < 1_000; i++) {
    if (await isSo()) return;
    await sleep(20);
  }
  throw new Error('What the test waits for does not happen.');
}

describe.each(['SIGINT', 'SIGTERM'] as const)('%s', (signal) => {
  test('ends an import with what it says is in, also while nothing comes through the pipe', async () => {
    const { ctx, env, workspace } = await openWorkspace();
    await seedIdentified(ctx, ...many(6_000));
    const pipe = await namedPipe();
    const running = start(CLI, ['cohorts', 'import', pipe.path, '--cohort', 'c', ...workspace], env);
    pipe.stream.write(`user_id\n${many(6_000).join('\n')}\n`);
    await until(async () => ((await sizeOf(ctx, 'c')) ?? 0) > 0);
    const done = await running.kill(signal);
    expect(done.code).toBe(1);
    expect(done.stderr).toBe(
      'Interrupted. The rows up to line 5001 are in. Importing the file again does them no harm.\n',
    );
    expect(done.stdout).toContain('5,000 entered, 0 left. It is new.');
    expect(await sizeOf(ctx, 'c')).toBe(5_000);
  });

  test('ends a replacement without a trace', async () => {
    const { ctx, env, workspace } = await openWorkspace();
    await seedIdentified(ctx, ...many(6_000));
    const { cohort } = await send(ctx, 'c', adds({ externalIds: ['u1', 'u2'] }));
    const pipe = await namedPipe();
    const args = ['cohorts', 'import', pipe.path, '--cohort', 'c', '--replace', '--yes', ...workspace];
    const running = start(CLI, args, env);
    pipe.stream.write(`user_id\n${many(6_000).join('\n')}\n`);
    await until(async () => {
      const staged = (await cohortIds(ctx)).filter((id) => id !== cohort?.id);
      return staged.length > 0 && (await membersOf(ctx, staged[0] ?? 0)).length > 0;
    });
    const done = await running.kill(signal);
    expect(done).toMatchObject({ code: 1, stderr: 'Interrupted. Nothing was changed.\n' });
    expect(await cohortIds(ctx)).toEqual([cohort?.id]);
    expect(await membersOf(ctx, cohort?.id ?? 0)).toHaveLength(2);
  });
});

test('a packed file that is cut off in a pipe says up to which line it is in; for --replace nothing is', async () => {
  const { ctx, env, workspace } = await openWorkspace();
  await seedIdentified(ctx, 'u0', 'u1');
  const packed = gzipSync(`user_id\n${many(60_000).join('\n')}\n`);
  for (const options of [[], ['--replace', '--yes']]) {
    const pipe = await namedPipe();
    const running = start(CLI, ['cohorts', 'import', pipe.path, '--cohort', 'c', ...options, ...workspace], env);
    pipe.stream.end(packed.subarray(0, packed.length - 1_000));
    await once(pipe.stream, 'finish');
    const { code, stderr } = await running.ended;
    expect(code).toBe(1);
    expect(stderr).toMatch(/^members\.csv is cut off: it is no complete gzip file\. Fetch it again\. /);
    expect(stderr).toMatch(
      options.length === 0 ? /The rows up to line [1-9]\d+ are in\. Importing/ : / Nothing was changed\.\n$/,
    );
  }
  expect(await sizeOf(ctx, 'c')).toBe(2);
  expect((await listCohorts(ctx, {})).items).toHaveLength(1);
});

test('what the shrink guard holds is shown, approved and discarded from the command line', async () => {
  const { ctx, run } = await openWorkspace();
  await seedIdentified(ctx, ...many(200));
  const { cohort } = await send(ctx, 'c', adds({ externalIds: many(200) }));
  const file = join(await tempFolder(), 'members.csv');
  await writeFile(file, `user_id\n${many(50).join('\n')}\n`);
  const hold = async () => {
    const done = await run('import', file, '--cohort', 'c', '--replace', '--yes');
    expect(done.code).toBe(1);
    expect(await sizeOf(ctx, 'c')).toBe(200);
    const [, id = ''] = /muster cohorts approve ([\w-]{36})/.exec(done.stderr) ?? [];
    return id;
  };
  const first = await hold();
  const held = await run('held');
  expect(held.stdout).toMatch(new RegExp(`\\n${first} +\\d{4}-.* +file +200 +150 +0 +"c" \\(amplitude c\\)\\n$`));
  expect(await run('discard', first)).toMatchObject({ code: 0, stdout: 'Dropped: the cohort is as it was.\n' });
  expect((await run('held')).stdout).toBe('Nothing is held.\n');
  expect(await run('approve', first)).toMatchObject({ code: 1, stdout: '' });
  expect((await run('approve', 'x')).stderr).toBe('Nothing of this id is held: `muster cohorts held` shows the ids.\n');

  const second = await hold();
  expect((await run('approve', second)).stdout).toBe('Cohort "c" (amplitude c): 0 entered, 150 left.\n');
  expect(await sizeOf(ctx, 'c')).toBe(50);
  expect(await ledgerOf(ctx, cohort?.id ?? 0)).toMatchObject([{ added_count: 200 }, { removed_count: 150 }]);
});
