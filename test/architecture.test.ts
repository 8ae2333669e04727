import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

// The floors of the house: imports only go down. Every failure is a sentence.

const FLOORS = ['doors', 'app', 'edges', 'domain', 'db'];
const DOMAIN_ORDER = [
  'audit',
  'workspaces',
  'keys',
  'membership',
  'users',
  'usage',
  'cohorts',
  'history',
  'pulls',
  'segments',
  'targeting',
  'jobs',
];

const SRC = fileURLToPath(new URL('../src', import.meta.url));
const files = readdirSync(SRC, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'));
const textOf = (file: string) => readFileSync(join(SRC, file), 'utf8');
const imports = files.flatMap((from) =>
  [
    ...textOf(from).matchAll(
      /^(?:import|export)\s+(type\s)?(?:[^'";]*?\sfrom\s+)?'(\.[^']+)'|\bimport\('(\.[^']+)'\)/gm,
    ),
  ].map(([, type, fixed, dynamic]) => ({
    from,
    to: relative(SRC, join(SRC, dirname(from), fixed ?? dynamic ?? '')),
    isTypeOnly: type !== undefined,
  })),
);

const isDoor = (file: string) => /^(index|server|cli)\.ts$|^cli\//.test(file);
const isEdge = (file: string) => /^(http|graphql|pull)\//.test(file);
const folder = (file: string) => file.split('/')[0];
function floorOf(file: string): string {
  if (isDoor(file)) return 'doors';
  if (isEdge(file)) return 'edges';
  return file === 'app.ts' ? 'app' : String(folder(file));
}

test('the reader of import lines sees the house', () => {
  expect(imports).toContainEqual({ from: 'app.ts', to: 'db/client.ts', isTypeOnly: false });
  expect(imports).toContainEqual({ from: 'graphql/schema.ts', to: 'graphql/errors.ts', isTypeOnly: false });
  expect(imports).toContainEqual({ from: 'graphql/context.ts', to: 'graphql/loaders.ts', isTypeOnly: true });
  const unknown = imports
    .filter(({ to }) => !files.includes(to))
    .map(({ from, to }) => `${from} imports ${to}, which is no file.`);
  expect(unknown).toEqual([]);
});

test('imports go down: doors, app, http and graphql and pull, domain, db', () => {
  const faults = imports
    .filter(({ to }) => to !== 'config.ts')
    .filter(({ from, to }) => FLOORS.indexOf(floorOf(to)) < FLOORS.indexOf(floorOf(from)) || floorOf(to) === 'config')
    .map(({ from, to }) => `${from} imports ${to}, which is on a floor above it.`);
  expect(faults).toEqual([]);
  expect(files.filter((file) => file !== 'config.ts' && !FLOORS.includes(floorOf(file)))).toEqual([]);
});

test('the edges know the domain only: not each other, not the database', () => {
  const faults = imports
    .filter(({ from, to }) => isEdge(from) && folder(to) !== folder(from) && folder(to) !== 'domain')
    .map(({ from, to }) => `${from} imports ${to}: an edge may import the domain and itself.`);
  expect(faults).toEqual([]);
});

test('inside the domain imports go to the left only', () => {
  const rank = (file: string) => {
    if (file === 'domain/index.ts') return DOMAIN_ORDER.length;
    return DOMAIN_ORDER.indexOf(/^domain\/(\w+)\//.exec(file)?.[1] ?? '');
  };
  const faults = imports
    .filter(({ from, to }) => folder(from) === 'domain' && folder(to) === 'domain' && rank(to) > rank(from))
    .map(({ from, to }) => `${from} imports ${to}, which stands to its right: ${DOMAIN_ORDER.join(', ')}.`);
  expect(faults).toEqual([]);
  const folders = files.flatMap((file) => /^domain\/(\w+)\//.exec(file)?.[1] ?? []);
  expect(folders.filter((name) => !DOMAIN_ORDER.includes(name)).map((name) => `domain/${name} has no place.`)).toEqual(
    [],
  );
});

test('no file needs itself to be loaded', () => {
  const cycles: string[] = [];
  const done = new Set<string>();
  const visit = (file: string, way: readonly string[]) => {
    if (way.includes(file)) cycles.push(`${[...way.slice(way.indexOf(file)), file].join(' imports ')}.`);
    else if (!done.has(file))
      for (const { from, to, isTypeOnly } of imports) if (from === file && !isTypeOnly) visit(to, [...way, file]);
    done.add(file);
  };
  for (const file of files) visit(file, []);
  expect(cycles).toEqual([]);
});

test('the environment is read in one place, and only the command line asks for it', () => {
  const readers = files.filter((file) => file !== 'config.ts' && textOf(file).includes('process.env'));
  const askers = imports.filter(({ from, to }) => to === 'config.ts' && !/^cli[./]/.test(from)).map(({ from }) => from);
  expect(readers.map((file) => `${file} reads process.env: ask config.ts.`)).toEqual([]);
  expect(askers.map((file) => `${file} imports config.ts: a library does not read the environment.`)).toEqual([]);
});
