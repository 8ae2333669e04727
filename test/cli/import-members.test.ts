import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { importMembers, type Sent, type Totals } from '../../src/cli/import/import-members.ts';
import { type Member, memberOf, NAMES_NOBODY } from '../../src/cli/import/member.ts';
import type { Refusal } from '../../src/cli/import/refused.ts';
import type { Row } from '../../src/cli/import/row.ts';
import type { CohortChange } from '../../src/domain/cohorts/change.ts';
import { fail } from '../../src/domain/errors.ts';

const row = (line: number, id: string, remove: boolean | null = null): Row<Member> => ({
  line,
  text: id,
  value: memberOf({ kind: 'external_id' }, id, remove),
});

/** Rows as a file gives them, some at a time; after the last of them the reading fails if `error` is given. */
async function* inChunks(rows: readonly Row<Member>[], error?: Error) {
  for (let i = 0; i < rows.length; i += 700) yield rows.slice(i, i + 700);
  if (error) throw error;
}

const sentOf = (changes: readonly CohortChange[], rest: Partial<Sent> = {}): Sent => {
  const received = changes.reduce((n, c) => n + c.externalIds.length + c.deviceIds.length + c.aliases.length, 0);
  return { received, matched: received, held: 0, ignored: 0, reasons: {}, added: received, removed: 0, ...rest };
};

async function run(
  rows: AsyncIterable<readonly Row<Member>[]>,
  send: (changes: readonly CohortChange[]) => Promise<Sent>,
  options: { remove?: boolean; signal?: AbortSignal; onBatch?: (totals: Totals) => void } = {},
) {
  const refusals: Refusal[] = [];
  const write = async (some: readonly Refusal[]) => void refusals.push(...some);
  const totals = await importMembers(rows, send, {
    remove: false,
    signal: new AbortController().signal,
    onBatch: () => {},
    ...options,
    refused: { write, close: async () => {} },
  });
  return { totals, refusals };
}

/** Something to wait for. */
function gate() {
  let open = () => {};
  const opened = new Promise<void>((done) => {
    open = done;
  });
  return { open, opened };
}

test('adds go several batches at a time, and neither overtakes a remove nor is overtaken by one', async () => {
  const phases: [number, boolean | null][] = [
    [30_000, null],
    [20_000, true],
    [12_000, false],
  ];
  let line = 0;
  const rows = phases.flatMap(([count, remove]) =>
    Array.from({ length: count }, () => row(++line, `u${line}`, remove)),
  );
  const underWay = new Set<string>();
  let mostAtOnce = 0;
  const fourAreUnderWay = gate();
  const seen: string[] = [];
  const { totals } = await run(inChunks(rows), async (changes) => {
    const kind = changes.map((c) => (c.remove ? 'remove' : 'add')).join('+');
    for (const other of underWay) expect([other.split(' ')[0], kind]).not.toContain(kind === 'add' ? 'remove' : 'add');
    const name = `${kind} ${seen.length}`;
    underWay.add(name);
    seen.push(kind);
    mostAtOnce = Math.max(mostAtOnce, underWay.size);
    if (seen.length === 4) fourAreUnderWay.open();
    await fourAreUnderWay.opened;
    // Later batches are quicker: only waiting keeps the order.
    await sleep(Math.max(0, 20 - seen.length));
    underWay.delete(name);
    return sentOf(changes);
  });
  expect(totals).toMatchObject({ rows: 62_000, received: 62_000, added: 62_000, line: 62_000, repeated: 0 });
  expect(mostAtOnce).toBe(4);
  expect(seen.filter((kind, i) => kind !== seen[i - 1])).toEqual(['add', 'remove', 'add']);
});

test('a batch that adds and removes goes alone, with its runs in the order of the file', async () => {
  const rows = Array.from({ length: 12_000 }, (_, i) => row(i + 1, `u${i >> 2}`, i % 4 > 1));
  let underWay = 0;
  const firsts: (readonly CohortChange[])[] = [];
  await run(inChunks(rows), async (changes) => {
    expect(++underWay).toBe(1);
    firsts.push(changes.slice(0, 3));
    await sleep(5);
    underWay--;
    return sentOf(changes);
  });
  const change = (id: string, remove: boolean) => ({ externalIds: [id, id], aliases: [], deviceIds: [], remove });
  expect(firsts[0]).toEqual([change('u0', false), change('u0', true), change('u1', false)]);
  expect(firsts.length).toBe(3);
});

test('every row is counted once: sent, repeated, refused, or nameless', async () => {
  const rows: Row<Member>[] = [
    row(2, 'ada'),
    { line: 3, text: ',', fault: NAMES_NOBODY },
    row(4, 'ada'),
    { line: 5, text: 'x"', fault: 'A quote is not closed.' },
    row(7, 'grace', true),
  ];
  const { totals, refusals } = await run(inChunks(rows), async (changes) =>
    sentOf(changes, { matched: 1, held: 1, ignored: 1, reasons: { unknown_external_id: 2 }, added: 1, removed: 0 }),
  );
  expect(totals).toEqual({
    rows: 5,
    refused: 2,
    nameless: 1,
    received: 3,
    matched: 1,
    held: 1,
    ignored: 1,
    reasons: { unknown_external_id: 2 },
    repeated: 1,
    repeatsAreExact: true,
    added: 1,
    removed: 0,
    heldChangesIds: [],
    line: 7,
  });
  expect(refusals.map(({ row: { line }, reason }) => `${line}: ${reason}`)).toEqual([
    `3: ${NAMES_NOBODY}`,
    '5: A quote is not closed.',
  ]);
});

test('rows that are all refused are sent nowhere', async () => {
  const { totals } = await run(inChunks([{ line: 2, text: '', fault: 'No.' }]), async () => {
    throw new Error('There is nothing to send.');
  });
  expect(totals).toMatchObject({ rows: 1, refused: 1, received: 0, line: 2 });
});

test('a row without an operation does what the caller says, and its own operation wins', async () => {
  const sent: (readonly CohortChange[])[] = [];
  await run(
    inChunks([row(1, 'ada'), row(2, 'grace', false), row(3, 'lin', true)]),
    async (changes) => {
      sent.push(changes);
      return sentOf(changes);
    },
    { remove: true },
  );
  expect(sent[0]?.map(({ externalIds, remove }) => [externalIds, remove])).toEqual([
    [['ada'], true],
    [['grace'], false],
    [['lin'], true],
  ]);
});

const many = Array.from({ length: 40_000 }, (_, i) => row(i + 1, `u${i}`));

test('a batch that fails ends the import when those beside it are done; the line is that of the rows before it', async () => {
  let last: Totals | undefined;
  let calls = 0;
  let underWay = 0;
  const fourth = gate();
  const failed = gate();
  const failing = run(
    inChunks(many),
    async (changes) => {
      const call = ++calls;
      if (call === 4) fourth.open();
      if (call === 3) {
        await fourth.opened;
        setImmediate(failed.open);
        throw fail('BUDGET_EXCEEDED', 'Used up.');
      }
      underWay++;
      await failed.opened;
      underWay--;
      return sentOf(changes);
    },
    {
      onBatch: (totals) => {
        last = totals;
      },
    },
  );
  await expect(failing).rejects.toThrow('Used up.');
  expect([underWay, calls]).toEqual([0, 4]);
  expect(last).toMatchObject({ line: 10_000, received: 15_000 });
});

test('a file that cannot be read on ends the import when what was read is in', async () => {
  let last: Totals | undefined;
  const failing = run(inChunks(many, new Error('The file is cut off.')), async (changes) => sentOf(changes), {
    onBatch: (totals) => {
      last = totals;
    },
  });
  await expect(failing).rejects.toThrow('The file is cut off.');
  expect(last).toMatchObject({ received: 40_000, line: 40_000 });
});

test('an import that is stopped finishes the batches under way, and a reader closed under it is no failure', async () => {
  const stop = new AbortController();
  const { totals } = await run(
    inChunks(many, new Error('closed')),
    async (changes) => {
      await sleep(5);
      return sentOf(changes);
    },
    { signal: stop.signal, onBatch: () => stop.abort() },
  );
  expect(totals.received).toBe(totals.line);
  expect(totals.line).toBeGreaterThan(0);
  expect(totals.line).toBeLessThanOrEqual(25_000);
});

test.each([
  ['LOCKED', 8],
  ['OVERLOADED', 8],
  ['UNAVAILABLE', 8],
  ['BUDGET_EXCEEDED', 1],
] as const)('a batch refused with %s is sent %i times at most', async (code, times) => {
  let calls = 0;
  const send = async (): Promise<Sent> => {
    calls++;
    throw fail(code, 'No.', { retryAfterSeconds: 0.001 });
  };
  await expect(run(inChunks([row(1, 'ada')]), send)).rejects.toThrow('No.');
  expect(calls).toBe(times);
});
