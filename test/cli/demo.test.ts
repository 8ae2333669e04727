import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { DEMO_COHORTS, movementsOf } from '../../src/cli/demo/cohorts.ts';
import { personOf } from '../../src/cli/demo/people.ts';
import { openTestDatabase } from '../support/database.ts';
import { ask, muster, printedKey, serve, takePort, tempFolder } from './support.ts';

const SIZE = '{ workspace { userCount } segment(by: { name: "Amplitude cohort test" }) { size } }';
interface Size {
  readonly workspace: { readonly userCount: number };
  readonly segment: { readonly size: number };
}

/** The cohort of the demo's segment, counted by hand. */
function expectedSize(population: number): number {
  const [story] = movementsOf(population);
  const members = new Set<number>();
  const matches = (number: number) => number < population;
  for (const number of story?.joining.filter(matches) ?? []) members.add(number);
  for (const number of story?.leaving ?? []) members.delete(number);
  return members.size;
}

async function checkDemo(env: Record<string, string>, users: number): Promise<void> {
  const demo = await serve(env, ['demo', '--users', String(users)]);
  await demo.says(/Ctrl-C/);
  const { stdout } = demo;
  const { workspace, segment } = await ask<Size>(demo.url, printedKey(stdout), SIZE);
  expect(workspace.userCount).toBe(users);
  // Some are named by a device though they are identified, and those do not match.
  expect(segment.size).toBeLessThanOrEqual(expectedSize(users));
  expect(segment.size).toBeGreaterThan(expectedSize(users) * 0.9);
  for (const { name } of DEMO_COHORTS) expect(stdout).toContain(name);
  expect(stdout).toContain(`"size": ${segment.size}`);
  expect(stdout).not.toContain('\u001b');

  // The second line to try adds somebody to the cohort.
  const [, url = '', body = ''] = /curl -s (\S+\/users) -d '(.*)'/.exec(stdout) ?? [];
  expect((await fetch(url, { method: 'POST', body })).status).toBe(201);
  expect((await ask<Size>(demo.url, printedKey(stdout), SIZE)).segment.size).toBe(segment.size + 1);
  expect(await demo.kill('SIGINT')).toMatchObject({ code: 0, stderr: '' });
}

test('muster demo on PGlite: a folder of its own, made anew at each start, and the next free port', async () => {
  const env = { MUSTER_DATA_DIR: join(await tempFolder(), 'data'), PORT: String(await takePort()) };
  await checkDemo(env, 2_000);
  await checkDemo(env, 1_000);
}, 120_000);

test('muster demo on PostgreSQL: a new workspace each time', async () => {
  const database = await openTestDatabase('postgres', { poolSize: 1 });
  onTestFinished(() => database.close());
  await checkDemo({ DATABASE_URL: database.url ?? '' }, 2_000);
});

test('muster demo leaves a folder alone that holds something else', async () => {
  const folder = await tempFolder();
  await mkdir(join(folder, 'data-demo'));
  await writeFile(join(folder, 'data-demo', 'thesis.txt'), 'years of work');
  const done = await muster(['demo'], { MUSTER_DATA_DIR: join(folder, 'data'), PORT: '0' });
  expect(done.code).toBe(1);
  expect(done.stderr).toMatch(/holds something else: move that away\.\n$/);
});

test('the people of the demo are always the same, of all three kinds, and nobody is two', () => {
  const people = Array.from({ length: 20_000 }, (_, i) => personOf(i));
  expect(personOf(7)).toEqual(people[7]);
  const names = people.flatMap((p) => [p.externalId ?? [], p.aliases.map((a) => a.name), p.deviceIds].flat());
  expect(new Set(names).size).toBe(names.length);
  expect(people.every((p) => p.externalId !== null || p.aliases.length + p.deviceIds.length > 0)).toBe(true);
  const share = (fits: number) => fits / people.length;
  expect(share(people.filter((p) => p.externalId !== null).length)).toBeCloseTo(0.62, 1);
  expect(share(people.filter((p) => p.externalId === null && p.aliases.length > 0).length)).toBeCloseTo(0.08, 1);
});
