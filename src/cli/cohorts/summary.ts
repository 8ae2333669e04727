import type { Difference } from '../../domain/cohorts/replacement.ts';
import type { Totals } from '../import/import-members.ts';
import { formatCount, formatDuration, formatOf } from '../progress.ts';
import { formatTable } from '../table.ts';

/** What was read, and what became of each identifier. Every row of the file is in one of these counts. */
export function formatTotals(totals: Totals): string {
  const { received, matched, held, ignored, repeated, refused, nameless } = totals;
  const rows: [string, string][] = [
    ['identifiers', formatCount(received)],
    ['  matched a user', formatCount(matched)],
  ];
  if (held + ignored > 0) rows.push(['  matched nobody', formatCount(held + ignored)]);
  for (const [reason, count] of Object.entries(totals.reasons))
    rows.push([`    ${reason.replaceAll('_', ' ')}`, formatCount(count)]);
  if (held > 0) rows.push(['  kept until their user appears', formatCount(held)]);
  if (ignored > 0) rows.push(['  ignored', formatCount(ignored)]);
  if (repeated > 0)
    rows.push(['  named before in the file', `${totals.repeatsAreExact ? '' : 'at least '}${formatCount(repeated)}`]);
  if (refused > 0) rows.push(['rows refused', formatCount(refused)]);
  if (nameless > 0) rows.push(['  because they name nobody', formatCount(nameless)]);
  return formatTable(rows);
}

/** What committing a list would do, before anybody is asked. */
export function formatDifference(difference: Difference): string {
  const { size, willHave, entering, leaving, staying, pending } = difference;
  const rows: [string, number][] = [
    ['now has', size],
    ['will have', willHave],
    ['  enter', entering],
    ['  leave', leaving],
    ['  stay', staying],
    ['unknown identities', pending],
  ];
  return formatTable(rows.map(([name, count]) => [name, formatCount(count)]));
}

/** `1,000 rows in 2 s, 1,000 identifiers, 500/s`. */
export function formatSpeed({ rows, received }: Pick<Totals, 'rows' | 'received'>, milliseconds: number): string {
  const rate = formatCount((received * 1000) / Math.max(1, milliseconds));
  return `${formatOf(rows, 'row')} in ${formatDuration(milliseconds)} (${rate} identifiers/s)`;
}
