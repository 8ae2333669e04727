import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { LINE_MAX_BYTES } from '../../src/cli/import/lines.ts';
import { openUsers } from '../../src/cli/import/open-rows.ts';
import { openRefused } from '../../src/cli/import/refused.ts';
import type { Row } from '../../src/cli/import/row.ts';
import { tempFolder } from './support.ts';

async function readAll(name: string, content: string | Buffer): Promise<Row<unknown>[]> {
  const path = join(await tempFolder(), name);
  await writeFile(path, content);
  const { rows } = await openUsers(path, undefined);
  const all: Row<unknown>[] = [];
  for await (const some of rows) all.push(...some);
  return all;
}

const users = (rows: readonly Row<unknown>[]) => rows.map((row) => ('value' in row ? row.value : null));
const faults = (rows: readonly Row<unknown>[]) =>
  rows.map((row) => `${row.line}: ${'fault' in row ? row.fault.split(':')[0] : 'ok'}`);

const user = (externalId: string, attributes?: object) => ({
  externalId,
  aliases: [],
  deviceIds: [],
  ...(attributes ? { attributes } : {}),
});

test('CSV: identities by column, every other column an attribute, an empty cell says nothing', async () => {
  const rows = await readAll(
    'users.csv',
    '\uFEFFexternal_id,device_ids,alias:crm,alias:email hash,plan\r\n' +
      'ada,d1;d2,c1,,pro\r\n\r\n' +
      '"grace, ""the"" admiral","[""x;y"",""z""]",,h1,"two\r\nlines"\r\n' +
      ',[odd;d4,,,',
  );
  expect(rows.map((row) => row.line)).toEqual([2, 4, 6]);
  expect(users(rows)).toEqual([
    {
      externalId: 'ada',
      deviceIds: ['d1', 'd2'],
      aliases: [{ label: 'crm', name: 'c1' }],
      attributes: { plan: 'pro' },
    },
    {
      externalId: 'grace, "the" admiral',
      deviceIds: ['x;y', 'z'],
      aliases: [{ label: 'email hash', name: 'h1' }],
      attributes: { plan: 'two\r\nlines' },
    },
    { externalId: undefined, deviceIds: ['[odd', 'd4'], aliases: [] },
  ]);
});

test('CSV: a faulty row costs only itself', async () => {
  const rows = await readAll(
    'users.csv',
    Buffer.concat([
      Buffer.from('external_id,size\na,5" disk\nb,ok\nc,7" disk\nd,1,2\n'),
      Buffer.from([0x65, 0xe9, 0x2c, 0x31, 0x0a]),
      Buffer.from(`f,${'x'.repeat(LINE_MAX_BYTES)}\ng,"never closed\nh,ok`),
    ]),
  );
  expect(faults(rows)).toEqual([
    '2: A quote is not closed, or stands in the middle of a cell',
    '3: ok',
    '4: A quote is not closed, or stands in the middle of a cell',
    '5: A header of 2 columns, and here are 3 cells.',
    '6: The row has bytes that are not UTF-8',
    `7: The line is longer than ${LINE_MAX_BYTES} bytes.`,
    '8: A quote is not closed, or stands in the middle of a cell',
    '9: ok',
  ]);
});

test('CSV: a quote that is never closed does not swallow a long file', async () => {
  const line = `u,${'x'.repeat(1_000)}\n`;
  const rows = await readAll('users.csv', `external_id,note\nbad,"open\n${line.repeat(3_000)}`);
  expect(rows).toHaveLength(3_001);
  expect(rows.filter((row) => 'fault' in row).map((row) => row.line)).toEqual([2]);
});

test('CSV: what was written comes back, whatever the cells hold', async () => {
  const quote = (text: string) => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
  const cell = fc.string({ unit: fc.constantFrom('a', ',', '"', '\n', '\r', ' ', 'é', '😀'), maxLength: 8 });
  await fc.assert(
    fc.asyncProperty(fc.array(cell, { minLength: 1, maxLength: 30 }), async (cells) => {
      const text = cells.map((c, i) => `u${i},${quote(c)}`).join('\n');
      const rows = await readAll('users.csv', `external_id,note\n${text}\n`);
      expect(users(rows)).toEqual(cells.map((c, i) => user(`u${i}`, c === '' ? undefined : { note: c })));
    }),
    { numRuns: 60 },
  );
});

test.each([
  ['plan\npro\n', 'needs a header with external_id, device_ids or alias:<label> among its columns.'],
  ['', 'It has no header.'],
  ['external_id,plan,plan\n', 'has the column "plan" twice.'],
  ['external_id,\n', 'Column 2 of users.csv has no name.'],
  [Buffer.from([0xff, 0xfe, 0x65, 0x00]), 'is not UTF-8'],
])('CSV: a header that cannot be used is said in one sentence (%#)', async (content, message) => {
  await expect(readAll('users.csv', content)).rejects.toThrow(message);
});

test('NDJSON: a line is a user, and a line that is none is refused by its number', async () => {
  const long = JSON.stringify({ externalId: 'x'.repeat(LINE_MAX_BYTES) });
  const ada = { externalId: 'ada', aliases: [{ label: 'crm', name: 'c1' }], deviceIds: ['d'], attributes: { n: 1 } };
  const rows = await readAll(
    'users.jsonl',
    `\uFEFF${JSON.stringify(ada)}\r\n\n{"externalId":\n{"external_id":"x"}\n${long}\n{"deviceIds":["last"]}`,
  );
  expect(faults(rows)).toEqual([
    '1: ok',
    '3: The line is not JSON.',
    '4: There is no field "external_id"',
    `5: The line is longer than ${LINE_MAX_BYTES} bytes.`,
    '6: ok',
  ]);
  expect(users(rows)[0]).toEqual(ada);
});

test('lines of many sizes are told apart wherever the file is cut into pieces', async () => {
  const names = Array.from({ length: 2_000 }, (_, i) => `${i}-${'é'.repeat((i * 37) % 1_500)}`);
  const rows = await readAll('users.ndjson', names.map((note) => JSON.stringify({ deviceIds: [note] })).join('\n'));
  expect(users(rows)).toEqual(names.map((note) => ({ deviceIds: [note] })));
});

test.each([
  ['users.csv', 'external_id,note\na,"x\ny"\nb,5" disk\n'],
  ['users.ndjson', '{"externalId":"a"}\nnot json\n'],
])('a file of refused rows can be imported, and refused again without growing (%s)', async (name, content) => {
  const folder = await tempFolder();
  const refuseAll = async (path: string): Promise<string> => {
    const file = await openUsers(path, undefined);
    const refused = await openRefused(file.refusedPath, file);
    for await (const rows of file.rows) await refused.write(rows.map((row) => ({ row, reason: 'no, "really"' })));
    await refused.close();
    return file.refusedPath;
  };
  await writeFile(join(folder, name), content);
  const once = await refuseAll(join(folder, name));
  const twice = await refuseAll(once);
  const withoutLines = async (path: string) => (await readFile(path, 'utf8')).replace(/^\d+,|"line":\d+/gm, '');
  if (name.endsWith('.csv')) expect(await withoutLines(twice)).toBe(await withoutLines(once));
  const { rows } = await openUsers(once, undefined);
  const all: Row<unknown>[] = [];
  for await (const some of rows) all.push(...some);
  expect(all.filter((row) => 'value' in row)).toHaveLength(1);
});

test('there is no file of refused rows until there is one, and an old one goes', async () => {
  const path = join(await tempFolder(), 'old.refused.csv');
  await writeFile(path, 'from last time');
  const refused = await openRefused(path, { refusedHead: 'head\n', formatRefused: ({ line }) => `${line}\n` });
  await refused.write([]);
  await expect(readFile(path)).rejects.toThrow('ENOENT');
  await refused.write([{ row: { line: 7, text: '' }, reason: '' }]);
  await refused.close();
  expect(await readFile(path, 'utf8')).toBe('head\n7\n');
});
