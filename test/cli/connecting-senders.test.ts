import { join } from 'node:path';
import { test } from 'vitest';
import { checkShownCommands } from './shown-commands.ts';
import { ask, printedKey, serve, tempFolder } from './support.ts';

const GENERATE = `mutation ($partner: String!) {
  generateDataImportKey(input: { partner: $partner }) { ... on GenerateDataImportKeySuccess { secret } }
}`;

test('the commands of the guide to senders do what it shows', async () => {
  const { url, stdout } = await serve({ MUSTER_DATA_DIR: join(await tempFolder(), 'data') });
  const keyOf = async (partner: string) => {
    const made = await ask<{ generateDataImportKey: { secret: string } }>(url, printedKey(stdout), GENERATE, {
      partner,
    });
    return made.generateDataImportKey.secret;
  };
  await checkShownCommands('docs/connecting-senders.md', 7, {
    URL: url,
    IMPORT_KEY: await keyOf('amplitude'),
    MIXPANEL_KEY: await keyOf('mixpanel'),
  });
});
