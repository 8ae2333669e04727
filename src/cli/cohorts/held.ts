import { validate as isUuid } from 'uuid';
import type { HeldChanges } from '../../domain/cohorts/held-changes.ts';
import { fail } from '../../domain/errors.ts';
import type { Domain } from '../../domain/index.ts';
import { PAGE_MAX } from '../../domain/page.ts';
import { formatCount } from '../progress.ts';
import { formatTable, formatTime } from '../table.ts';
import { nameOf } from './read-all.ts';

/** `muster cohorts held`: what the shrink guard keeps for an operator, the oldest first. */
export async function printHeld(domain: Domain): Promise<void> {
  const held: HeldChanges[] = [];
  let after: string | undefined;
  do {
    const page = await domain.cohorts.listHeldChanges({ first: PAGE_MAX, after });
    held.push(...page.items.map(({ item }) => item));
    after = page.hasNextPage ? page.items.at(-1)?.cursor : undefined;
  } while (after !== undefined);
  if (held.length === 0) {
    process.stdout.write('Nothing is held.\n');
    return;
  }
  const cohorts = await domain.cohorts.cohortsByIds([...new Set(held.map(({ cohortId }) => cohortId))]);
  const head = ['id', 'held (UTC)', 'from', 'size', 'would leave', 'would enter', 'cohort'];
  const rows = held.map((h) => {
    const cohort = cohorts.get(h.cohortId);
    return [
      h.id,
      formatTime(h.heldAt),
      h.dialect,
      formatCount(h.size),
      formatCount(h.wouldRemove),
      formatCount(h.wouldAdd),
      cohort ? nameOf(cohort) : String(h.cohortId),
    ];
  });
  process.stdout.write(formatTable([head, ...rows]));
}

/** `muster cohorts approve`: applies what is held. Errors: NOT_FOUND. */
export async function approveHeld(domain: Domain, id: string): Promise<void> {
  const { cohort, added, removed } = await domain.cohorts.approveHeldChanges(checkId(id));
  const name = cohort ? ` ${nameOf(cohort)}` : '';
  process.stdout.write(`Cohort${name}: ${formatCount(added)} entered, ${formatCount(removed)} left.\n`);
}

/** `muster cohorts discard`: drops what is held. Errors: NOT_FOUND. */
export async function discardHeld(domain: Domain, id: string): Promise<void> {
  await domain.cohorts.discardHeldChanges(checkId(id));
  process.stdout.write('Dropped: the cohort is as it was.\n');
}

/** What is no id at all is the id of nothing; the database would not even compare it. */
function checkId(id: string): string {
  if (!isUuid(id)) throw fail('NOT_FOUND', 'Nothing of this id is held: `muster cohorts held` shows the ids.');
  return id;
}
