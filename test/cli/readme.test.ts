import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { printedKey, serve, tempFolder } from './support.ts';

const README = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');
const blocks = [...README.matchAll(/^```(bash|json)\n(.*?)^```$/gms)].map(([, language, text = '']) => ({
  language,
  text,
}));
const MARK = '--- end of block ---';

/** The JSON documents of a text, one after the other. */
function documentsOf(text: string): unknown[] {
  const found: unknown[] = [];
  let from = 0;
  for (let end = text.indexOf('}'); end !== -1; end = text.indexOf('}', end + 1)) {
    try {
      found.push(JSON.parse(text.slice(from, end + 1)));
      from = end + 1;
    } catch {
      // Not the end of the document yet.
    }
  }
  expect(text.slice(from).trim()).toBe('');
  return found;
}

async function bash(script: string): Promise<string> {
  const shell = spawn('bash', ['-euo', 'pipefail'], { stdio: ['pipe', 'pipe', 'inherit'] });
  let output = '';
  shell.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  shell.stdin.end(script);
  const [code] = await once(shell, 'close');
  expect(code).toBe(0);
  return output;
}

test('the commands of the README do what it shows', async () => {
  const server = await serve({ MUSTER_DATA_DIR: join(await tempFolder(), 'data') });
  // Each command block, and the answers shown below it.
  const commands = blocks.flatMap(({ language, text }, i) =>
    language === 'bash' ? [{ text, shown: blocks[i + 1]?.language === 'json' ? (blocks[i + 1]?.text ?? '') : '' }] : [],
  );
  expect(commands).toHaveLength(8);
  const script = commands.map(({ text }) => `${text}echo '${MARK}'\n`).join('');
  const output = await bash(
    script.replace(/^URL=.*$/m, `URL=${server.url}`).replace(/^KEY=.*$/m, `KEY=${printedKey(server.stdout)}`),
  );
  const answers = output.split(MARK).slice(0, -1);
  expect(answers.map(documentsOf)).toEqual(commands.map(({ shown }) => documentsOf(shown)));
});
