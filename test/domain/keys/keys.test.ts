import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { queryRows } from '../../../src/db/client.ts';
import type { Ctx } from '../../../src/domain/context.ts';
import { MAX_OVERLAP_HOURS } from '../../../src/domain/keys/key.ts';
import {
  createApiKey,
  generateDataImportKey,
  invalidateKey,
  keysByIds,
  listKeys,
  rotateKey,
  touchKey,
  verifyHash,
} from '../../../src/domain/keys/keys.ts';
import { hashSecret, parseSecret } from '../../../src/domain/keys/secret.ts';
import { type FakeClock, fakeClock, makeContext, otherWorkspace } from '../../support/context.ts';
import { DATABASES, openTestDatabase, type TestDatabase } from '../../support/database.ts';
import { recordStatements } from '../../support/statements.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const NOBODY = '01890000-0000-7000-8000-000000000000';

describe.each(DATABASES)('keys on %s', (kind) => {
  const record = recordStatements();
  let database: TestDatabase;
  let clock: FakeClock;
  let ctx: Ctx;

  beforeAll(async () => {
    database = await openTestDatabase(kind, { logger: record.logger });
  });
  afterAll(() => database.close());
  beforeEach(async () => {
    clock = fakeClock();
    ctx = await makeContext(database, clock);
  });

  const amplitude = () => generateDataImportKey(ctx, { partner: 'amplitude', name: 'Production' });
  const works = async (secret: string) => (await verifyHash(ctx, hashSecret(secret))) !== null;

  test('a data import key works, says its partner and workspace, and has no scope', async () => {
    const { key, secret } = await amplitude();
    expect(await verifyHash(ctx, hashSecret(secret))).toEqual(key);
    expect(key).toMatchObject({
      kind: 'data_import',
      partner: 'amplitude',
      name: 'Production',
      scopes: [],
      state: 'ACTIVE',
    });
    expect(key.createdAt).toEqual(clock.now());
    expect(parseSecret(secret)?.workspaceId).toBe(ctx.workspaceId);
    expect(secret.startsWith(key.prefix)).toBe(true);
  });

  test('the secret is stored nowhere, only its hash', async () => {
    const { key, secret } = await amplitude();
    const [row] = await queryRows<{ row: string }>(
      database.db,
      sql`select to_jsonb(k)::text as row from keys k where k.id = ${key.id}::uuid`,
    );
    expect(row?.row).toContain(hashSecret(secret));
    expect(row?.row).not.toContain(secret);
    expect(row?.row).not.toContain(secret.slice(key.prefix.length));
    expect(JSON.stringify(key)).not.toContain(hashSecret(secret));
  });

  test('of another workspace is like none', async () => {
    const foreign = await otherWorkspace(ctx);
    const { key, secret } = await amplitude();
    expect(await verifyHash(foreign, hashSecret(secret))).toBeNull();
    expect((await keysByIds(foreign, [key.id])).size).toBe(0);
    await expect(invalidateKey(foreign, { kind: 'data_import', id: key.id })).rejects.toMatchObject({
      code: 'NOT_FOUND',
    });
    await expect(rotateKey(foreign, { kind: 'data_import', id: key.id })).rejects.toMatchObject({ code: 'NOT_FOUND' });
    expect(await works(secret)).toBe(true);
  });

  test('an invalidated key is refused at once, and invalidating again changes nothing', async () => {
    const { key, secret } = await amplitude();
    const ended = await invalidateKey(ctx, { kind: 'data_import', id: key.id });
    expect(ended).toMatchObject({ state: 'INVALIDATED', invalidatedAt: clock.now() });
    expect(await works(secret)).toBe(false);
    clock.advance(HOUR);
    expect(await invalidateKey(ctx, { kind: 'data_import', id: key.id })).toEqual(ended);
  });

  test('both keys work during the overlap of a rotation, and only the new one after it', async () => {
    const old = await amplitude();
    const successor = await rotateKey(ctx, { kind: 'data_import', id: old.key.id, overlapHours: 2 });
    expect(successor.key).toMatchObject({ partner: 'amplitude', name: 'Production', state: 'ACTIVE', expiresAt: null });
    expect((await keysByIds(ctx, [old.key.id])).get(old.key.id)?.state).toBe('ROTATED');
    expect([await works(old.secret), await works(successor.secret)]).toEqual([true, true]);
    clock.advance(2 * HOUR - 1);
    expect([await works(old.secret), await works(successor.secret)]).toEqual([true, true]);
    clock.advance(1);
    expect([await works(old.secret), await works(successor.secret)]).toEqual([false, true]);
    expect((await keysByIds(ctx, [old.key.id])).get(old.key.id)?.state).toBe('EXPIRED');
  });

  test('the overlap is a day unless said otherwise, and none ends the old key at once', async () => {
    const first = await amplitude();
    await rotateKey(ctx, { kind: 'data_import', id: first.key.id });
    const stored = (await keysByIds(ctx, [first.key.id])).get(first.key.id);
    expect(stored?.expiresAt?.getTime()).toBe(clock.now().getTime() + 24 * HOUR);
    const second = await amplitude();
    await rotateKey(ctx, { kind: 'data_import', id: second.key.id, overlapHours: 0 });
    expect(await works(second.secret)).toBe(false);
  });

  test('a rotation never lengthens a life, and its successor ends when the old one would have', async () => {
    const expiresAt = new Date(clock.now().getTime() + HOUR);
    const old = await generateDataImportKey(ctx, { partner: 'amplitude', expiresAt });
    const successor = await rotateKey(ctx, { kind: 'data_import', id: old.key.id, overlapHours: 48 });
    expect(successor.key.expiresAt).toEqual(expiresAt);
    clock.advance(HOUR);
    expect([await works(old.secret), await works(successor.secret)]).toEqual([false, false]);
  });

  test('only an active key can be rotated', async () => {
    const rotated = await amplitude();
    await rotateKey(ctx, { kind: 'data_import', id: rotated.key.id });
    const invalidated = await amplitude();
    await invalidateKey(ctx, { kind: 'data_import', id: invalidated.key.id });
    const expired = await generateDataImportKey(ctx, {
      partner: 'amplitude',
      expiresAt: new Date(clock.now().getTime() + 1),
    });
    clock.advance(1);
    for (const { key } of [rotated, invalidated, expired])
      await expect(rotateKey(ctx, { kind: 'data_import', id: key.id })).rejects.toMatchObject({ code: 'NOT_ACTIVE' });
  });

  test.each([-1, MAX_OVERLAP_HOURS + 1, Number.NaN])('an overlap of %d hours is refused', async (overlapHours) => {
    const { key } = await amplitude();
    await expect(rotateKey(ctx, { kind: 'data_import', id: key.id, overlapHours })).rejects.toMatchObject({
      code: 'INVALID_INPUT',
      path: ['overlapHours'],
    });
  });

  test('a key expires at its time, to the millisecond', async () => {
    const { secret } = await generateDataImportKey(ctx, {
      partner: 'amplitude',
      expiresAt: new Date(clock.now().getTime() + 5),
    });
    clock.advance(4);
    expect(await works(secret)).toBe(true);
    clock.advance(1);
    expect(await works(secret)).toBe(false);
  });

  test('a key that would have expired already is not made', async () => {
    await expect(generateDataImportKey(ctx, { partner: 'amplitude', expiresAt: clock.now() })).rejects.toMatchObject({
      code: 'INVALID_INPUT',
      path: ['expiresAt'],
    });
  });

  test('last use is written at most once a minute', async () => {
    const { key, secret } = await amplitude();
    const stored = async () => {
      const now = await verifyHash(ctx, hashSecret(secret));
      if (!now) throw new Error('The key works.');
      return now;
    };
    const began = clock.now();
    expect(await touchKey(ctx, key)).toBe(true);
    expect((await stored()).lastUsedAt).toEqual(began);
    clock.advance(MINUTE - 1);
    record.take();
    expect(await touchKey(ctx, await stored())).toBe(false);
    expect(record.take().filter((statement) => statement.startsWith('update'))).toEqual([]);
    expect((await stored()).lastUsedAt).toEqual(began);
    clock.advance(1);
    expect(await touchKey(ctx, await stored())).toBe(true);
    expect((await stored()).lastUsedAt).toEqual(clock.now());
  });

  test('of several servers that see a key unused, only the first writes its last use', async () => {
    const { key } = await amplitude();
    expect(await touchKey(ctx, key)).toBe(true);
    clock.advance(1);
    expect(await touchKey(ctx, key)).toBe(false);
    expect((await keysByIds(ctx, [key.id])).get(key.id)?.lastUsedAt?.getTime()).toBe(clock.now().getTime() - 1);
  });

  test('an API key has the scopes asked for, each once, and none but those that exist', async () => {
    const { key } = await createApiKey(ctx, { name: 'Site', scopes: ['users:read', 'segments:read', 'users:read'] });
    expect(key).toMatchObject({ kind: 'api', partner: null, scopes: ['users:read', 'segments:read'] });
    await expect(createApiKey(ctx, { name: 'Site', scopes: [] })).rejects.toMatchObject({
      code: 'INVALID_INPUT',
      path: ['scopes'],
    });
    await expect(createApiKey(ctx, { name: 'Site', scopes: ['users:read', 'everything'] })).rejects.toMatchObject({
      code: 'INVALID_INPUT',
      path: ['scopes', 1],
    });
  });

  test('nobody hands out a scope that they lack, by a new key or by a rotation', async () => {
    const strong = await createApiKey(ctx, { name: 'Strong', scopes: ['users:read', 'users:write'] });
    const grantable = ['users:read', 'keys:manage'] as const;
    await expect(createApiKey(ctx, { name: 'More', scopes: ['users:write'], grantable })).rejects.toMatchObject({
      code: 'FORBIDDEN',
    });
    await expect(rotateKey(ctx, { kind: 'api', id: strong.key.id, grantable })).rejects.toMatchObject({
      code: 'FORBIDDEN',
    });
    expect(await listKeys(ctx, { kind: 'api' })).toHaveLength(1);
  });

  test.each(['', '   ', 'n'.repeat(201)])('the name %j is refused', async (name) => {
    await expect(generateDataImportKey(ctx, { partner: 'amplitude', name })).rejects.toMatchObject({
      code: 'INVALID_INPUT',
      path: ['name'],
    });
  });

  test.each(['', 'Amplitude', '1st', 'a b', 'a/b', 'a'.repeat(65), 'ä'])(
    'the partner %j is refused',
    async (partner) => {
      await expect(generateDataImportKey(ctx, { partner })).rejects.toMatchObject({
        code: 'INVALID_INPUT',
        path: ['partner'],
      });
    },
  );

  test('lists the newest first, one kind and one partner at a time', async () => {
    const made = [];
    for (const partner of ['amplitude', 'mixpanel', 'amplitude']) {
      made.push((await generateDataImportKey(ctx, { partner })).key.id);
      clock.advance(1);
    }
    const [first, second, third] = made;
    await createApiKey(ctx, { name: 'Site', scopes: ['users:read'] });
    const ids = async (input: Parameters<typeof listKeys>[1]) => (await listKeys(ctx, input)).map((key) => key.id);
    expect(await ids({ kind: 'data_import' })).toEqual([third, second, first]);
    expect(await ids({ kind: 'data_import', partner: 'amplitude' })).toEqual([third, first]);
    expect(await ids({ kind: 'data_import', partner: 'segment' })).toEqual([]);
    expect(await ids({ kind: 'api' })).toHaveLength(1);
  });

  test('a key is found only as the kind it is', async () => {
    const { key } = await amplitude();
    await expect(invalidateKey(ctx, { kind: 'api', id: key.id })).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  test.each([NOBODY, 'no uuid', '', `${NOBODY},${NOBODY}`, 'a\u0000b'])('the id %j is nobody’s key', async (id) => {
    const { key } = await amplitude();
    expect([...(await keysByIds(ctx, [id, key.id])).keys()]).toEqual([key.id]);
    await expect(invalidateKey(ctx, { kind: 'data_import', id })).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(rotateKey(ctx, { kind: 'data_import', id })).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });
});
