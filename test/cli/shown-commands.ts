import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { expect } from 'vitest';

const MARK = '--- end of block ---';

/**
 * Runs the commands that a document shows, in order and in one shell, and holds their answers to what is shown below them. `variables` take the
 * place of what the document sets.
 */
export async function checkShownCommands(
  file: string,
  blocksOfCommands: number,
  variables: Readonly<Record<string, string>>,
): Promise<void> {
  const text = readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8');
  const blocks = [...text.matchAll(/^```(bash|json)\n(.*?)^```$/gms)].map(([, language, block = '']) => ({
    language,
    block,
  }));
  // Each command block, and the answers shown below it.
  const commands = blocks.flatMap(({ language, block }, i) =>
    language === 'bash'
      ? [{ block, shown: blocks[i + 1]?.language === 'json' ? (blocks[i + 1]?.block ?? '') : '' }]
      : [],
  );
  expect(commands).toHaveLength(blocksOfCommands);
  let script = commands.map(({ block }) => `${block}echo '${MARK}'\n`).join('');
  for (const [name, value] of Object.entries(variables))
    script = script.replace(new RegExp(`^${name}=.*$`, 'm'), `${name}=${value}`);
  const answers = (await bash(script)).split(MARK).slice(0, -1);
  expect(answers.map(documentsOf)).toEqual(commands.map(({ shown }) => documentsOf(shown)));
}

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
