import { join } from 'node:path';
import { test } from 'vitest';
import { checkShownCommands } from './shown-commands.ts';
import { printedKey, serve, tempFolder } from './support.ts';

test('the commands of the README do what it shows', async () => {
  const server = await serve({ MUSTER_DATA_DIR: join(await tempFolder(), 'data') });
  await checkShownCommands('README.md', 8, { URL: server.url, KEY: printedKey(server.stdout) });
});
