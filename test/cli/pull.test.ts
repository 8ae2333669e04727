import { expect, onTestFinished, test } from 'vitest';
import { openAmplitudeServer } from '../support/amplitude-server.ts';
import { openTestDatabase } from '../support/database.ts';
import { muster } from './support.ts';

async function surroundings() {
  const database = await openTestDatabase('postgres', { poolSize: 1 });
  onTestFinished(() => database.close());
  const amplitude = await openAmplitudeServer();
  onTestFinished(() => amplitude.close());
  const { apiKey, secretKey, baseUrl = '' } = amplitude.settings;
  const data = { DATABASE_URL: database.url ?? '' };
  const env = {
    ...data,
    MUSTER_AMPLITUDE_API_KEY: apiKey,
    MUSTER_AMPLITUDE_SECRET_KEY: secretKey,
    MUSTER_AMPLITUDE_BASE_URL: baseUrl,
  };
  return { amplitude, data, env };
}

test('muster cohorts pull --wait fetches a cohort, and says what came of it', async () => {
  const { amplitude, data, env } = await surroundings();
  amplitude.put({ id: 'c1', name: 'Power users', users: ['ada', 'grace', ''] });
  await muster(['settings', 'set-unknown-identity-policy', 'create'], data);
  expect(await muster(['cohorts', 'pull', 'c1', '--wait'], env)).toMatchObject({
    code: 0,
    stdout: 'Cohort c1: 2 entered, 0 left. 1 row named nobody.\n',
  });
  expect((await muster(['cohorts', 'list'], data)).stdout).toMatch(/Power users/);

  amplitude.fail('list', { status: 403 });
  const failed = await muster(['cohorts', 'pull', 'c1', '--wait'], { ...env, LOG_LEVEL: 'silent' });
  expect(failed).toMatchObject({ code: 1, stdout: '' });
  expect(failed.stderr).toMatch(/^Amplitude refuses the keys \(403\).*\n$/);
});

test('muster cohorts pull leaves the work to a server, and says what to set where nobody can do it', async () => {
  const { amplitude, data, env } = await surroundings();
  const asked = await muster(['cohorts', 'pull', 'c1'], env);
  expect(asked).toMatchObject({ code: 0, stdout: expect.stringMatching(/^Asked for as [0-9a-f-]{36}: /) });
  expect((await muster(['cohorts', 'pull', 'c1'], env)).stdout).toBe(asked.stdout);
  expect(amplitude.count('request')).toBe(0);
  const unset = await muster(['cohorts', 'pull', 'c1'], data);
  expect(unset).toMatchObject({ code: 1, stdout: '' });
  expect(unset.stderr).toContain('set MUSTER_AMPLITUDE_API_KEY and MUSTER_AMPLITUDE_SECRET_KEY');
  const half = await muster(['cohorts', 'pull', 'c1'], { ...data, MUSTER_AMPLITUDE_API_KEY: 'key' });
  expect(half.stderr).toBe(
    'These settings cannot be used:\n  MUSTER_AMPLITUDE_SECRET_KEY: is needed beside the other key\n',
  );
  const elsewhere = await muster(['cohorts', 'pull', 'c1', '--partner', 'mixpanel'], env);
  expect(elsewhere.stderr).toContain('Only cohorts of amplitude can be pulled.');
});
