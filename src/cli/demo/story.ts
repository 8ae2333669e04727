import { formatCount, formatDuration } from '../progress.ts';
import { bold, cyan, dim } from '../style.ts';
import { askGraphql, type DemoTarget } from './client.ts';
import { DEMO_COHORTS, STORY_COHORT } from './cohorts.ts';
import { formatJson } from './json.ts';
import { done, say } from './stage.ts';

const CREATE = `mutation {
  createSegment(input: {
    name: "${STORY_COHORT}"
    filter: { amplitudeCohorts: { includesValue: { name: "${STORY_COHORT}" } } }
  }) {
    __typename
    ... on Error { message }
  }
}`;

const READ = `query {
  segment(by: { name: "${STORY_COHORT}" }) {
    size
    filterJson
    users(first: 3) {
      nodes { externalId deviceIds attributes }
    }
  }
}`;

const SIZE = `{ segment(by: { name: "${STORY_COHORT}" }) { size } }`;

/** Somebody who could be added to the cohort. */
const OUTSIDERS = `query {
  previewSegment(filter: { amplitudeCohorts: { doesNotIncludeValue: { name: "${STORY_COHORT}" } } }) {
    ... on SegmentPreview { users(first: 50) { nodes { externalId } } }
  }
}`;

const SIZES = `query { cohorts(first: 100) { nodes { partnerCohortId name size } } }`;

interface Created {
  readonly createSegment: { readonly message?: string };
}

interface Outsiders {
  readonly previewSegment: { readonly users: { readonly nodes: readonly { readonly externalId: string | null }[] } };
}

interface Sizes {
  readonly cohorts: {
    readonly nodes: readonly { readonly partnerCohortId: string; readonly name: string; readonly size: number }[];
  };
}

/** Saves the segment, asks who is in it, shows both, and says what to try next. */
export async function tellStory(target: DemoTarget): Promise<void> {
  await showCohorts(target);
  const { createSegment } = await askGraphql<Created>(target, CREATE);
  if (createSegment.message !== undefined) throw new Error(createSegment.message);
  done('Segment', `saved: amplitude_cohorts includes_value "${STORY_COHORT}"`);
  say();
  show(READ, cyan);
  const [answer, took] = await timed(() => askGraphql(target, READ));
  say();
  show(formatJson(answer, 96), (line) => line);
  say(
    dim(
      `answered over HTTP in ${formatDuration(took)}; the exact size alone in ${(await medianOfSize(target)).toFixed(1)} ms`,
    ),
  );
  say();
  await invite(target);
}

/** How long the exact size takes, in milliseconds: the median of some calls. */
async function medianOfSize(target: DemoTarget): Promise<number> {
  const times: number[] = [];
  for (let i = 0; i < 25; i++) times.push((await timed(() => askGraphql(target, SIZE)))[1]);
  return times.sort((a, b) => a - b)[times.length >> 1] ?? 0;
}

async function timed<T>(work: () => Promise<T>): Promise<[T, number]> {
  const startedAt = performance.now();
  return [await work(), performance.now() - startedAt];
}

async function showCohorts(target: DemoTarget): Promise<void> {
  const { cohorts } = await askGraphql<Sizes>(target, SIZES);
  const largest = Math.max(...cohorts.nodes.map((cohort) => cohort.size));
  const sizes = new Map(cohorts.nodes.map((cohort) => [cohort.partnerCohortId, cohort.size]));
  say();
  for (const { id, name } of DEMO_COHORTS) {
    const size = sizes.get(id) ?? 0;
    const bar = '▪'.repeat(Math.max(1, Math.round((size / largest) * 30)));
    say(`  ${name.padEnd(30)} ${formatCount(size).padStart(8)}  ${dim(bar)}`);
  }
  say();
}

function show(text: string, style: (line: string) => string): void {
  for (const line of text.split('\n')) say(`  ${style(line)}`);
}

async function invite(target: DemoTarget): Promise<void> {
  const { previewSegment } = await askGraphql<Outsiders>(target, OUTSIDERS);
  const outsider = previewSegment.users.nodes.find((user) => user.externalId !== null)?.externalId ?? 'somebody';
  const cohort = DEMO_COHORTS.find(({ name }) => name === STORY_COHORT)?.id;
  const query = JSON.stringify({ query: SIZE });
  const change = { client_secret: target.importKey, cohort_id: cohort, cohort_changes: [{ user_ids: [outsider] }] };
  say(`GraphQL   ${bold(`${target.url}/graphql`)}  (GraphiQL in a browser)`);
  say(`API key   ${bold(target.apiKey)}`);
  say();
  say('Ask for the size of the segment; add somebody to the cohort as Amplitude does; ask again:');
  say();
  say(
    `curl -s ${target.url}/graphql -H 'authorization: Bearer ${target.apiKey}' -H 'content-type: application/json' -d '${query}'`,
  );
  say();
  say(`curl -s ${target.url}/partners/amplitude/cohorts/users -d '${JSON.stringify(change)}'`);
  say();
  say(dim('Ctrl-C stops the server.'));
}
