import { openMembers } from '../../src/cli/import/open-rows.ts';

// The floor of an import: the same reader, and nothing done with what it reads.
const file = await openMembers(process.argv[2] ?? '', undefined, { hasHeader: true });
let rows = 0;
for await (const some of file.rows) rows += some.length;
process.stdout.write(`${rows}\n`);
