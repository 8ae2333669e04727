import { createWriteStream } from 'node:fs';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { fileURLToPath } from 'node:url';
import { sql } from 'drizzle-orm';
import { type Db, queryRows } from '../src/db/client.ts';
import { type Ran, runCli, runScript } from './support/cli-process.ts';
import { externalIdOf } from './support/data.ts';
import { thousands } from './support/measure.ts';
import { seeded } from './support/random.ts';

const READER = fileURLToPath(new URL('support/read-members.ts', import.meta.url));
const MB = 2 ** 20;
/** Of a hundred identifiers, how many nobody has. */
const UNKNOWN_PERCENT = 2;

export const FILES_HEAD = ['CSV file', 'identifiers/s', 'took s', 'peak MB', 'counts right'];

/**
 * Imports a file of identifiers in random order, as Amplitude writes one, with the command line in a process of its own. What it took is
 * measured from the start of the process to its end.
 */
export async function measureFiles(
  databaseUrl: string,
  db: Db,
  sizes: { readonly users: number; readonly identifiers: number },
): Promise<string[][]> {
  const folder = await mkdtemp(join(tmpdir(), 'muster-bench-'));
  const env = { DATABASE_URL: databaseUrl };
  const cohort = `file-${Date.now()}`;
  try {
    const file = join(folder, 'cohort.csv');
    const members = await writeMembers(file, sizes);
    const rows: string[][] = [];
    const note = (name: string, ran: Ran, isRight: boolean) =>
      rows.push([
        name,
        thousands(sizes.identifiers / ran.seconds),
        ran.seconds.toFixed(1),
        (ran.peak / MB).toFixed(0),
        isRight ? 'yes' : 'NO',
      ]);
    const importIt = async (name: string, id: string, ...options: string[]) => {
      const ran = await runCli(['cohorts', 'import', file, '--cohort', id, ...options], env);
      note(name, ran, (await sizeOf(db, id)) === members);
    };
    const { size } = await stat(file);
    const floor = await runScript(READER, [file], env);
    note(`floor: read and parse ${(size / MB).toFixed(0)} MB`, floor, Number(floor.stdout) === sizes.identifiers);
    await importIt('into a new cohort', cohort);
    await importIt('the same again', cohort);
    await importIt('--replace of a new cohort', `${cohort}-list`, '--replace', '--yes');
    return rows;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Writes the file, and answers how many different users it names. */
async function writeMembers(path: string, sizes: { users: number; identifiers: number }): Promise<number> {
  const random = seeded(7);
  const named = new Uint8Array(sizes.users + 1);
  let members = 0;
  const idAt = (i: number) => {
    if (i % 100 < UNKNOWN_PERCENT) return `unknown-${String(i).padStart(10, '0')}-padded-to-36-chars`;
    const user = 1 + Math.floor(random() * sizes.users);
    if (named[user] === 0) members++;
    named[user] = 1;
    return externalIdOf(user);
  };
  async function* content() {
    let part = '"amplitude_id","user_id"\n';
    for (let i = 0; i < sizes.identifiers; i++) {
      part += `"${400_000_000_000 + i}","${idAt(i)}"\n`;
      if (part.length < MB) continue;
      yield part;
      part = '';
    }
    yield part;
  }
  await pipeline(content, createWriteStream(path));
  return members;
}

async function sizeOf(db: Db, partnerCohortId: string): Promise<number> {
  const [row] = await queryRows<{ n: number }>(
    db,
    sql`select coalesce(sum(bit_count(m.bits)), 0)::int as n from membership_blocks m join cohorts c
      on c.workspace_id = m.workspace_id and c.id = m.cohort_id where c.workspace_id = 1 and c.partner_cohort_id = ${partnerCohortId}`,
  );
  return row?.n ?? 0;
}
