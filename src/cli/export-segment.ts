import { createWriteStream } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { PassThrough, Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import type { Domain } from '../domain/index.ts';
import type { Segment } from '../domain/segments/segment.ts';
import { DEFAULT_COLUMNS, readColumns } from '../http/exports/columns.ts';
import { type ExportFormat, memberLines } from '../http/exports/lines.ts';
import { readSegmentId, userIdWriter } from '../http/exports/target.ts';
import { formatOf, startProgress } from './progress.ts';
import { UserError } from './user-error.ts';

/** What `muster segments export` was told. */
export interface SegmentExport {
  readonly columns?: string;
  readonly format: ExportFormat;
  readonly output?: string;
  readonly gzip?: boolean;
}

/**
 * Writes the members of a segment, as they are in one moment, to a file or to standard output. A file gets its name when it is whole.
 * Errors: `UserError` for a segment there is not; INVALID_INPUT, LIMIT_EXCEEDED for columns.
 */
export async function exportSegment(domain: Domain, nameOrId: string, options: SegmentExport): Promise<void> {
  const columns = readColumns(options.columns?.split(',') ?? DEFAULT_COLUMNS, userIdWriter(domain.workspaceId));
  const segment = await find(domain, nameOrId);
  const members = await domain.members.exportMembers({ segment }, columns.facts);
  const progress = startProgress({ label: segment.name, total: members.remaining });
  let written = 0;
  const onLines = (count: number) => {
    written = count;
    progress.update(count, formatOf(count, 'member'));
  };
  const pieces = memberLines(members, { format: options.format, columns: columns.list, onLines });
  const packed = options.gzip ? createGzip() : new PassThrough();
  try {
    if (options.output === undefined) await pipeline(Readable.from(pieces), packed, process.stdout, { end: false });
    else await writeWhole(options.output, pieces, packed);
  } finally {
    progress.stop();
  }
  process.stderr.write(`Exported ${formatOf(written, 'member')}.\n`);
}

async function find(domain: Domain, nameOrId: string): Promise<Segment> {
  const id = readSegmentId(nameOrId);
  const [named, identified] = await domain.segments.findSegments([
    { name: nameOrId },
    ...(id === null ? [] : [{ id }]),
  ]);
  const segment = named ?? identified;
  if (!segment) throw new UserError(`There is no live segment ${JSON.stringify(nameOrId)}, and none with that id.`);
  return segment;
}

async function writeWhole(path: string, pieces: AsyncIterable<string>, packed: NodeJS.ReadWriteStream): Promise<void> {
  const partial = `${path}.partial`;
  try {
    await pipeline(Readable.from(pieces), packed, createWriteStream(partial));
    await rename(partial, path);
  } catch (error) {
    await rm(partial, { force: true });
    throw error;
  }
}
