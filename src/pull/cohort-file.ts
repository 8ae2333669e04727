import { pipeline, type Readable } from 'node:stream';
import { CsvError, parse } from 'csv-parse';
import { identityFault } from '../domain/users/identity.ts';
import { faultOfDownload, PullFault } from './fault.ts';

/** What was found in a file so far. */
export interface Tally {
  /** Below the header. */
  rows: number;
  /** Of those, how many name nobody: without a user id, or with one that no user can have. */
  refused: number;
}

/** How many ids a page has: few enough to be held in memory and applied in a moment. */
export const PAGE_IDS = 20_000;
/** A longer record is a quote that nobody closed. */
const RECORD_MAX_BYTES = 1 << 20;
const USER_COLUMN = 'user_id';
const GROUP_COLUMN = 'group_value';

/**
 * Reads the user ids of a downloaded cohort, page by page, in constant memory: CSV with a header, one user a row, quoted or not, with or
 * without a byte order mark, whatever the line ends. Tabs before a cell are Amplitude's and no part of it. Counts into `tally`.
 * Errors: `PullFault` for anything that makes the list doubtful as a whole.
 */
export async function* readUserIds(bytes: Readable, tally: Tally): AsyncGenerator<readonly string[]> {
  const records = pipeline(
    bytes,
    parse({ bom: true, skip_empty_lines: true, max_record_size: RECORD_MAX_BYTES }),
    () => {},
  ) as AsyncIterable<readonly string[]>;
  let column: number | null = null;
  let page: string[] = [];
  try {
    for await (const record of records) {
      if (column === null) {
        column = findColumn(record);
        continue;
      }
      tally.rows++;
      const id = withoutTabs(record[column] ?? '');
      if (isUsable(id)) page.push(id);
      else tally.refused++;
      if (page.length < PAGE_IDS) continue;
      yield page;
      page = [];
    }
  } catch (error) {
    throw faultOfFile(error);
  }
  if (column === null) throw new PullFault('The downloaded file is empty: it has not even a header.');
  if (page.length > 0) yield page;
}

function findColumn(header: readonly string[]): number {
  const names = header.map((name) => withoutTabs(name).trim().toLowerCase());
  const at = names.indexOf(USER_COLUMN);
  if (at !== -1) return at;
  if (names.includes(GROUP_COLUMN))
    throw new PullFault('This is a cohort of groups, not of users: only users can be in a cohort here.');
  // What stands there instead may be somebody's id, so it is not repeated.
  throw new PullFault(`The downloaded file has no column "${USER_COLUMN}" in its first line.`);
}

function withoutTabs(cell: string): string {
  return cell.startsWith('\t') ? cell.replace(/^\t+/, '') : cell;
}

/** What was no UTF-8 has become replacement characters: that is not the id of anybody. */
function isUsable(id: string): boolean {
  return identityFault(id) === null && !id.includes('\uFFFD');
}

/** csv-parse repeats the cell in its messages, so only the place and the kind are taken from it. */
function faultOfFile(error: unknown): unknown {
  if (error instanceof PullFault) return error;
  if (error instanceof CsvError) {
    const line = typeof error.lines === 'number' ? ` at line ${error.lines}` : '';
    return new PullFault(`The downloaded file is no CSV${line} (${error.code}): pull the cohort again.`);
  }
  return faultOfDownload(error);
}
