/** What GraphiQL opens with: the story from key to segment, in order. */
export const EXAMPLE_QUERIES: readonly string[] = [
  `# 1. A data import key for Amplitude. The secret is shown this once.
mutation GenerateKey {
  generateDataImportKey(input: { partner: "amplitude", name: "production" }) {
    ... on GenerateDataImportKeySuccess { secret key { id prefix state } }
    ... on Error { code message path }
  }
}
`,
  `# 2. Some users.
mutation UpsertUsers {
  upsertUsers(input: { users: [
    { externalId: "ada", attributes: { plan: "pro" } }
    { aliases: [{ label: "crm", name: "grace" }] }
    { deviceIds: ["device-of-joan"] }
  ] }) {
    ... on UpsertUsersSuccess { created updated users { id externalId isAnonymous } }
    ... on Error { code message path }
  }
}
`,
  `# 3. The cohorts there are, with exact sizes.
query Cohorts {
  cohorts(first: 20) {
    totalCount
    nodes { id name partner partnerCohortId size lastReceivedAt }
  }
}
`,
  `# 4. What a filter gives, before it is saved.
query Preview {
  previewSegment(filter: { amplitudeCohorts: { includesValue: { name: "Amplitude cohort test" } } }) {
    ... on SegmentPreview { size users(first: 5) { nodes { externalId aliases { label name } } } }
    ... on Error { code message path }
  }
}
`,
  `# 5. Save it, and read it back.
mutation CreateSegment {
  createSegment(input: {
    name: "Amplitude cohort test"
    filter: { amplitudeCohorts: { includesValue: { name: "Amplitude cohort test" } } }
  }) {
    ... on CreateSegmentSuccess { segment { id name size filterJson } }
    ... on Error { code message path }
  }
}
`,
  `# 6. Who is in which segment, many at once.
query Membership($users: [UserRef!]!, $segments: [ID!]!) {
  membership(users: $users, segments: $segments) {
    ... on MembershipSuccess { memberships { user { externalId } segments } }
    ... on Error { code message path }
  }
}
`,
];
