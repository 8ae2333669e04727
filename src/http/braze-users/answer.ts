import type { Domain } from '../../domain/index.ts';
import type { Body } from '../json.ts';
import type { ItemFault } from './reading.ts';

/** What an endpoint answers. Braze answers a POST with 201, where others say 200. */
export interface Answer {
  readonly status: 201 | 202 | 400;
  readonly body: object;
}

/** Answers one endpoint. Errors: those of the product, which `mountBrazeUsers` spells as Braze does. */
export type Endpoint = (body: Body, domain: Domain) => Promise<Answer>;

/** Success, with what was refused of it: Braze calls those errors non-fatal. */
export function success(fields: object, faults: readonly ItemFault[], status: 201 | 202 = 201): Answer {
  const errors = faults.length === 0 ? {} : { errors: inOrder(faults) };
  return { status, body: { ...fields, message: 'success', ...errors } };
}

/** Nothing of the request could be used: Braze calls that fatal. */
export function fatal(message: string, faults: readonly ItemFault[]): Answer {
  return { status: 400, body: { message, errors: inOrder(faults) } };
}

/** By place in the request; the arrays stay in the order in which they were read. */
function inOrder(faults: readonly ItemFault[]): ItemFault[] {
  const arrays = [...new Set(faults.map((f) => f.input_array))];
  return arrays.flatMap((name) => faults.filter((f) => f.input_array === name).sort((a, b) => a.index - b.index));
}
