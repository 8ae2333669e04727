import { readFileSync } from 'node:fs';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, test } from 'vitest';
import { DomainError, formatPath } from '../../../src/domain/errors.ts';
import type { DialectSamples } from '../../support/dialects/samples.ts';

// The published JSON Schema of a body and its parser are two readings of one promise.

/** Holds the schemas and the parsers of a dialect to its samples. */
export function checkConformance(samples: DialectSamples): void {
  const ajv = new Ajv2020({ strict: true, strictRequired: false, strictTypes: false });
  const forms = Object.fromEntries(
    Object.entries(samples.forms).map(([name, { schema, parse }]) => {
      const text = readFileSync(new URL(`../../../schema/${schema}`, import.meta.url), 'utf8');
      return [name, { schema: ajv.compile(JSON.parse(text) as object), parse }];
    }),
  );

  function verdicts(name: string, sample: unknown) {
    const form = forms[name];
    if (!form) throw new Error(`There is no form ${name}.`);
    const text = JSON.stringify(sample);
    return { schema: form.schema(JSON.parse(text)), parser: accepts(() => form.parse(text)) };
  }

  describe(`${samples.dialect}: schema and parser agree`, () => {
    test.each(samples.accepted)('%s: both accept %s', (form, _, body) => {
      expect(verdicts(form, body)).toEqual({ schema: true, parser: true });
    });

    test.each(samples.refused)('%s: both refuse %s', (form, _, path, body) => {
      expect(verdicts(form, body)).toEqual({ schema: false, parser: path });
    });

    test.each(samples.parserOnly)('%s: only the parser can refuse %s', (form, _, path, body) => {
      expect(verdicts(form, body)).toEqual({ schema: true, parser: path });
    });
  });
}

/** True, or the path of the fault. */
function accepts(work: () => unknown): true | string | null {
  try {
    work();
    return true;
  } catch (error) {
    if (!(error instanceof DomainError)) throw error;
    return error.path ? formatPath(error.path) : null;
  }
}
