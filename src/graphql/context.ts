import type { Domain } from '../domain/index.ts';
import type { Scope } from '../domain/keys/scopes.ts';
import type { Loaders } from './loaders.ts';

/** What a resolver sees of one request: the product of the viewer's workspace, the loaders, and what the viewer may do. */
export interface RequestContext {
  readonly domain: Domain;
  /** Of the question, or of the one mutation that runs. */
  loaders: Loaders;
  readonly scopes: ReadonlySet<Scope>;
  /** The API key that asks, for the ledger. */
  readonly keyId: string | null;
  /** Counts items of pages before they are read. Errors: LIMIT_EXCEEDED when the request asks for too many in all. */
  readonly takeItems: (count: number) => void;
}
