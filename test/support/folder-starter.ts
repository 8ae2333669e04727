import { FolderInUseError, lockFolder } from '../../src/db/folder-lock.ts';

// A process of its own that tries to lock a folder, says how it went in one line, and keeps the lock until its input ends.
try {
  const release = await lockFolder(process.argv[2] ?? '');
  process.stdout.write('locked\n');
  process.stdin.resume();
  process.stdin.once('end', async () => {
    await release();
    process.stdout.write('released\n');
  });
} catch (error) {
  process.stdout.write(error instanceof FolderInUseError ? `refused for ${error.pid}\n` : `failed: ${error}\n`);
}
