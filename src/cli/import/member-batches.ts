import type { CohortChange } from '../../domain/cohorts/change.ts';
import type { Alias } from '../../domain/users/identity.ts';
import { type Member, NAMES_NOBODY } from './member.ts';
import type { Refusal } from './refused.ts';
import type { Repeats } from './repeats.ts';
import type { Row } from './row.ts';

/** A batch ends at whichever is reached first. */
const BATCH_IDENTIFIERS = 5_000;
const BATCH_ROWS = 20_000;

/** `both` where adds and removes stand in one batch, whose order counts. */
export type Direction = 'add' | 'remove' | 'both';

/** Rows that are sent together. */
export interface Batch {
  readonly changes: readonly CohortChange[];
  readonly direction: Direction;
  readonly rows: number;
  readonly refusals: readonly Refusal[];
  /** Refused rows that merely name nobody. */
  readonly nameless: number;
  /** The last line. */
  readonly line: number;
}

/** Gathers rows into batches, in order. `remove` is what a row without an operation means. */
export async function* batchesOf(
  rows: AsyncIterable<readonly Row<Member>[]>,
  remove: boolean,
  repeats: Repeats,
): AsyncGenerator<Batch> {
  let draft = new Draft(remove, repeats);
  for await (const some of rows) {
    for (const row of some) {
      draft.take(row);
      if (!draft.isFull) continue;
      yield draft.batch;
      draft = new Draft(remove, repeats);
    }
  }
  if (draft.rows > 0) yield draft.batch;
}

interface Growing {
  readonly externalIds: string[];
  readonly aliases: Alias[];
  readonly deviceIds: string[];
  readonly remove: boolean;
}

/** A batch in the making. */
class Draft {
  rows = 0;
  readonly #remove: boolean;
  readonly #repeats: Repeats;
  readonly #changes: Growing[] = [];
  readonly #refusals: Refusal[] = [];
  #identifiers = 0;
  #nameless = 0;
  #line = 0;

  constructor(remove: boolean, repeats: Repeats) {
    this.#remove = remove;
    this.#repeats = repeats;
  }

  get isFull(): boolean {
    return this.#identifiers >= BATCH_IDENTIFIERS || this.rows >= BATCH_ROWS;
  }

  get batch(): Batch {
    const [first] = this.#changes;
    const direction = this.#changes.length > 1 ? 'both' : first?.remove ? 'remove' : 'add';
    return {
      changes: this.#changes,
      direction,
      rows: this.rows,
      refusals: this.#refusals,
      nameless: this.#nameless,
      line: this.#line,
    };
  }

  take(row: Row<Member>): void {
    this.rows++;
    this.#line = row.line;
    if ('fault' in row) {
      if (row.fault === NAMES_NOBODY) this.#nameless++;
      this.#refusals.push({ row, reason: row.fault });
      return;
    }
    const { externalIds, deviceIds, aliases, remove } = row.value;
    const change = this.#changeTo(remove ?? this.#remove);
    for (const id of externalIds) {
      change.externalIds.push(id);
      this.#repeats.note('e', id);
    }
    for (const id of deviceIds) {
      change.deviceIds.push(id);
      this.#repeats.note('d', id);
    }
    for (const alias of aliases) {
      change.aliases.push(alias);
      this.#repeats.note(`a${alias.label}`, alias.name);
    }
    this.#identifiers += externalIds.length + deviceIds.length + aliases.length;
  }

  /** The change that goes on in this direction: the order of adds and removes is kept. */
  #changeTo(remove: boolean): Growing {
    const last = this.#changes.at(-1);
    if (last?.remove === remove) return last;
    const next = { externalIds: [], aliases: [], deviceIds: [], remove };
    this.#changes.push(next);
    return next;
  }
}
