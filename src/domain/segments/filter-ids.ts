/** How cohorts and segments are written by id. */
export interface IdWriter {
  readonly writeCohort: (id: number) => string;
  readonly writeSegment: (id: string) => string;
}

/** The same, and how such ids are read. What is no such id is read as one that nothing has, so that it is answered like any unknown one. */
export interface Ids extends IdWriter {
  readonly readCohort: (text: string) => number;
  readonly readSegment: (text: string) => string;
}

/** What nothing has. */
export const NO_COHORT = 0;
export const NO_SEGMENT = '00000000-0000-0000-0000-000000000000';
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const LAST_COHORT = 2 ** 31 - 1;

/** By number and by UUID: as filters are stored. */
export const STORED_IDS: Ids = {
  writeCohort: String,
  writeSegment: (id) => id,
  readCohort: (text) => (/^[1-9][0-9]{0,9}$/.test(text) && Number(text) <= LAST_COHORT ? Number(text) : NO_COHORT),
  readSegment: (text) => (UUID.test(text) ? text : NO_SEGMENT),
};

/** What whoever reads a filter may say about how it is spelled. */
export interface SpellingOptions {
  /** The field that errors name. */
  readonly field?: string | undefined;
  /** How ids are written. As stored unless it is said. */
  readonly ids?: Ids | undefined;
}
