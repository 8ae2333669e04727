import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { onTestFinished } from 'vitest';

const CLI = fileURLToPath(new URL('../../src/cli.ts', import.meta.url));
const TSX = import.meta.resolve('tsx');

/** An empty folder that goes when the test ends. */
export async function tempFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'muster-cli-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** A pipe with a name, into which a test writes as it likes. */
export async function namedPipe() {
  const path = join(await tempFolder(), 'members.csv');
  await promisify(execFile)('mkfifo', [path]);
  const stream = createWriteStream(path);
  // Whoever reads may be gone before everything is written: that is what is tested.
  stream.on('error', () => {});
  onTestFinished(() => void stream.destroy());
  return { path, stream };
}

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

type Env = Readonly<Record<string, string>>;

/** Runs a script of the project as a program of its own, with nothing of the environment but the path. `input` is what it can read. */
export function start(script: string, args: readonly string[], env: Env, cwd = process.cwd(), input?: string): Running {
  const child = spawn(process.execPath, ['--import', TSX, script, ...args], {
    cwd,
    env: { PATH: process.env.PATH, HOST: '127.0.0.1', LOG_LEVEL: 'error', ...env },
    stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
  });
  child.stdin?.end(input);
  return new Running(child);
}

/** Runs the command line to its end. */
export async function muster(args: readonly string[], env: Env): Promise<Ended> {
  return start(CLI, args, env).ended;
}

/** Starts the server and waits until it says where it is. */
export async function serve(
  env: Env,
  args: readonly string[] = ['serve'],
): Promise<Running & { readonly url: string }> {
  const running = start(CLI, args, { PORT: '0', ...env });
  const [, url] = await running.says(/(http:\/\/[\d.:]+)\/graphql/);
  return Object.assign(running, { url: url ?? '' });
}

/** A program under way. It is killed when the test ends, whatever became of the test. */
export class Running {
  readonly ended: Promise<Ended>;
  readonly #child: ChildProcess;
  #stdout = '';
  #stderr = '';

  constructor(child: ChildProcess) {
    this.#child = child;
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.#stdout += text;
    });
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr += text;
    });
    this.ended = once(child, 'close').then(([code]) => ({ code, stdout: this.#stdout, stderr: this.#stderr }));
    onTestFinished(async () => {
      child.kill('SIGKILL');
      await this.ended;
    });
  }

  get stdout(): string {
    return this.#stdout;
  }

  /** Waits until standard output matches. */
  async says(pattern: RegExp): Promise<RegExpExecArray> {
    return this.#matches(pattern, () => this.#stdout);
  }

  /** Waits until the log, which is standard error, matches. */
  async logs(pattern: RegExp): Promise<RegExpExecArray> {
    return this.#matches(pattern, () => this.#stderr);
  }

  async #matches(pattern: RegExp, text: () => string): Promise<RegExpExecArray> {
    let hasEnded = false;
    void this.ended.then(() => {
      hasEnded = true;
    });
    for (;;) {
      const match = pattern.exec(text());
      if (match) return match;
      if (hasEnded) throw new Error(`It ended without saying ${pattern}:\n${this.#stdout}\n${this.#stderr}`);
      await new Promise((wake) => setTimeout(wake, 20));
    }
  }

  /** Sends a signal and waits for the end. */
  async kill(signal: NodeJS.Signals): Promise<Ended> {
    this.#child.kill(signal);
    return this.ended;
  }
}

/** The key that a first start prints. */
export function printedKey(stdout: string): string {
  const key = /API key\s+(muster_api_\w+)/.exec(stdout)?.[1];
  if (!key) throw new Error(`No API key was printed:\n${stdout}`);
  return key;
}

/** Asks GraphQL and answers `data`. */
export async function ask<T>(url: string, key: string, query: string, variables: object = {}): Promise<T> {
  const response = await fetch(`${url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${key}` },
    body: JSON.stringify({ query, variables }),
  });
  const { data, errors } = (await response.json()) as { data?: T; errors?: unknown };
  if (!data) throw new Error(`GraphQL answered ${response.status}: ${JSON.stringify(errors)}`);
  return data;
}

/** Holds a port until the test ends. */
export async function takePort(): Promise<number> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(async () => {
    server.close();
    await once(server, 'close');
  });
  const address = server.address();
  return typeof address === 'object' && address ? address.port : 0;
}
