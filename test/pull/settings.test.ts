import { describe, expect, test } from 'vitest';
import { ConfigError, readConfig } from '../../src/config.ts';
import { type AmplitudeSettings, readAccounts, whyNoPulls } from '../../src/pull/settings.ts';

const keys = { apiKey: 'key', secretKey: 'secret' };

describe('the settings of Amplitude', () => {
  test('go to the documented host of a region, or to an address of one’s own', () => {
    const urlOf = (settings: AmplitudeSettings) => readAccounts(settings, 1).get(1)?.baseUrl;
    expect(urlOf(keys)).toBe('https://amplitude.com');
    expect(urlOf({ ...keys, region: 'us' })).toBe('https://amplitude.com');
    expect(urlOf({ ...keys, region: 'eu' })).toBe('https://analytics.eu.amplitude.com');
    expect(urlOf({ ...keys, baseUrl: 'https://proxy.example/amplitude/' })).toBe('https://proxy.example/amplitude');
  });

  test('are of the default workspace, or by workspace', () => {
    expect([...readAccounts(undefined, 1).keys()]).toEqual([]);
    expect([...readAccounts(keys, 1).keys()]).toEqual([1]);
    expect(
      [...readAccounts({ 2: keys, 5: { ...keys, monthlyCap: 9 } }, 1)].map(([id, a]) => [id, a.monthlyCap]),
    ).toEqual([
      [2, 500],
      [5, 9],
    ]);
  });

  test.each([
    [{ apiKey: '', secretKey: 'x-secret' }, /apiKey/],
    [{ apiKey: 'x:secret', secretKey: 'x' }, /apiKey/],
    [{ apiKey: 'x', secretKey: ' x-secret' }, /secretKey/],
    [{ ...keys, region: 'x-secret' as 'us' }, /region/],
    [{ ...keys, monthlyCap: 0 }, /monthlyCap/],
    [{ ...keys, baseUrl: 'http://example.com/x-secret' }, /baseUrl.*https/],
    [{ ...keys, baseUrl: 'x-secret' }, /baseUrl/],
    [{ ...keys, baseUrl: 'https://x-secret@example.com' }, /baseUrl/],
  ])('that cannot be used are refused by name and never repeated: %#', (settings, message) => {
    expect(() => readAccounts(settings, 1)).toThrow(message);
    expect(() => readAccounts(settings, 1)).not.toThrow(/x-secret/);
  });

  test('that are missing are said, and so is what to set', () => {
    const why = whyNoPulls(readAccounts({ 2: keys }, 1));
    expect(why(2, 'amplitude')).toBeNull();
    expect(why(1, 'amplitude')).toMatch(/MUSTER_AMPLITUDE_API_KEY/);
    expect(why(2, 'mixpanel')).toMatch(/Only cohorts of amplitude/);
  });

  test('come from the environment as a pair', () => {
    expect(readConfig({}).amplitude).toBeUndefined();
    const pair = { MUSTER_AMPLITUDE_API_KEY: 'key', MUSTER_AMPLITUDE_SECRET_KEY: 'secret' };
    expect(readConfig(pair).amplitude).toMatchObject(keys);
    const all = {
      ...pair,
      MUSTER_AMPLITUDE_REGION: 'eu',
      MUSTER_AMPLITUDE_MONTHLY_CAP: '40',
      MUSTER_AMPLITUDE_SYNC_TARGET: 'muster',
      MUSTER_AMPLITUDE_BASE_URL: 'http://127.0.0.1:4001',
    };
    expect(readConfig(all).amplitude).toEqual({
      ...keys,
      region: 'eu',
      monthlyCap: 40,
      syncTarget: 'muster',
      baseUrl: 'http://127.0.0.1:4001',
    });
    expect(() => readConfig({ MUSTER_AMPLITUDE_SECRET_KEY: 'x-secret' })).toThrow(
      /MUSTER_AMPLITUDE_API_KEY: is needed/,
    );
    for (const wrong of [
      { ...pair, MUSTER_AMPLITUDE_REGION: 'x-secret' },
      { ...pair, MUSTER_AMPLITUDE_BASE_URL: 'http://x-secret.example' },
      { ...pair, MUSTER_AMPLITUDE_BASE_URL: 'http://localhost.x-secret.example' },
      { ...pair, MUSTER_AMPLITUDE_MONTHLY_CAP: 'x-secret' },
      { ...pair, MUSTER_AMPLITUDE_API_KEY: 'x-secret:' },
    ]) {
      expect(() => readConfig(wrong)).toThrow(ConfigError);
      expect(() => readConfig(wrong)).not.toThrow(/x-secret/);
    }
  });
});
