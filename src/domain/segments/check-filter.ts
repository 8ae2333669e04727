import { fail, type Path } from '../errors.ts';
import { parseMoment } from '../iso-time.ts';
import { identityFault } from '../users/identity.ts';
import {
  ATTRIBUTE_NAME_MAX_CHARACTERS,
  type AttributeTest,
  DAYS_MAX,
  FILTER_MAX_DEPTH,
  FILTER_MAX_NODES,
  FILTER_MAX_VALUES,
  type FilterLeaf,
  type FilterTree,
  LAST_BUCKET,
  PATTERN_MAX_CHARACTERS,
  type TimeTest,
} from './filter.ts';
import { patternFault } from './pattern.ts';

/**
 * Checks the shape and the limits of a tree that stood at `path`. Errors, with the path of the part: INVALID_INPUT (an empty group, a leaf
 * without values, a value that no comparison can have), LIMIT_EXCEEDED.
 */
export function checkFilter(tree: FilterTree<unknown, unknown>, path: Path): void {
  let nodes = 0;
  const visit = (node: FilterTree<unknown, unknown>, depth: number, at: Path): void => {
    nodes++;
    if (depth > FILTER_MAX_DEPTH)
      throw fail('LIMIT_EXCEEDED', `A filter is at most ${FILTER_MAX_DEPTH} levels deep.`, { path });
    if (nodes > FILTER_MAX_NODES)
      throw fail('LIMIT_EXCEEDED', `A filter has at most ${FILTER_MAX_NODES} parts.`, { path });
    switch (node.type) {
      case 'all':
      case 'any':
        if (node.of.length === 0)
          throw fail(
            'INVALID_INPUT',
            `An empty group \`${node.type}\` says nothing: give it a filter or leave it out.`,
            { path: at },
          );
        node.of.forEach((child, i) => {
          visit(child, depth + 1, [...at, node.type, i]);
        });
        return;
      case 'not':
        visit(node.of, depth + 1, [...at, 'not']);
        return;
      default:
        checkLeaf(node, at);
    }
  };
  visit(tree, 1, path);
}

function checkLeaf(leaf: FilterLeaf<unknown, unknown>, path: Path): void {
  const invalid = (message: string) => fail('INVALID_INPUT', message, { path });
  const tooMuch = (message: string) => fail('LIMIT_EXCEEDED', message, { path });
  switch (leaf.type) {
    case 'cohorts':
      if (leaf.values.length === 0) throw invalid('A cohort filter needs at least one cohort.');
      if (leaf.values.length > FILTER_MAX_VALUES)
        throw tooMuch(`A cohort filter names at most ${FILTER_MAX_VALUES} cohorts.`);
      if (leaf.values.length > 1 && (leaf.operator === 'includes_value' || leaf.operator === 'does_not_include_value'))
        throw invalid(
          `\`${leaf.operator}\` takes one cohort: use an operator of several, such as \`includes_any_of\`.`,
        );
      return;
    case 'segment':
      return;
    case 'identity': {
      if (leaf.test.has !== 'alias' || leaf.test.label === null) return;
      const fault = identityFault(leaf.test.label);
      if (fault !== null) throw invalid(`An alias label ${fault}.`);
      return;
    }
    case 'attribute':
      if (leaf.name === '') throw invalid('An attribute filter needs the name of an attribute.');
      if (leaf.name.length > ATTRIBUTE_NAME_MAX_CHARACTERS)
        throw invalid(`The name of an attribute has at most ${ATTRIBUTE_NAME_MAX_CHARACTERS} characters.`);
      if (!isStorable(leaf.name)) throw invalid(UNSTORABLE);
      checkTest(leaf.test, path);
      return;
    case 'created_at':
      checkTest(leaf.test, path);
      return;
    case 'random_bucket':
      if (![leaf.from, leaf.to].every((n) => Number.isInteger(n) && n >= 0 && n <= LAST_BUCKET))
        throw invalid(`Buckets are whole numbers from 0 to ${LAST_BUCKET}.`);
      if (leaf.from > leaf.to) throw invalid('Buckets run from the lower one to the higher one: exchange them.');
  }
}

function checkTest(test: AttributeTest | TimeTest, path: Path): void {
  const invalid = (message: string) => fail('INVALID_INPUT', message, { path });
  switch (test.comparison) {
    case 'exists':
    case 'does_not_exist':
      return;
    case 'before':
    case 'after':
      if (parseMoment(test.value)?.toISOString() !== test.value)
        throw invalid('A time has a date, a time and a zone: for example 2026-01-31T12:00:00Z.');
      return;
    case 'less_than_x_days_ago':
    case 'greater_than_x_days_ago':
    case 'less_than_x_days_in_the_future':
    case 'greater_than_x_days_in_the_future':
      if (!Number.isInteger(test.value) || test.value < 0 || test.value > DAYS_MAX)
        throw invalid(`Days are a whole number from 0 to ${DAYS_MAX}.`);
      return;
    case 'matches_regex':
    case 'does_not_match_regex':
      if (test.value.length > PATTERN_MAX_CHARACTERS)
        throw invalid(`A regular expression has at most ${PATTERN_MAX_CHARACTERS} characters.`);
      if (!isStorable(test.value)) throw invalid(UNSTORABLE);
      checkPattern(test.value, path);
      return;
    default:
      if (typeof test.value === 'string' && !isStorable(test.value)) throw invalid(UNSTORABLE);
      if (typeof test.value === 'number' && !Number.isFinite(test.value)) throw invalid('A number must be finite.');
  }
}

function checkPattern(pattern: string, path: Path): void {
  const fault = patternFault(pattern);
  if (fault !== null) throw fail('INVALID_INPUT', fault, { path });
}

const UNSTORABLE = 'Text must be well-formed Unicode without NUL.';

function isStorable(text: string): boolean {
  return !text.includes('\u0000') && text.isWellFormed();
}
