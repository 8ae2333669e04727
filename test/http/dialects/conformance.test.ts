import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openTestApp, type TestApp, type TestWorkspace } from '../../support/app.ts';
import { fakeClock } from '../../support/context.ts';
import { amplitudeList } from '../../support/dialects/amplitude-list.ts';
import { amplitudeProperty } from '../../support/dialects/amplitude-property.ts';
import { amplitudeWebhook } from '../../support/dialects/amplitude-webhook.ts';
import { countedOutcomes, deliver } from '../../support/dialects/client.ts';
import { mixpanel } from '../../support/dialects/mixpanel.ts';
import { SAMPLE_NOW } from '../../support/dialects/samples.ts';
import { cohortIds } from '../../support/members.ts';

// The samples of every dialect over HTTP: what is accepted is answered 200; what is refused says where, leaves no trace in the data, and one
// in the log and in the metrics.

/** What the forms say of a refusal, in the words of one of them. */
function faultOf(dialect: string, body: unknown): unknown {
  if (dialect !== 'mixpanel') return body;
  const { action, error, ...rest } = body as { action: unknown; error: { code: unknown } };
  expect(rest).toEqual({ status: 'failure' });
  expect([null, 'members', 'add_members', 'remove_members']).toContain(action);
  expect(error.code).toBe(400);
  return error;
}

describe.each([amplitudeWebhook, amplitudeList, amplitudeProperty, mixpanel])('$dialect over HTTP', (samples) => {
  let app: TestApp;
  let ws: TestWorkspace;
  let headers: { authorization: string };
  beforeAll(async () => {
    app = await openTestApp('pglite', { now: fakeClock(SAMPLE_NOW.toISOString()).now });
    ws = await app.workspace();
    headers = { authorization: `Bearer ${await ws.importKey()}` };
  });
  afterAll(() => app.close());
  const addressOf = (form: string) => `/partners/amplitude${samples.forms[form]?.address}`;
  const refused = [...samples.refused, ...samples.parserOnly];

  test.each(refused)('%s: %s is refused at %s', async (form, _, path, body) => {
    const reply = await deliver(app, addressOf(form), body, headers);
    expect(reply.status).toBe(400);
    const said = faultOf(samples.dialect, reply.body) as { message: string };
    expect(said).toMatchObject({ path, message: expect.stringMatching(/\.$/) });
    if (path !== null && !said.message.startsWith('Only 10000')) expect(said.message).toContain(path);
    const code = said.message.startsWith('Only 10000') ? 'LIMIT_EXCEEDED' : 'INVALID_INPUT';
    expect(app.takeLog()).toEqual([
      {
        level: 'warn',
        message: 'a request of a partner was refused',
        fields: { dialect: samples.dialect, partner: 'amplitude', workspaceId: ws.id, code, path },
      },
    ]);
    expect(await cohortIds(ws.ctx)).toEqual([]);
  });

  test('every refusal was counted', async () => {
    const limited = refused.filter(([, name]) => name.startsWith('10,001')).length;
    expect(await countedOutcomes(app, samples.dialect)).toEqual({
      INVALID_INPUT: refused.length - limited,
      LIMIT_EXCEEDED: limited,
    });
  });

  test.each(samples.accepted)('%s: %s is accepted', async (form, _, body) => {
    expect((await deliver(app, addressOf(form), body, headers)).status).toBe(200);
    expect(app.takeLog()).toEqual([]);
  });
});
