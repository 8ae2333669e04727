import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { LINE_MAX_BYTES } from '../../src/cli/import/lines.ts';
import type { Member, MemberChoice } from '../../src/cli/import/member.ts';
import { openMembers } from '../../src/cli/import/open-rows.ts';
import type { Row } from '../../src/cli/import/row.ts';
import { tempFolder } from './support.ts';

async function open(name: string, content: string | Buffer, choice: Partial<MemberChoice> = {}) {
  const path = join(await tempFolder(), name);
  await writeFile(path, content);
  return openMembers(path, undefined, { hasHeader: true, ...choice });
}

async function readAll(name: string, content: string | Buffer, choice: Partial<MemberChoice> = {}) {
  const all: Row<Member>[] = [];
  for await (const some of (await open(name, content, choice)).rows) all.push(...some);
  return all;
}

/** A row as short as can be: `+e:ada` adds an external id, `-` removes, `?` does not say. */
const short = (row: Row<Member>) => {
  if ('fault' in row) return `${row.line}: ${row.fault}`;
  const { externalIds, deviceIds, aliases, remove } = row.value;
  const names = [
    ...externalIds.map((id) => `e:${id}`),
    ...deviceIds.map((id) => `d:${id}`),
    ...aliases.map(({ label, name }) => `a:${label}=${name}`),
  ];
  return `${remove === null ? '?' : remove ? '-' : '+'}${names.join(' ')}`;
};
const read = async (name: string, content: string | Buffer, choice: Partial<MemberChoice> = {}) =>
  (await readAll(name, content, choice)).map(short);

describe('CSV', () => {
  test("Amplitude's own download is read as it is, and a row without a user id names nobody", async () => {
    const text = '"amplitude_id","user_id"\n"101","ada"\n"102",""\n"103","grace, the ""admiral"""\n';
    expect(await read('cohort.csv', text)).toEqual(['?e:ada', '3: The row names nobody.', '?e:grace, the "admiral"']);
  });

  test('a byte order mark, Windows line endings, quotes and leading tabs are no part of an identifier', async () => {
    const text =
      '\uFEFF"\tamplitude_id","\tuser_id"\r\n"1","\t\tada"\r\n\r\n2,\tgrace\r\n3,"two\r\nlines"\r\n4,in\tside\r\n';
    expect(await read('cohort.csv', text)).toEqual(['?e:ada', '?e:grace', '?e:two\r\nlines', '?e:in\tside']);
    expect(await read('group.csv', '\tgroup_value\n\tacme\n', { column: 'group_value' })).toEqual(['?e:acme']);
  });

  test.each([
    ['external_id', '?e:x'],
    ['externalId', '?e:x'],
    ['User ID', '?e:x'],
    ['userId', '?e:x'],
    ['device_id', '?d:x'],
    ['Device-Id', '?d:x'],
    ['alias:email hash', '?a:email hash=x'],
  ])('the column %j says what it holds', async (column, expected) => {
    expect(await read('cohort.csv', `note,${column}\nn,x\n`)).toEqual([expected]);
  });

  test.each([
    ['commas', ','],
    ['semicolons', ';'],
    ['tabs', '\t'],
  ])('cells are told apart by %s, whichever the header has', async (_, d) => {
    const text = `name${d}alias:crm${d}operation${d}device_id\n"x${d}y"${d}c1${d}add${d}d1\nz${d}c2${d}Remove${d}\nz${d}${d}${d}d3\n`;
    expect(await read('cohort.csv', text)).toEqual(['+d:d1 a:crm=c1', '-a:crm=c2', '?d:d3']);
  });

  test("Amplitude's test file for list integrations is read with --column", async () => {
    const text = 'operation(add|remove),user_id_field_amplitude,amp_cohort_name\nadd,u1,c\nremove,u2,c\n';
    expect(await read('test.csv', text, { column: 'user_id_field_amplitude' })).toEqual(['+e:u1', '-e:u2']);
  });

  test('a file of one column needs no header, and --identity says what it holds', async () => {
    expect(await read('ids.txt', 'u1\nu2\n')).toEqual(['?e:u1', '?e:u2']);
    expect(await read('ids.csv', '"u1"\r\n"u2"\r\n')).toEqual(['?e:u1', '?e:u2']);
    const identity = { kind: 'alias', label: 'crm' } as const;
    expect(await read('ids', '\n\nc1\nc2', { identity })).toEqual(['?a:crm=c1', '?a:crm=c2']);
    expect(await read('ids.csv', 'email\nmail\n', { hasHeader: false })).toEqual(['?e:email', '?e:mail']);
    expect(await read('ids.csv', 'customer_id\n7\n', { column: 'customer_id' })).toEqual(['?e:7']);
  });

  test('--column picks one of several, and --identity says what it holds', async () => {
    const text = 'user_id,device_id,key\nu,d,k\n';
    expect(await read('c.csv', text)).toEqual(['?e:u d:d']);
    expect(await read('c.csv', text, { column: 'device_id' })).toEqual(['?d:d']);
    expect(await read('c.csv', text, { column: 'key' })).toEqual(['?e:k']);
    expect(await read('c.csv', text, { column: 'key', identity: { kind: 'device_id' } })).toEqual(['?d:k']);
    expect(await read('c.csv', 'user_id\nu\n', { identity: { kind: 'alias', label: 'crm' } })).toEqual(['?a:crm=u']);
  });

  test('a faulty row costs only itself', async () => {
    const rows = await read(
      'cohort.csv',
      Buffer.concat([
        Buffer.from('user_id,operation\nu1,add\nu2,delete\n,\nu3"x,\nu4,add,more\n'),
        Buffer.from([0x75, 0xe9, 0x2c, 0x0a]),
        Buffer.from(`${'x'.repeat(513)},\nu\u0000,\n${'y'.repeat(LINE_MAX_BYTES)},\nu9,`),
      ]),
    );
    expect(rows).toEqual([
      '+e:u1',
      '3: The operation must be add or remove.',
      '4: The row names nobody.',
      expect.stringMatching(/^5: A quote is not closed/),
      '6: A header of 2 columns, and here are 3 cells.',
      expect.stringMatching(/^7: The row has bytes that are not UTF-8/),
      '8: The external id must be at most 512 bytes.',
      '9: The external id must not contain NUL.',
      `10: The line is longer than ${LINE_MAX_BYTES} bytes.`,
      '?e:u9',
    ]);
  });

  test.each([
    ['', {}, 'is empty: nothing was changed.'],
    ['\n\r\n', {}, 'is empty: nothing was changed.'],
    ['amplitude_id,name\n1,x\n', {}, 'needs a header with external_id, user_id, device_id or alias:<label>'],
    ['customer_id\n1\n', {}, 'looks like the name of a column: if it is, say --column "customer_id"'],
    ['"userIdentifier Email"\nx\n', {}, 'if it is an identifier, say --no-header'],
    ['user_id\nu\n', { column: 'User' }, 'has no column "User". Its first line is "user_id".'],
    ['user_id,x,userId\n', {}, 'has several columns for external_id: say with --column which one is meant.'],
    ['user_id,device_id\n', { identity: { kind: 'device_id' } }, 'say with --column which one --identity is about'],
    ['key,key\n', { column: 'key' }, 'has the column "key" 2 times.'],
    ['a,b\nc,d\n', { hasHeader: false }, 'only a file of one column can do without a header'],
    [Buffer.from([0xff, 0xfe, 0x75, 0x00]), {}, 'is not UTF-8'],
    [
      Buffer.from('PK\u0003\u0004rest of a workbook'),
      {},
      'is an Excel workbook or another ZIP: save the table as CSV.',
    ],
  ] satisfies [string | Buffer, Partial<MemberChoice>, string][])(
    'what cannot be read is said in one sentence (%#)',
    async (content, choice, message) => {
      await expect(open('cohort.csv', content, choice)).rejects.toThrow(message);
    },
  );

  test('a header alone is a file without rows', async () => {
    expect(await read('cohort.csv', 'user_id\n')).toEqual([]);
  });

  test('identifiers come back as they were written, whatever they hold', async () => {
    const unit = fc.constantFrom('a', ',', ';', '"', '\n', '\r', '\t', ' ', 'é', '😀');
    const cell = fc.string({ unit, minLength: 1, maxLength: 8 }).filter((text) => !text.startsWith('\t'));
    const quote = (text: string) => `"${text.replaceAll('"', '""')}"`;
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(cell, fc.boolean()), { minLength: 1, maxLength: 30 }),
        fc.constantFrom(',', ';', '\t'),
        async (cells, d) => {
          const plain = (text: string) => !/[",;\t\r\n]/.test(text);
          const text = cells.map(([id, quoted]) => `n${d}${quoted || !plain(id) ? quote(id) : id}\n`).join('');
          expect(await read('c.csv', `note${d}user_id\n${text}`)).toEqual(cells.map(([id]) => `?e:${id}`));
        },
      ),
      { numRuns: 100 },
    );
  });
});

describe('NDJSON', () => {
  test('a line names a member by one identity or several, and may say that they leave', async () => {
    const lines = [
      { externalId: 'ada' },
      { user_id: 'grace', amplitude_id: 7, remove: true },
      { alias: { label: 'crm', name: 'c1' }, deviceId: 'd1', operation: 'add' },
      { aliases: [{ label: 'crm', name: 'c2' }], deviceIds: ['d2', 'd3'], remove: false },
      { user_id: null, device_id: 'd4', operation: '' },
    ];
    expect(await read('c.ndjson', `\uFEFF${lines.map((line) => JSON.stringify(line)).join('\r\n')}`)).toEqual([
      '?e:ada',
      '-e:grace',
      '+d:d1 a:crm=c1',
      '+d:d2 d:d3 a:crm=c2',
      '?d:d4',
    ]);
  });

  test.each([
    ['{"user_id":', 'The line is not JSON.'],
    ['["ada"]', 'The line is no JSON object.'],
    ['{"user":"ada"}', 'There is no field "user"'],
    ['{"user_id":"ada","remvoe":true}', 'There is no field "remvoe"'],
    ['{"user_id":7}', 'The external id must be a string.'],
    ['{"user_id":""}', 'The external id must not be empty.'],
    ['{"deviceId":"\\ud800"}', 'The device id must be well-formed Unicode'],
    ['{"alias":"crm"}', 'An alias must be { label, name }.'],
    ['{"alias":{"label":"crm"}}', 'The name of the alias must be a string.'],
    ['{"user_id":"ada","remove":"yes"}', 'remove must be true or false.'],
    ['{"user_id":"ada","operation":"enter"}', 'The operation must be add or remove.'],
    ['{}', 'The row names nobody.'],
    [JSON.stringify({ deviceIds: Array.from({ length: 1_001 }, (_, i) => `d${i}`) }), 'at most 1000 identities'],
  ])('a line that cannot be used is refused by its number (%#)', async (line, fault) => {
    const rows = await read('c.jsonl', `{"user_id":"before"}\n${line}\n{"user_id":"after"}`);
    expect(rows).toEqual(['?e:before', expect.stringMatching(/^2: /), '?e:after']);
    expect(rows[1]).toContain(fault);
  });

  test('--column picks a field, whose fellows are then left alone', async () => {
    const text = '{"who":"x","why":1}\n{"who":["y","z"],"remove":true}\n{"why":2}\n';
    expect(await read('c.ndjson', text, { column: 'who' })).toEqual(['?e:x', '-e:y e:z', '3: The row names nobody.']);
    const identity = { kind: 'alias', label: 'crm' } as const;
    expect((await read('c.ndjson', text, { column: 'who', identity })).slice(0, 1)).toEqual(['?a:crm=x']);
    await expect(open('c.ndjson', text, { identity })).rejects.toThrow('Say with --column');
  });

  test('the first line says the form where the name does not', async () => {
    expect(await read('members', '{"user_id":"ada"}\n')).toEqual(['?e:ada']);
    await expect(open('members.json', '[\n{"user_id":"ada"}\n]')).rejects.toThrow(
      'is a JSON array: write one object a line.',
    );
    await expect(open('members.json', '{\n"user_id":"ada"\n}')).rejects.toThrow('looks like JSON');
  });
});

describe('gzip', () => {
  const text = `user_id\n${Array.from({ length: 20_000 }, (_, i) => `user ${i}\n`).join('')}`;

  test.each(['cohort.csv.gz', 'cohort.csv', 'cohort'])(
    'is unpacked whatever the name of the file (%s)',
    async (name) => {
      const file = await open(name, gzipSync(text));
      let rows = 0;
      for await (const some of file.rows) rows += some.length;
      expect(rows).toBe(20_000);
      expect(file.bytesRead()).toBe(file.size);
      expect(file.refusedPath).toMatch(/cohort\.refused\.csv$/);
    },
  );

  test('that is not packed after all is read as it is', async () => {
    expect(await read('cohort.csv.gz', 'user_id\nada\n')).toEqual(['?e:ada']);
  });

  test('several packed files in a row are one file', async () => {
    const packed = Buffer.concat([gzipSync('user_id\nada\n'), gzipSync('grace\n')]);
    expect(await read('cohort.csv.gz', packed)).toEqual(['?e:ada', '?e:grace']);
  });

  test.each([3, 20, 1_000, -1])('that is cut off is refused before a row of it is read (%i bytes)', async (bytes) => {
    const packed = gzipSync(text);
    await expect(open('cohort.csv.gz', packed.subarray(0, bytes))).rejects.toThrow(
      /cohort\.csv\.gz is (cut off|damaged)/,
    );
  });

  test('that is damaged is refused before a row of it is read', async () => {
    const packed = gzipSync(text);
    packed.fill(0, packed.length >> 1, (packed.length >> 1) + 64);
    await expect(open('cohort.csv.gz', packed)).rejects.toThrow('cohort.csv.gz is damaged');
  });
});
