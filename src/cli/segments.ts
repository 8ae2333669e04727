import { type Command, InvalidArgumentError, Option } from 'commander';
import type { Actor } from '../domain/context.ts';
import type { Domain } from '../domain/index.ts';
import { PAGE_MAX } from '../domain/page.ts';
import type { Segment } from '../domain/segments/segment.ts';
import { exportSegment, type SegmentExport } from './export-segment.ts';
import { type InWorkspace, withDomain, workspaceOption } from './open.ts';
import { formatCount } from './progress.ts';
import { formatTable, formatTime } from './table.ts';
import { UserError } from './user-error.ts';

interface ListCommand extends InWorkspace {
  readonly search?: string;
  readonly tag: readonly string[];
}

interface LimitCommand extends InWorkspace {
  readonly limit: number;
}

const LIMIT_DEFAULT = 20;

/** `muster segments list`, `versions` and `export`, and `muster audit`: what there is, who is in it, and who made it so. */
export function addSegmentCommands(program: Command): void {
  const segments = program.command('segments').description('segments: saved filters over users');
  segments
    .command('list')
    .description('the live segments by name, with exact sizes')
    .option('--search <text>', 'part of a name, a description or a tag')
    .option('--tag <tag>', 'those with this tag; with all of them, if given again', collect, [])
    .addOption(workspaceOption())
    .action(({ search, tag, ...where }: ListCommand) =>
      withDomain(where, (domain) => printSegments(domain, search, tag)),
    );
  segments
    .command('versions <name>')
    .description('what a live segment was, the newest version first')
    .addOption(limitOption())
    .addOption(workspaceOption())
    .action((name: string, { limit, ...where }: LimitCommand) =>
      withDomain(where, (domain) => printVersions(domain, name, limit)),
    );
  segments
    .command('export <segment>')
    .description('write every member of a segment, by its name or id, as they are in one moment')
    .option('--columns <list>', 'separated by commas (default: id,external_id)')
    .addOption(
      new Option('--format <format>', 'one object or one row a line').choices(['ndjson', 'csv']).default('ndjson'),
    )
    .option('--output <file>', 'where to (default: standard output)')
    .option('--gzip', 'pack what is written')
    .addOption(workspaceOption())
    .action((segment: string, { workspace, ...options }: InWorkspace & SegmentExport) =>
      withDomain(workspace === undefined ? {} : { workspace }, (domain) => exportSegment(domain, segment, options)),
    );
  program
    .command('audit')
    .description('who changed what, the newest first: segments, keys, settings')
    .addOption(limitOption())
    .addOption(workspaceOption())
    .action(({ limit, ...where }: LimitCommand) => withDomain(where, (domain) => printAudit(domain, limit)));
}

async function printSegments(domain: Domain, search: string | undefined, tags: readonly string[]): Promise<void> {
  const rows: string[][] = [];
  let after: string | undefined;
  do {
    const page = await domain.segments.listSegments({ search, tags, first: PAGE_MAX, after });
    rows.push(
      ...(await toRows(
        domain,
        page.items.map(({ item }) => item),
      )),
    );
    after = page.hasNextPage ? page.items.at(-1)?.cursor : undefined;
  } while (after !== undefined);
  print(['name', 'tags', 'size', 'version', 'changed (UTC)'], rows);
}

async function toRows(domain: Domain, segments: readonly Segment[]): Promise<string[][]> {
  const sizes = await domain.members.countMembers(segments.map(({ filter }) => filter));
  return segments.map(({ name, tags, version, updatedAt }, i) => [
    name,
    tags.join(', '),
    formatCount(sizes[i] ?? 0),
    String(version),
    formatTime(updatedAt),
  ]);
}

async function printVersions(domain: Domain, name: string, first: number): Promise<void> {
  const [segment] = await domain.segments.findSegments([{ name }]);
  if (!segment) throw new UserError(`There is no live segment ${JSON.stringify(name)}.`);
  const [page] = await domain.segments.pageVersions([segment.id], { first });
  const rows = (page?.items ?? []).map(({ item }) => [
    String(item.version),
    formatTime(item.at),
    item.ofVersion === null ? item.change : `${item.change} to ${item.ofVersion}`,
    whoIs(item.author),
    item.diff.map(({ field }) => field).join(', '),
    item.reason ?? '',
  ]);
  print(['version', 'since (UTC)', 'change', 'by', 'what', 'why'], rows);
}

async function printAudit(domain: Domain, first: number): Promise<void> {
  const { items } = await domain.audit.listAudit({ first });
  const rows = items.map(({ item }) => [
    formatTime(item.at),
    item.action,
    item.subjectName ?? item.subjectId,
    whoIs(item.actor),
    item.changes.map(({ field }) => field).join(', '),
    item.reason ?? '',
  ]);
  print(['at (UTC)', 'action', 'of', 'by', 'what', 'why'], rows);
}

function whoIs({ kind, name }: Actor): string {
  const as = kind.replace('_', ' ');
  return name === null ? as : `${name} (${as})`;
}

function print(head: readonly string[], rows: readonly (readonly string[])[]): void {
  process.stdout.write(rows.length === 0 ? 'There are none.\n' : formatTable([head, ...rows]));
}

function collect(tag: string, tags: readonly string[]): string[] {
  return [...tags, tag];
}

function limitOption(): Option {
  return new Option('--limit <count>', 'how many, the newest').default(LIMIT_DEFAULT).argParser((text) => {
    const limit = Number(text);
    if (!(Number.isInteger(limit) && limit > 0 && limit <= PAGE_MAX))
      throw new InvalidArgumentError(`A whole number from 1 to ${PAGE_MAX}.`);
    return limit;
  });
}
