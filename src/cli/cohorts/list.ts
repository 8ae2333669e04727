import type { Cohort } from '../../domain/cohorts/cohort.ts';
import type { Domain } from '../../domain/index.ts';
import { PAGE_MAX } from '../../domain/page.ts';
import { formatCount } from '../progress.ts';
import { formatTable, formatTime } from '../table.ts';

/** `muster cohorts list`: by name, with the exact size and the last sign of life. */
export async function printCohorts(
  domain: Domain,
  filter: { readonly partner?: string | undefined; readonly search?: string | undefined },
): Promise<void> {
  const rows: string[][] = [];
  let after: string | undefined;
  do {
    const page = await domain.cohorts.listCohorts({ ...filter, first: PAGE_MAX, after });
    rows.push(
      ...(await toRows(
        domain,
        page.items.map(({ item }) => item),
      )),
    );
    after = page.hasNextPage ? page.items.at(-1)?.cursor : undefined;
  } while (after !== undefined);
  const head = ['name', 'partner id', 'partner', 'size', 'last received (UTC)'];
  process.stdout.write(rows.length === 0 ? 'There are none.\n' : formatTable([head, ...rows]));
}

async function toRows(domain: Domain, cohorts: readonly Cohort[]): Promise<string[][]> {
  const ids = cohorts.map(({ id }) => id);
  const [sizes, activity] = await Promise.all([
    domain.members.countCohortMembers(ids),
    domain.cohorts.activityByCohortIds(ids),
  ]);
  return cohorts.map((cohort, i) => [
    cohort.name,
    cohort.partnerCohortId,
    cohort.partner,
    formatCount(sizes[i] ?? 0),
    formatTime(activity.get(cohort.id)?.lastReceivedAt ?? null),
  ]);
}
