// The list drizzle-kit reads. Nothing else in the program imports this file.
export * from './attributes.ts';
export * from './cohorts.ts';
export * from './keys.ts';
export * from './segments.ts';
export * from './usage.ts';
export * from './users.ts';
export * from './workspaces.ts';
