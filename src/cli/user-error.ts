/** Whoever typed the command can mend this. The message is one sentence that says what to do. */
export class UserError extends Error {
  override readonly name = 'UserError';
}
