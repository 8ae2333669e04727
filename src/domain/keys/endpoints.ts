/** An address of the server that a partner can send to. */
export interface PartnerEndpoint {
  /** The wire form, as in the ledger. */
  readonly dialect: string;
  readonly method: 'POST';
  /** Below the server's address. What stands in braces the sender fills in. */
  readonly path: string;
  readonly description: string;
}

const IN_HEADER =
  'The key in a header: a bearer token, the user name of Basic authentication, or the value of x-api-key or api_key.';

const ENDPOINTS: readonly (readonly [dialect: string, path: string, description: string])[] = [
  ['braze', '/cohorts', 'Names a cohort.'],
  ['braze', '/cohorts/users', 'Adds and removes members.'],
  ['amplitude_webhook', '/webhook', `Takes Amplitude's cohort webhooks. ${IN_HEADER}`],
  ['amplitude_webhook', '/webhook/{key}', 'The same with the data import key in the address.'],
  ['amplitude_list', '/lists', `Makes a list, which is a cohort, and answers its id. ${IN_HEADER}`],
  ['amplitude_list', '/lists/{listId}/add', 'Adds members.'],
  ['amplitude_list', '/lists/{listId}/remove', 'Removes members.'],
  ['amplitude_list', '/lists/add', 'Adds members to the list whose id is in the body.'],
  ['amplitude_list', '/lists/remove', 'Removes members from the list whose id is in the body.'],
  ['amplitude_property', '/properties', `Takes a cohort as a property of a user, or of a batch of users. ${IN_HEADER}`],
  ['amplitude_property', '/properties/batch', 'The same.'],
  ['mixpanel', '/mixpanel', `Takes Mixpanel's custom webhook. ${IN_HEADER}`],
  ['mixpanel', '/mixpanel/{key}', 'The same with the data import key in the address.'],
];

/** Every address that a partner may send cohorts to; any partner may use any form. */
export function partnerEndpoints(partner: string): PartnerEndpoint[] {
  return ENDPOINTS.map(([dialect, path, description]) => ({
    dialect,
    method: 'POST',
    path: `/partners/${partner}${path}`,
    description,
  }));
}
