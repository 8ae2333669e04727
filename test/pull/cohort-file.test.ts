import { Readable } from 'node:stream';
import { describe, expect, test, vi } from 'vitest';
import { PAGE_IDS, readUserIds, type Tally } from '../../src/pull/cohort-file.ts';
import { PullFault } from '../../src/pull/fault.ts';

async function read(file: string | Buffer, chunk = 7) {
  const bytes = Buffer.from(file);
  const chunks = Array.from({ length: Math.ceil(bytes.length / chunk) }, (_, i) =>
    bytes.subarray(i * chunk, (i + 1) * chunk),
  );
  const tally: Tally = { rows: 0, refused: 0 };
  const pages: (readonly string[])[] = [];
  for await (const page of readUserIds(Readable.from(chunks, { objectMode: false }), tally)) pages.push(page);
  return { pages, ids: pages.flat(), ...tally };
}

const faultOf = async (file: string | Buffer) => {
  try {
    await read(file);
  } catch (error) {
    return error;
  }
  throw new Error('The file was taken.');
};

describe('a downloaded cohort', () => {
  test('is read whatever its quotes, line ends, byte order mark and further columns are', async () => {
    const ids = ['ada', 'grace, the "admiral"', 'two\nlines', ' spaced ', 'Ünïcode 💛'];
    const quote = (text: string) => `"${text.replaceAll('"', '""')}"`;
    const rows = ids.map((id, i) => `"${i}",${quote(id)},"x"`);
    for (const end of ['\n', '\r\n'])
      for (const mark of ['', '\uFEFF'])
        for (const last of ['', end, end + end]) {
          const file = `${mark}"amplitude_id","user_id","prop"${end}${rows.join(end)}${last}`;
          expect(await read(file)).toMatchObject({ ids, rows: 5, refused: 0 });
        }
    expect((await read('user_id\nada\n grace\n')).ids).toEqual(['ada', ' grace']);
    expect((await read('USER_ID,amplitude_id\nada,1\n')).ids).toEqual(['ada']);
  });

  test('loses the tabs that Amplitude puts before cells, and no other white space', async () => {
    expect((await read('\tamplitude_id,\tuser_id\n\t1,\tada\n\t2,\t\tgrace\t\n')).ids).toEqual(['ada', 'grace\t']);
    expect((await read('"\tamplitude_id","\tuser_id"\n"\t1","\tada"\n')).ids).toEqual(['ada']);
  });

  test('counts rows that name nobody, and goes on', async () => {
    const file = Buffer.concat([
      Buffer.from(
        `"amplitude_id","user_id"\n"1","ada"\n"2",""\n"3","\t"\n"4","${'x'.repeat(513)}"\n"5","nul\u0000"\n"6","`,
      ),
      Buffer.from([0xff, 0xfe]),
      Buffer.from('"\n"7","grace"\n'),
    ]);
    expect(await read(file)).toMatchObject({ ids: ['ada', 'grace'], rows: 7, refused: 5 });
  });

  test('comes in pages of bounded size, the last one with the rest', async () => {
    const ids = Array.from({ length: 2 * PAGE_IDS + 1 }, (_, i) => `u${i}`);
    const { pages, rows } = await read(`user_id\n${ids.join('\n')}\n`, 64 * 1024);
    expect(pages.map((page) => page.length)).toEqual([PAGE_IDS, PAGE_IDS, 1]);
    expect(pages.flat()).toEqual(ids);
    expect(rows).toBe(ids.length);
    expect((await read(`user_id\n${ids.slice(0, PAGE_IDS).join('\n')}`, 64 * 1024)).pages).toHaveLength(1);
  });

  test('of nobody has no page', async () => {
    expect(await read('"amplitude_id","user_id"\n')).toMatchObject({ pages: [], rows: 0 });
  });

  test.each([
    ['nothing at all', '', /empty/],
    ['only a byte order mark', '\uFEFF', /empty/],
    ['no column of user ids', 'amplitude_id\n1\n', /no column "user_id"/],
    ['no header', '"1","secret-person"\n', /no column "user_id"/],
    ['groups', '"group_type","\tgroup_value"\n"org","\tacme"\n', /cohort of groups/],
    ['a quote that nobody closes', '"amplitude_id","user_id"\n"1","secret-person\n', /no CSV.*CSV_QUOTE_NOT_CLOSED/],
    ['a quote in the middle', '"amplitude_id","user_id"\n"1",secret"person\n', /no CSV at line \d.*QUOTE/],
    ['a row with too few cells', '"amplitude_id","user_id"\n"1"\n', /no CSV at line 2/],
    ['a row with too many cells', '"amplitude_id","user_id"\n"1","secret-person","3"\n', /no CSV at line 2/],
    ['a page of HTML', '<html><body>secret-person</body></html>', /no column/],
    ['an endless record', `user_id\n"${'x'.repeat(2 << 20)}"\n`, /no CSV/],
  ])('is refused as a whole for %s, without repeating what is in it', async (_, file, message) => {
    const fault = await faultOf(file);
    expect(fault).toBeInstanceOf(PullFault);
    expect((fault as PullFault).message).toMatch(message);
    expect((fault as PullFault).message).not.toContain('secret');
    expect((fault as PullFault).isPassing).toBe(false);
  });

  test('that nobody reads to its end lets go of its source', async () => {
    const source = Readable.from(
      Array.from({ length: PAGE_IDS * 3 }, (_, i) => (i === 0 ? 'user_id\n' : `u${i}\n`)),
      { objectMode: false },
    );
    for await (const page of readUserIds(source, { rows: 0, refused: 0 })) {
      expect(page).toHaveLength(PAGE_IDS);
      break;
    }
    await vi.waitFor(() => expect(source.destroyed).toBe(true));
  });
});
