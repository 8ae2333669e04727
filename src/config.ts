import { z } from 'zod';

/** The settings of `npm start` and `muster serve`, read from the environment. */
export interface Config {
  readonly port: number;
  readonly host: string;
  readonly dataDir: string;
  readonly databaseUrl: string | undefined;
  readonly apiKey: string | undefined;
  readonly partnerApiKeys: Readonly<Record<string, readonly string[]>>;
  /** How to pull cohorts of the first workspace. */
  readonly amplitude: AmplitudeConfig | undefined;
  readonly metrics: boolean;
  readonly logLevel: 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal' | 'silent';
}

export interface AmplitudeConfig {
  readonly apiKey: string;
  readonly secretKey: string;
  readonly region?: 'us' | 'eu' | undefined;
  readonly baseUrl?: string | undefined;
  readonly monthlyCap?: number | undefined;
  readonly syncTarget?: string | undefined;
}

/** The environment says something that cannot be used. The message lists every mistake. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

const partnerApiKeys = z
  .string()
  .transform((text, ctx) => {
    try {
      return JSON.parse(text) as unknown;
    } catch {
      ctx.addIssue({ code: 'custom', message: 'is not JSON' });
      return z.NEVER;
    }
  })
  .pipe(
    z.record(
      z.string(),
      z.union([
        z
          .string()
          .min(1)
          .transform((key) => [key]),
        z.array(z.string().min(1)).min(1),
      ]),
    ),
  );

const environment = z.object({
  PORT: z.coerce.number({ error: 'must be a number' }).int().min(0).max(65535).default(4000),
  HOST: z.string().min(1).default('127.0.0.1'),
  MUSTER_DATA_DIR: z.string().min(1).default('./.muster'),
  DATABASE_URL: z
    .string()
    .regex(/^postgres(ql)?:\/\//, 'must begin with postgres:// or postgresql://')
    .optional(),
  MUSTER_API_KEY: z
    .string()
    .min(32, 'must have at least 32 characters')
    .regex(/^\S+$/, 'must not contain spaces')
    .optional(),
  MUSTER_PARTNER_API_KEYS: partnerApiKeys.optional(),
  MUSTER_AMPLITUDE_API_KEY: z
    .string()
    .regex(/^[^\s:]+$/, 'must not contain spaces or colons')
    .optional(),
  MUSTER_AMPLITUDE_SECRET_KEY: z.string().regex(/^\S+$/, 'must not contain spaces').optional(),
  MUSTER_AMPLITUDE_REGION: z.enum(['us', 'eu']).optional(),
  MUSTER_AMPLITUDE_BASE_URL: z
    .url('must be an address')
    .regex(/^(https:|http:\/\/(localhost|127\.0\.0\.1|\[::1\])([:/]|$))/, 'must begin with https://')
    .optional(),
  MUSTER_AMPLITUDE_MONTHLY_CAP: z.coerce.number({ error: 'must be a number' }).int().min(1).optional(),
  MUSTER_AMPLITUDE_SYNC_TARGET: z.string().optional(),
  MUSTER_METRICS: z.enum(['on', 'off']).default('on'),
  LOG_LEVEL: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']).default('info'),
});

/** Either of the two keys is good for nothing without the other. */
const complete = environment.superRefine((env, ctx) => {
  const pair = ['MUSTER_AMPLITUDE_API_KEY', 'MUSTER_AMPLITUDE_SECRET_KEY'] as const;
  const missing = pair.filter((name) => env[name] === undefined);
  if (missing.length === 1) ctx.addIssue({ code: 'custom', path: missing, message: 'is needed beside the other key' });
});

/** Reads the environment; an empty variable counts as absent. Errors: `ConfigError` with every mistake, never with a value. */
export function readConfig(env: NodeJS.ProcessEnv = process.env): Config {
  const given = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== ''));
  const parsed = complete.safeParse(given);
  if (!parsed.success) {
    const lines = parsed.error.issues.map((issue) => `  ${issue.path.join('.')}: ${issue.message}`);
    throw new ConfigError(`These settings cannot be used:\n${lines.join('\n')}`);
  }
  const { data } = parsed;
  return {
    port: data.PORT,
    host: data.HOST,
    dataDir: data.MUSTER_DATA_DIR,
    databaseUrl: data.DATABASE_URL,
    apiKey: data.MUSTER_API_KEY,
    partnerApiKeys: data.MUSTER_PARTNER_API_KEYS ?? {},
    amplitude: readAmplitude(data),
    metrics: data.MUSTER_METRICS === 'on',
    logLevel: data.LOG_LEVEL,
  };
}

function readAmplitude(env: z.output<typeof environment>): AmplitudeConfig | undefined {
  const { MUSTER_AMPLITUDE_API_KEY: apiKey, MUSTER_AMPLITUDE_SECRET_KEY: secretKey } = env;
  if (apiKey === undefined || secretKey === undefined) return undefined;
  return {
    apiKey,
    secretKey,
    region: env.MUSTER_AMPLITUDE_REGION,
    baseUrl: env.MUSTER_AMPLITUDE_BASE_URL,
    monthlyCap: env.MUSTER_AMPLITUDE_MONTHLY_CAP,
    syncTarget: env.MUSTER_AMPLITUDE_SYNC_TARGET,
  };
}
