/* eslint-disable */
/** Internal type. DO NOT USE DIRECTLY. */
type Exact<T extends { [key: string]: unknown }> = { [K in keyof T]: T[K] };
/** Internal type. DO NOT USE DIRECTLY. */
export type Incremental<T> = T | { [P in keyof T]?: P extends ' $fragmentName' | '__typename' ? T[P] : never };
import type { DocumentTypeDecoration } from '@graphql-typed-document-node/core';
/** As what somebody acts. */
export type ActorKind =
  /** With an API key of the workspace. */
  | 'API_KEY'
  /** At the command line of the server. */
  | 'COMMAND_LINE'
  /** With the key that the server was started with. */
  | 'CONFIGURED_KEY'
  /** As whom the host application's own login says. */
  | 'HOST'
  /** As code of the host application. */
  | 'LIBRARY'
  /** As the product itself. */
  | 'SYSTEM';

/** One alias: the pair is unique in the workspace, and a user has one name per label. */
export type AliasInput = {
  /** What kind of name it is, 1 to 512 bytes. */
  readonly label: string;
  /** The name, 1 to 512 bytes. */
  readonly name: string;
};

/** What an API key may do. */
export type ApiKeyScope =
  /** `cohorts:read` */
  | 'COHORTS_READ'
  /** `cohorts:write` */
  | 'COHORTS_WRITE'
  /** `keys:manage` */
  | 'KEYS_MANAGE'
  /** `segments:read` */
  | 'SEGMENTS_READ'
  /** `segments:write` */
  | 'SEGMENTS_WRITE'
  /** `targeting:read` */
  | 'TARGETING_READ'
  /** `targeting:write` */
  | 'TARGETING_WRITE'
  /** `users:read` */
  | 'USERS_READ'
  /** `users:write` */
  | 'USERS_WRITE';

/** Changes to one cohort. */
export type ApplyCohortChangesInput = {
  /** In order: the last mention of a person wins. At most 10000 identifiers in all. */
  readonly changes: ReadonlyArray<CohortChangeInput>;
  /** Which. One that its partner id names is made if it is unknown. */
  readonly cohort: CohortRef;
  /** When the changes were computed: an older request never undoes a newer one for the same user. */
  readonly computedAt?: string | null | undefined;
  /** Names the cohort as well, at most 512 characters. */
  readonly name?: string | null | undefined;
  /** A name of your own for this request: the same one is applied once a cohort, however often it is sent. */
  readonly requestId?: string | null | undefined;
};

/** A segment to put away. */
export type ArchiveSegmentInput = {
  /** Also while other segments refer to it: they go on evaluating it. Needs a reason. */
  readonly force?: boolean;
  /** The segment. */
  readonly id: string | number;
  /** Why, for its versions and the audit log: at most 1000 characters. */
  readonly reason?: string | null | undefined;
};

/** A condition on the value of an attribute, in exactly one way. Nothing is converted: the number 1 is not the text "1". Whoever lacks the attribute satisfies what begins with "not" or "does not". */
export type AttributeConditionInput =
  {   /** `after`: is a time later than this. */
  readonly after: string; readonly before?: never; readonly doesNotIncludeValue?: never; readonly doesNotMatchRegex?: never; readonly equals?: never; readonly exists?: never; readonly greaterThan?: never; readonly greaterThanOrEqualTo?: never; readonly greaterThanXDaysAgo?: never; readonly greaterThanXDaysInTheFuture?: never; readonly includesValue?: never; readonly lessThan?: never; readonly lessThanOrEqualTo?: never; readonly lessThanXDaysAgo?: never; readonly lessThanXDaysInTheFuture?: never; readonly matchesRegex?: never; readonly notEqual?: never; }
  |  { readonly after?: never;   /** `before`: is a time earlier than this. */
  readonly before: string; readonly doesNotIncludeValue?: never; readonly doesNotMatchRegex?: never; readonly equals?: never; readonly exists?: never; readonly greaterThan?: never; readonly greaterThanOrEqualTo?: never; readonly greaterThanXDaysAgo?: never; readonly greaterThanXDaysInTheFuture?: never; readonly includesValue?: never; readonly lessThan?: never; readonly lessThanOrEqualTo?: never; readonly lessThanXDaysAgo?: never; readonly lessThanXDaysInTheFuture?: never; readonly matchesRegex?: never; readonly notEqual?: never; }
  |  { readonly after?: never; readonly before?: never;   /** `does_not_include_value`: is no such list. */
  readonly doesNotIncludeValue: unknown; readonly doesNotMatchRegex?: never; readonly equals?: never; readonly exists?: never; readonly greaterThan?: never; readonly greaterThanOrEqualTo?: never; readonly greaterThanXDaysAgo?: never; readonly greaterThanXDaysInTheFuture?: never; readonly includesValue?: never; readonly lessThan?: never; readonly lessThanOrEqualTo?: never; readonly lessThanXDaysAgo?: never; readonly lessThanXDaysInTheFuture?: never; readonly matchesRegex?: never; readonly notEqual?: never; }
  |  { readonly after?: never; readonly before?: never; readonly doesNotIncludeValue?: never;   /** `does_not_match_regex`: is no such text. */
  readonly doesNotMatchRegex: string; readonly equals?: never; readonly exists?: never; readonly greaterThan?: never; readonly greaterThanOrEqualTo?: never; readonly greaterThanXDaysAgo?: never; readonly greaterThanXDaysInTheFuture?: never; readonly includesValue?: never; readonly lessThan?: never; readonly lessThanOrEqualTo?: never; readonly lessThanXDaysAgo?: never; readonly lessThanXDaysInTheFuture?: never; readonly matchesRegex?: never; readonly notEqual?: never; }
  |  { readonly after?: never; readonly before?: never; readonly doesNotIncludeValue?: never; readonly doesNotMatchRegex?: never;   /** `equals`: is this text, number or boolean. */
  readonly equals: unknown; readonly exists?: never; readonly greaterThan?: never; readonly greaterThanOrEqualTo?: never; readonly greaterThanXDaysAgo?: never; readonly greaterThanXDaysInTheFuture?: never; readonly includesValue?: never; readonly lessThan?: never; readonly lessThanOrEqualTo?: never; readonly lessThanXDaysAgo?: never; readonly lessThanXDaysInTheFuture?: never; readonly matchesRegex?: never; readonly notEqual?: never; }
  |  { readonly after?: never; readonly before?: never; readonly doesNotIncludeValue?: never; readonly doesNotMatchRegex?: never; readonly equals?: never;   /** `exists`: has the attribute; `false` is `does_not_exist`. */
  readonly exists: boolean; readonly greaterThan?: never; readonly greaterThanOrEqualTo?: never; readonly greaterThanXDaysAgo?: never; readonly greaterThanXDaysInTheFuture?: never; readonly includesValue?: never; readonly lessThan?: never; readonly lessThanOrEqualTo?: never; readonly lessThanXDaysAgo?: never; readonly lessThanXDaysInTheFuture?: never; readonly matchesRegex?: never; readonly notEqual?: never; }
  |  { readonly after?: never; readonly before?: never; readonly doesNotIncludeValue?: never; readonly doesNotMatchRegex?: never; readonly equals?: never; readonly exists?: never;   /** `greater_than`: is a number above this. */
  readonly greaterThan: number; readonly greaterThanOrEqualTo?: never; readonly greaterThanXDaysAgo?: never; readonly greaterThanXDaysInTheFuture?: never; readonly includesValue?: never; readonly lessThan?: never; readonly lessThanOrEqualTo?: never; readonly lessThanXDaysAgo?: never; readonly lessThanXDaysInTheFuture?: never; readonly matchesRegex?: never; readonly notEqual?: never; }
  |  { readonly after?: never; readonly before?: never; readonly doesNotIncludeValue?: never; readonly doesNotMatchRegex?: never; readonly equals?: never; readonly exists?: never; readonly greaterThan?: never;   /** `greater_than_or_equal_to`: is this number, or above. */
  readonly greaterThanOrEqualTo: number; readonly greaterThanXDaysAgo?: never; readonly greaterThanXDaysInTheFuture?: never; readonly includesValue?: never; readonly lessThan?: never; readonly lessThanOrEqualTo?: never; readonly lessThanXDaysAgo?: never; readonly lessThanXDaysInTheFuture?: never; readonly matchesRegex?: never; readonly notEqual?: never; }
  |  { readonly after?: never; readonly before?: never; readonly doesNotIncludeValue?: never; readonly doesNotMatchRegex?: never; readonly equals?: never; readonly exists?: never; readonly greaterThan?: never; readonly greaterThanOrEqualTo?: never;   /** `greater_than_x_days_ago`: is a past time, by more than this many days, a whole number from 0 to 36500. */
  readonly greaterThanXDaysAgo: number; readonly greaterThanXDaysInTheFuture?: never; readonly includesValue?: never; readonly lessThan?: never; readonly lessThanOrEqualTo?: never; readonly lessThanXDaysAgo?: never; readonly lessThanXDaysInTheFuture?: never; readonly matchesRegex?: never; readonly notEqual?: never; }
  |  { readonly after?: never; readonly before?: never; readonly doesNotIncludeValue?: never; readonly doesNotMatchRegex?: never; readonly equals?: never; readonly exists?: never; readonly greaterThan?: never; readonly greaterThanOrEqualTo?: never; readonly greaterThanXDaysAgo?: never;   /** `greater_than_x_days_in_the_future`: is a time to come, in more than this many days, a whole number from 0 to 36500. */
  readonly greaterThanXDaysInTheFuture: number; readonly includesValue?: never; readonly lessThan?: never; readonly lessThanOrEqualTo?: never; readonly lessThanXDaysAgo?: never; readonly lessThanXDaysInTheFuture?: never; readonly matchesRegex?: never; readonly notEqual?: never; }
  |  { readonly after?: never; readonly before?: never; readonly doesNotIncludeValue?: never; readonly doesNotMatchRegex?: never; readonly equals?: never; readonly exists?: never; readonly greaterThan?: never; readonly greaterThanOrEqualTo?: never; readonly greaterThanXDaysAgo?: never; readonly greaterThanXDaysInTheFuture?: never;   /** `includes_value`: is a list with this text or number in it. */
  readonly includesValue: unknown; readonly lessThan?: never; readonly lessThanOrEqualTo?: never; readonly lessThanXDaysAgo?: never; readonly lessThanXDaysInTheFuture?: never; readonly matchesRegex?: never; readonly notEqual?: never; }
  |  { readonly after?: never; readonly before?: never; readonly doesNotIncludeValue?: never; readonly doesNotMatchRegex?: never; readonly equals?: never; readonly exists?: never; readonly greaterThan?: never; readonly greaterThanOrEqualTo?: never; readonly greaterThanXDaysAgo?: never; readonly greaterThanXDaysInTheFuture?: never; readonly includesValue?: never;   /** `less_than`: is a number below this. */
  readonly lessThan: number; readonly lessThanOrEqualTo?: never; readonly lessThanXDaysAgo?: never; readonly lessThanXDaysInTheFuture?: never; readonly matchesRegex?: never; readonly notEqual?: never; }
  |  { readonly after?: never; readonly before?: never; readonly doesNotIncludeValue?: never; readonly doesNotMatchRegex?: never; readonly equals?: never; readonly exists?: never; readonly greaterThan?: never; readonly greaterThanOrEqualTo?: never; readonly greaterThanXDaysAgo?: never; readonly greaterThanXDaysInTheFuture?: never; readonly includesValue?: never; readonly lessThan?: never;   /** `less_than_or_equal_to`: is this number, or below. */
  readonly lessThanOrEqualTo: number; readonly lessThanXDaysAgo?: never; readonly lessThanXDaysInTheFuture?: never; readonly matchesRegex?: never; readonly notEqual?: never; }
  |  { readonly after?: never; readonly before?: never; readonly doesNotIncludeValue?: never; readonly doesNotMatchRegex?: never; readonly equals?: never; readonly exists?: never; readonly greaterThan?: never; readonly greaterThanOrEqualTo?: never; readonly greaterThanXDaysAgo?: never; readonly greaterThanXDaysInTheFuture?: never; readonly includesValue?: never; readonly lessThan?: never; readonly lessThanOrEqualTo?: never;   /** `less_than_x_days_ago`: is a past time, by less than this many days, a whole number from 0 to 36500. */
  readonly lessThanXDaysAgo: number; readonly lessThanXDaysInTheFuture?: never; readonly matchesRegex?: never; readonly notEqual?: never; }
  |  { readonly after?: never; readonly before?: never; readonly doesNotIncludeValue?: never; readonly doesNotMatchRegex?: never; readonly equals?: never; readonly exists?: never; readonly greaterThan?: never; readonly greaterThanOrEqualTo?: never; readonly greaterThanXDaysAgo?: never; readonly greaterThanXDaysInTheFuture?: never; readonly includesValue?: never; readonly lessThan?: never; readonly lessThanOrEqualTo?: never; readonly lessThanXDaysAgo?: never;   /** `less_than_x_days_in_the_future`: is a time to come, in less than this many days, a whole number from 0 to 36500. */
  readonly lessThanXDaysInTheFuture: number; readonly matchesRegex?: never; readonly notEqual?: never; }
  |  { readonly after?: never; readonly before?: never; readonly doesNotIncludeValue?: never; readonly doesNotMatchRegex?: never; readonly equals?: never; readonly exists?: never; readonly greaterThan?: never; readonly greaterThanOrEqualTo?: never; readonly greaterThanXDaysAgo?: never; readonly greaterThanXDaysInTheFuture?: never; readonly includesValue?: never; readonly lessThan?: never; readonly lessThanOrEqualTo?: never; readonly lessThanXDaysAgo?: never; readonly lessThanXDaysInTheFuture?: never;   /** `matches_regex`: is a text in which this regular expression is found, at most 256 characters. */
  readonly matchesRegex: string; readonly notEqual?: never; }
  |  { readonly after?: never; readonly before?: never; readonly doesNotIncludeValue?: never; readonly doesNotMatchRegex?: never; readonly equals?: never; readonly exists?: never; readonly greaterThan?: never; readonly greaterThanOrEqualTo?: never; readonly greaterThanXDaysAgo?: never; readonly greaterThanXDaysInTheFuture?: never; readonly includesValue?: never; readonly lessThan?: never; readonly lessThanOrEqualTo?: never; readonly lessThanXDaysAgo?: never; readonly lessThanXDaysInTheFuture?: never; readonly matchesRegex?: never;   /** `not_equal`: is not this text, number or boolean. */
  readonly notEqual: unknown; };

/** A condition on a custom attribute. */
export type AttributeFilterInput = {
  /** The condition. */
  readonly condition: AttributeConditionInput;
  /** The name of the attribute, 1 to 255 characters. */
  readonly name: string;
};

/** What was done. The list only grows. */
export type AuditAction =
  /** An API key was made. */
  | 'API_KEY_CREATED'
  /** An API key was ended. */
  | 'API_KEY_REVOKED'
  /** An API key got a successor. */
  | 'API_KEY_ROTATED'
  /** An attribute was told to be indexed. */
  | 'ATTRIBUTE_INDEX_CREATED'
  /** The index of an attribute was removed. */
  | 'ATTRIBUTE_INDEX_REMOVED'
  /** Settings of a cohort were changed. */
  | 'COHORT_UPDATED'
  /** A data import key was made. */
  | 'DATA_IMPORT_KEY_GENERATED'
  /** A data import key was ended. */
  | 'DATA_IMPORT_KEY_INVALIDATED'
  /** A data import key got a successor. */
  | 'DATA_IMPORT_KEY_ROTATED'
  /** A segment was put away. */
  | 'SEGMENT_ARCHIVED'
  /** A segment was made. */
  | 'SEGMENT_CREATED'
  /** A segment was made as a copy of another. */
  | 'SEGMENT_DUPLICATED'
  /** A segment was brought back. */
  | 'SEGMENT_RESTORED'
  /** A segment became again what it was in an older version. */
  | 'SEGMENT_ROLLED_BACK'
  /** A segment was changed. */
  | 'SEGMENT_UPDATED'
  /** Settings of the workspace were changed. */
  | 'WORKSPACE_UPDATED';

/** What something was done to. The list only grows. */
export type AuditSubject =
  /** An API key. */
  | 'API_KEY'
  /** An attribute that is or was indexed. */
  | 'ATTRIBUTE_INDEX'
  /** A cohort. */
  | 'COHORT'
  /** A data import key. */
  | 'DATA_IMPORT_KEY'
  /** A segment. */
  | 'SEGMENT'
  /** The workspace itself. */
  | 'WORKSPACE';

/** How often the sender of a cohort sends. */
export type Cadence =
  /** Each day, at some time of it. */
  | 'DAILY'
  /** Each hour. */
  | 'HOURLY'
  /** Once. */
  | 'ONE_TIME'
  /** Each minute. */
  | 'REAL_TIME';

/** Who says how often syncs come. */
export type CadenceSource =
  /** The operator, with `updateCohort`. */
  | 'DECLARED'
  /** The ledger: the median pause between the last 3 to 20 syncs. */
  | 'OBSERVED'
  /** The sender, where it can be asked. */
  | 'REPORTED';

/** Identities to add to a cohort, or to remove from it. */
export type CohortChangeInput = {
  /** Aliases: match identified and anonymous users. */
  readonly aliases?: ReadonlyArray<AliasInput> | null | undefined;
  /** Device ids: match anonymous users only. */
  readonly deviceIds?: ReadonlyArray<string> | null | undefined;
  /** External ids: match identified users. */
  readonly externalIds?: ReadonlyArray<string> | null | undefined;
  /** Remove them instead. */
  readonly remove?: boolean;
};

/** How a list of cohorts runs. */
export type CohortOrder = {
  /** Which way. */
  readonly direction: OrderDirection;
  /** By what. */
  readonly field: CohortOrderField;
};

/** What to order cohorts by. */
export type CohortOrderField =
  /** The time of making. */
  | 'CREATED_AT'
  /** The name. */
  | 'NAME';

/** One cohort, named in exactly one way. */
export type CohortRef =
  {   /** The node id. */
  readonly id: string | number; readonly name?: never; readonly partnerCohort?: never; }
  |  { readonly id?: never;   /** The name, if only one cohort has it. */
  readonly name: string; readonly partnerCohort?: never; }
  |  { readonly id?: never; readonly name?: never;   /** The partner's id for it. */
  readonly partnerCohort: PartnerCohortInput; };

/** An API key to make. */
export type CreateApiKeyInput = {
  /** When it is to stop working. */
  readonly expiresAt?: string | null | undefined;
  /** For people, at most 200 characters. */
  readonly name: string;
  /** What it may do: at least one. */
  readonly scopes: ReadonlyArray<ApiKeyScope>;
};

/** A segment to save. */
export type CreateSegmentInput = {
  /** At most 2000 characters. */
  readonly description?: string | null | undefined;
  /** Who is in it: this, or one of the next two. */
  readonly filter?: SegmentFilterInput | null | undefined;
  /** The same as canonical JSON. */
  readonly filterJson?: unknown;
  /** The same as text. */
  readonly filterText?: string | null | undefined;
  /** 1 to 200 characters, unique among live segments. */
  readonly name: string;
  /** Words to find it by: at most 20 of 1 to 50 characters. */
  readonly tags?: ReadonlyArray<string> | null | undefined;
};

/** A segment to copy. */
export type DuplicateSegmentInput = {
  /** The segment; an archived one too. */
  readonly id: string | number;
  /** The name of the copy: "Copy of" and the name if nothing is said, with a number where that is taken. */
  readonly name?: string | null | undefined;
};

/** What went wrong, for programs. The list only grows. */
export type ErrorCode =
  /** The reference fits several things: use an id. */
  | 'AMBIGUOUS'
  /** The month's data points are used up. */
  | 'BUDGET_EXCEEDED'
  /** The key lacks the scope. */
  | 'FORBIDDEN'
  /** The identity belongs to another user. */
  | 'IDENTITY_TAKEN'
  /** Not a cursor of this list: start again without it. */
  | 'INVALID_CURSOR'
  /** Wrong type, empty, too long, or a character that cannot be stored. */
  | 'INVALID_INPUT'
  /** Other things refer to it: change them first, or force it. */
  | 'IN_USE'
  /** More items, levels or bytes than one call takes. */
  | 'LIMIT_EXCEEDED'
  /** Another writer is busy here: try again after a moment. */
  | 'LOCKED'
  /** A live thing of that kind has the name already. */
  | 'NAME_TAKEN'
  /** The thing is archived or has ended: restore it or make another. */
  | 'NOT_ACTIVE'
  /** Nothing of this workspace has that id or name. */
  | 'NOT_FOUND'
  /** The ledger no longer remembers what this needs: ask for a later time. */
  | 'NOT_RETAINED'
  /** More requests wait than may: try again after a moment. */
  | 'OVERLOADED'
  /** The members are older than the caller allows. */
  | 'STALE'
  /** No key, or none that is valid now. */
  | 'UNAUTHENTICATED'
  /** The database cannot be reached: try again. */
  | 'UNAVAILABLE'
  /** The thing was changed since it was read: read it again. */
  | 'VERSION_CHANGED';

/** How the age of the last sign of life compares with the cadence. */
export type FreshnessStatus =
  /** As new as can be expected: 5 minutes in real time, 2 hours hourly, 48 hours daily. */
  | 'FRESH'
  /** A sync is missing, or the sender says that one failed. */
  | 'LATE'
  /** Several are: no sign of life for 30 minutes in real time, 4 hours hourly, 96 hours daily. */
  | 'STALE'
  /** Nothing ever came, or nobody knows how often it should. */
  | 'UNKNOWN';

/** A data import key to make. */
export type GenerateDataImportKeyInput = {
  /** When it is to stop working. */
  readonly expiresAt?: string | null | undefined;
  /** For people, at most 200 characters. */
  readonly name?: string | null | undefined;
  /** Whose cohorts it may import: `amplitude`, `mixpanel`, ... */
  readonly partner: string;
};

/** A condition on the identities of a user. */
export type IdentityFilterInput = {
  /** What a user has. */
  readonly has: IdentityKind;
  /** Of `ALIAS`: the label; of any label if nothing is said. */
  readonly label?: string | null | undefined;
};

/** What identities a user has. */
export type IdentityKind =
  /** Has an alias. */
  | 'ALIAS'
  /** Has no external id. */
  | 'ANONYMOUS'
  /** Has a device. */
  | 'DEVICE'
  /** Has an external id. */
  | 'IDENTIFIED';

/** A key to end at once. */
export type InvalidateDataImportKeyInput = {
  /** The key. */
  readonly id: string | number;
};

/** Whether a key works. */
export type KeyState =
  /** It works. */
  | 'ACTIVE'
  /** Its time is over. */
  | 'EXPIRED'
  /** Somebody ended it. */
  | 'INVALIDATED'
  /** It has a successor, and works until the overlap ends. */
  | 'ROTATED';

/** Which way a list runs. */
export type OrderDirection =
  /** Smallest or oldest first. */
  | 'ASC'
  /** Largest or newest first. */
  | 'DESC';

/** A condition on the cohorts of any partner: `{ partner: "mixpanel", ... }` is `mixpanel_cohorts`. */
export type OtherPartnerCohortsFilterInput = {
  /** The condition. */
  readonly condition: PartnerCohortsFilterInput;
  /** Whose cohorts. */
  readonly partner: string;
};

/** A cohort as its partner calls it. */
export type PartnerCohortInput = {
  /** The cohort's id at the partner. */
  readonly cohortId: string;
  /** For example `amplitude`. */
  readonly partner: string;
};

/** A condition on the cohorts of one partner, in exactly one way. */
export type PartnerCohortsFilterInput =
  {   /** `does_not_include_value`: is not in this cohort. Users in no cohort are not. */
  readonly doesNotIncludeValue: CohortRef; readonly includesAllOf?: never; readonly includesAnyOf?: never; readonly includesNoneOf?: never; readonly includesValue?: never; }
  |  { readonly doesNotIncludeValue?: never;   /** `includes_all_of`: is in every one; at most 256. */
  readonly includesAllOf: ReadonlyArray<CohortRef>; readonly includesAnyOf?: never; readonly includesNoneOf?: never; readonly includesValue?: never; }
  |  { readonly doesNotIncludeValue?: never; readonly includesAllOf?: never;   /** `includes_any_of`: is in at least one; at most 256. */
  readonly includesAnyOf: ReadonlyArray<CohortRef>; readonly includesNoneOf?: never; readonly includesValue?: never; }
  |  { readonly doesNotIncludeValue?: never; readonly includesAllOf?: never; readonly includesAnyOf?: never;   /** `includes_none_of`: is in none; at most 256. */
  readonly includesNoneOf: ReadonlyArray<CohortRef>; readonly includesValue?: never; }
  |  { readonly doesNotIncludeValue?: never; readonly includesAllOf?: never; readonly includesAnyOf?: never; readonly includesNoneOf?: never;   /** `includes_value`: is in this cohort. */
  readonly includesValue: CohortRef; };

/** Each user is in one bucket of 0 to 9999, and stays there: these buckets. */
export type RandomBucketFilterInput = {
  /** The lowest bucket. */
  readonly from: number;
  /** The highest bucket, included. */
  readonly to: number;
};

/** A segment to bring back. */
export type RestoreSegmentInput = {
  /** The segment. */
  readonly id: string | number;
};

/** A key to end at once. */
export type RevokeApiKeyInput = {
  /** The key. */
  readonly id: string | number;
};

/** A segment that is to be again what it was. */
export type RollbackSegmentInput = {
  /** The segment. */
  readonly id: string | number;
  /** Why, for its versions and the audit log: at most 1000 characters. */
  readonly reason?: string | null | undefined;
  /** The version to go back to. */
  readonly version: number;
};

/** A key to replace. */
export type RotateApiKeyInput = {
  /** The key. */
  readonly id: string | number;
  /** How long the old key still works, 0 to 2,160 hours; 24 if nothing is said. */
  readonly overlapHours?: number | null | undefined;
};

/** A key to replace. */
export type RotateDataImportKeyInput = {
  /** The key. */
  readonly id: string | number;
  /** How long the old key still works, 0 to 2,160 hours; 24 if nothing is said. */
  readonly overlapHours?: number | null | undefined;
};

/** What made a version of a segment. */
export type SegmentChange =
  /** It was put away. */
  | 'ARCHIVED'
  /** It was made. */
  | 'CREATED'
  /** It was made as a copy of another. */
  | 'DUPLICATED'
  /** It was brought back. */
  | 'RESTORED'
  /** It became again what it was in an older version. */
  | 'ROLLED_BACK'
  /** Its name, description, tags or filter were changed. */
  | 'UPDATED';

/** A filter over users, one field a node. At most 16 levels and 500 parts. */
export type SegmentFilterInput =
  {   /** Every one of these holds (AND). At least one. */
  readonly all: ReadonlyArray<SegmentFilterInput>; readonly amplitudeCohorts?: never; readonly any?: never; readonly attribute?: never; readonly createdAt?: never; readonly identity?: never; readonly not?: never; readonly partnerCohorts?: never; readonly randomBucket?: never; readonly segment?: never; }
  |  { readonly all?: never;   /** `amplitude_cohorts`: cohorts that Amplitude sent. */
  readonly amplitudeCohorts: PartnerCohortsFilterInput; readonly any?: never; readonly attribute?: never; readonly createdAt?: never; readonly identity?: never; readonly not?: never; readonly partnerCohorts?: never; readonly randomBucket?: never; readonly segment?: never; }
  |  { readonly all?: never; readonly amplitudeCohorts?: never;   /** At least one of these holds (OR). At least one. */
  readonly any: ReadonlyArray<SegmentFilterInput>; readonly attribute?: never; readonly createdAt?: never; readonly identity?: never; readonly not?: never; readonly partnerCohorts?: never; readonly randomBucket?: never; readonly segment?: never; }
  |  { readonly all?: never; readonly amplitudeCohorts?: never; readonly any?: never;   /** A custom attribute. */
  readonly attribute: AttributeFilterInput; readonly createdAt?: never; readonly identity?: never; readonly not?: never; readonly partnerCohorts?: never; readonly randomBucket?: never; readonly segment?: never; }
  |  { readonly all?: never; readonly amplitudeCohorts?: never; readonly any?: never; readonly attribute?: never;   /** `created_at`: when a user appeared. */
  readonly createdAt: TimeConditionInput; readonly identity?: never; readonly not?: never; readonly partnerCohorts?: never; readonly randomBucket?: never; readonly segment?: never; }
  |  { readonly all?: never; readonly amplitudeCohorts?: never; readonly any?: never; readonly attribute?: never; readonly createdAt?: never;   /** What identities a user has. */
  readonly identity: IdentityFilterInput; readonly not?: never; readonly partnerCohorts?: never; readonly randomBucket?: never; readonly segment?: never; }
  |  { readonly all?: never; readonly amplitudeCohorts?: never; readonly any?: never; readonly attribute?: never; readonly createdAt?: never; readonly identity?: never;   /** This does not hold. Taken from everyone in the workspace. */
  readonly not: SegmentFilterInput; readonly partnerCohorts?: never; readonly randomBucket?: never; readonly segment?: never; }
  |  { readonly all?: never; readonly amplitudeCohorts?: never; readonly any?: never; readonly attribute?: never; readonly createdAt?: never; readonly identity?: never; readonly not?: never;   /** `<partner>_cohorts`: cohorts that another partner sent. */
  readonly partnerCohorts: OtherPartnerCohortsFilterInput; readonly randomBucket?: never; readonly segment?: never; }
  |  { readonly all?: never; readonly amplitudeCohorts?: never; readonly any?: never; readonly attribute?: never; readonly createdAt?: never; readonly identity?: never; readonly not?: never; readonly partnerCohorts?: never;   /** Part of all users, drawn by lot once and for all: for holdouts. */
  readonly randomBucket: RandomBucketFilterInput; readonly segment?: never; }
  |  { readonly all?: never; readonly amplitudeCohorts?: never; readonly any?: never; readonly attribute?: never; readonly createdAt?: never; readonly identity?: never; readonly not?: never; readonly partnerCohorts?: never; readonly randomBucket?: never;   /** Membership in another segment, which must be live. */
  readonly segment: SegmentRef; };

/** How a list of segments runs. */
export type SegmentOrder = {
  /** Which way. */
  readonly direction: OrderDirection;
  /** By what. */
  readonly field: SegmentOrderField;
};

/** What to order segments by. */
export type SegmentOrderField =
  /** The time of making. */
  | 'CREATED_AT'
  /** The name. */
  | 'NAME'
  /** The time of the last change. */
  | 'UPDATED_AT';

/** One segment, named in exactly one way. */
export type SegmentRef =
  {   /** The node id; finds archived segments too. */
  readonly id: string | number; readonly name?: never; }
  |  { readonly id?: never;   /** The name of a live segment. */
  readonly name: string; };

/** Why a segment was counted. */
export type SegmentSizeReason =
  /** It was changed. */
  | 'CHANGE'
  /** It is counted once in each UTC day. */
  | 'DAY';

/** A condition on a time, in exactly one way. */
export type TimeConditionInput =
  {   /** `after`: is later than this. */
  readonly after: string; readonly before?: never; readonly greaterThanXDaysAgo?: never; readonly greaterThanXDaysInTheFuture?: never; readonly lessThanXDaysAgo?: never; readonly lessThanXDaysInTheFuture?: never; }
  |  { readonly after?: never;   /** `before`: is earlier than this. */
  readonly before: string; readonly greaterThanXDaysAgo?: never; readonly greaterThanXDaysInTheFuture?: never; readonly lessThanXDaysAgo?: never; readonly lessThanXDaysInTheFuture?: never; }
  |  { readonly after?: never; readonly before?: never;   /** `greater_than_x_days_ago`: is past, by more than this many days, a whole number from 0 to 36500. */
  readonly greaterThanXDaysAgo: number; readonly greaterThanXDaysInTheFuture?: never; readonly lessThanXDaysAgo?: never; readonly lessThanXDaysInTheFuture?: never; }
  |  { readonly after?: never; readonly before?: never; readonly greaterThanXDaysAgo?: never;   /** `greater_than_x_days_in_the_future`: is to come, in more than this many days, a whole number from 0 to 36500. */
  readonly greaterThanXDaysInTheFuture: number; readonly lessThanXDaysAgo?: never; readonly lessThanXDaysInTheFuture?: never; }
  |  { readonly after?: never; readonly before?: never; readonly greaterThanXDaysAgo?: never; readonly greaterThanXDaysInTheFuture?: never;   /** `less_than_x_days_ago`: is past, by less than this many days, a whole number from 0 to 36500. */
  readonly lessThanXDaysAgo: number; readonly lessThanXDaysInTheFuture?: never; }
  |  { readonly after?: never; readonly before?: never; readonly greaterThanXDaysAgo?: never; readonly greaterThanXDaysInTheFuture?: never; readonly lessThanXDaysAgo?: never;   /** `less_than_x_days_in_the_future`: is to come, in less than this many days, a whole number from 0 to 36500. */
  readonly lessThanXDaysInTheFuture: number; };

/** What an operator says of a cohort; what is left out stays. */
export type UpdateCohortInput = {
  /** How often its sender sends; null: nobody says, so that it is reported or observed. */
  readonly cadence?: Cadence | null | undefined;
  /** Which. */
  readonly cohort: CohortRef;
  /** Fetch it from its sender this often, the first time at once: 1 to 720; null: only when asked. */
  readonly pullEveryHours?: number | null | undefined;
};

/** Changes to a segment; what is left out stays. */
export type UpdateSegmentInput = {
  /** The new description; an empty one removes it. */
  readonly description?: string | null | undefined;
  /** The new filter: this, or one of the next two. */
  readonly filter?: SegmentFilterInput | null | undefined;
  /** The same as canonical JSON. */
  readonly filterJson?: unknown;
  /** The same as text. */
  readonly filterText?: string | null | undefined;
  /** The segment. */
  readonly id: string | number;
  /** The version that the caller has read: VERSION_CHANGED when somebody changed it since. */
  readonly ifVersion?: number | null | undefined;
  /** The new name. */
  readonly name?: string | null | undefined;
  /** All its tags from now on; an empty list removes them. */
  readonly tags?: ReadonlyArray<string> | null | undefined;
};

/** Users to make or to update. */
export type UpsertUsersInput = {
  /** At most 10000, applied in order. */
  readonly users: ReadonlyArray<UserInput>;
};

/** A user to make or to find, and what to add. At least one identity. */
export type UserInput = {
  /** Aliases to find them by or to add. */
  readonly aliases?: ReadonlyArray<AliasInput> | null | undefined;
  /** An object merged into the attributes; null removes one. At most 65,536 bytes. */
  readonly attributes?: unknown;
  /** Devices to find them by or to add; a device belongs to whoever named it last. */
  readonly deviceIds?: ReadonlyArray<string> | null | undefined;
  /** The external id, 1 to 512 bytes. It decides who is meant. */
  readonly externalId?: string | null | undefined;
};

/** One user, named in exactly one way. */
export type UserRef =
  {   /** An alias. */
  readonly alias: AliasInput; readonly deviceId?: never; readonly externalId?: never; readonly id?: never; }
  |  { readonly alias?: never;   /** A device id: finds its owner, identified or not. */
  readonly deviceId: string; readonly externalId?: never; readonly id?: never; }
  |  { readonly alias?: never; readonly deviceId?: never;   /** The external id; one that was renamed still works. */
  readonly externalId: string; readonly id?: never; }
  |  { readonly alias?: never; readonly deviceId?: never; readonly externalId?: never;   /** The node id. */
  readonly id: string | number; };

type Fault_BusyError_Fragment = { readonly __typename: 'BusyError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> | null };

type Fault_ConflictError_Fragment = { readonly __typename: 'ConflictError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> | null };

type Fault_ForbiddenError_Fragment = { readonly __typename: 'ForbiddenError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> | null };

type Fault_InvalidInputError_Fragment = { readonly __typename: 'InvalidInputError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> | null };

type Fault_ItemError_Fragment = { readonly __typename: 'ItemError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> | null };

type Fault_LimitExceededError_Fragment = { readonly __typename: 'LimitExceededError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> | null };

type Fault_NotFoundError_Fragment = { readonly __typename: 'NotFoundError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> | null };

type Fault_StaleError_Fragment = { readonly __typename: 'StaleError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> | null };

type Fault_ThrottledError_Fragment = { readonly __typename: 'ThrottledError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> | null };

export type FaultFragment =
  | Fault_BusyError_Fragment
  | Fault_ConflictError_Fragment
  | Fault_ForbiddenError_Fragment
  | Fault_InvalidInputError_Fragment
  | Fault_ItemError_Fragment
  | Fault_LimitExceededError_Fragment
  | Fault_NotFoundError_Fragment
  | Fault_StaleError_Fragment
  | Fault_ThrottledError_Fragment
;

export type ImportKeyFragment = { readonly id: string, readonly partner: string, readonly name: string | null, readonly prefix: string, readonly state: KeyState, readonly createdAt: string, readonly lastUsedAt: string | null, readonly expiresAt: string | null };

export type AccessKeyFragment = { readonly id: string, readonly name: string | null, readonly scopes: ReadonlyArray<ApiKeyScope>, readonly prefix: string, readonly state: KeyState, readonly createdAt: string, readonly lastUsedAt: string | null, readonly expiresAt: string | null };

export type WholeUserFragment = { readonly id: string, readonly externalId: string | null, readonly deviceIds: ReadonlyArray<string>, readonly isAnonymous: boolean, readonly attributes: unknown, readonly createdAt: string, readonly aliases: ReadonlyArray<{ readonly label: string, readonly name: string }> };

export type WholeCohortFragment = { readonly id: string, readonly partner: string, readonly partnerCohortId: string, readonly name: string, readonly isNamed: boolean, readonly createdAt: string, readonly size: number };

export type WholeSegmentFragment = { readonly id: string, readonly name: string, readonly description: string | null, readonly filterJson: unknown, readonly createdAt: string, readonly updatedAt: string, readonly archivedAt: string | null, readonly size: number };

export type WholeEntryFragment = { readonly at: string, readonly action: AuditAction, readonly subject: AuditSubject, readonly subjectId: string | null, readonly subjectName: string | null, readonly details: unknown, readonly reason: string | null, readonly actor: { readonly kind: ActorKind, readonly name: string | null, readonly apiKeyId: string | null }, readonly changes: ReadonlyArray<{ readonly field: string, readonly before: unknown, readonly after: unknown }> };

export type WholeFreshnessFragment = { readonly status: FreshnessStatus, readonly cadence: Cadence | null, readonly cadenceSource: CadenceSource | null, readonly lastReceivedAt: string | null, readonly lastSignOfLifeAt: string | null, readonly expectedBy: string | null, readonly reasoning: string };

export type WholePageFragment = { readonly hasNextPage: boolean, readonly hasPreviousPage: boolean, readonly startCursor: string | null, readonly endCursor: string | null };

export type GenerateKeyMutationVariables = Exact<{
  input: GenerateDataImportKeyInput;
}>;


export type GenerateKeyMutation = { readonly generateDataImportKey:
    | { readonly __typename: 'BusyError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> | null }
    | { readonly __typename: 'ConflictError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> | null }
    | { readonly __typename: 'ForbiddenError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> | null }
    | { readonly secret: string, readonly key: { readonly id: string, readonly partner: string, readonly name: string | null, readonly prefix: string, readonly state: KeyState, readonly createdAt: string, readonly lastUsedAt: string | null, readonly expiresAt: string | null } }
    | { readonly __typename: 'InvalidInputError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> | null }
    | { readonly __typename: 'LimitExceededError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> | null }
    | { readonly __typename: 'NotFoundError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> | null }
    | { readonly __typename: 'StaleError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> | null }
    | { readonly __typename: 'ThrottledError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> | null }
   };

export type RotateKeyMutationVariables = Exact<{
  input: RotateDataImportKeyInput;
}>;


export type RotateKeyMutation = { readonly rotateDataImportKey:
    | { readonly __typename: 'BusyError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> | null }
    | { readonly __typename: 'ConflictError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> | null }
    | { readonly __typename: 'ForbiddenError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> | null }
    | { readonly __typename: 'InvalidInputError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> | null }
    | { readonly __typename: 'LimitExceededError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> | null }
    | { readonly __typename: 'NotFoundError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> | null }
    | { readonly secret: string, readonly key: { readonly id: string, readonly partner: string, readonly name: string | null, readonly prefix: string, readonly state: KeyState, readonly createdAt: string, readonly lastUsedAt: string | null, readonly expiresAt: string | null } }
    | { readonly __typename: 'StaleError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> | null }
    | { readonly __typename: 'ThrottledError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> | null }
   };

export type InvalidateKeyMutationVariables = Exact<{
  input: InvalidateDataImportKeyInput;
}>;


export type InvalidateKeyMutation = { readonly invalidateDataImportKey:
    | { readonly __typename: 'BusyError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> | null }
    | { readonly __typename: 'ConflictError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> | null }
    | { readonly __typename: 'ForbiddenError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> | null }
    | { readonly __typename: 'InvalidInputError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> | null }
    | { readonly key: { readonly id: string, readonly partner: string, readonly name: string | null, readonly prefix: string, readonly state: KeyState, readonly createdAt: string, readonly lastUsedAt: string | null, readonly expiresAt: string | null } }
    | { readonly __typename: 'LimitExceededError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> | null }
    | { readonly __typename: 'NotFoundError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> | null }
    | { readonly __typename: 'StaleError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> | null }
    | { readonly __typename: 'ThrottledError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> | null }
   };

export type ImportKeysQueryVariables = Exact<{
  partner?: string | null | undefined;
  first?: number | null | undefined;
  after?: string | null | undefined;
  last?: number | null | undefined;
  before?: string | null | undefined;
}>;


export type ImportKeysQuery = { readonly dataImportKeys: { readonly totalCount: number, readonly pageInfo: { readonly hasNextPage: boolean, readonly hasPreviousPage: boolean, readonly startCursor: string | null, readonly endCursor: string | null }, readonly nodes: ReadonlyArray<{ readonly id: string, readonly partner: string, readonly name: string | null, readonly prefix: string, readonly state: KeyState, readonly createdAt: string, readonly lastUsedAt: string | null, readonly expiresAt: string | null }> } };

export type CreateApiKeyMutationVariables = Exact<{
  input: CreateApiKeyInput;
}>;


export type CreateApiKeyMutation = { readonly createApiKey:
    | { readonly __typename: 'BusyError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> | null }
    | { readonly __typename: 'ConflictError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> | null }
    | { readonly secret: string, readonly key: { readonly id: string, readonly name: string | null, readonly scopes: ReadonlyArray<ApiKeyScope>, readonly prefix: string, readonly state: KeyState, readonly createdAt: string, readonly lastUsedAt: string | null, readonly expiresAt: string | null } }
    | { readonly __typename: 'ForbiddenError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> | null }
    | { readonly __typename: 'InvalidInputError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> | null }
    | { readonly __typename: 'LimitExceededError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> | null }
    | { readonly __typename: 'NotFoundError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> | null }
    | { readonly __typename: 'StaleError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> | null }
    | { readonly __typename: 'ThrottledError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> | null }
   };

export type RotateApiKeyMutationVariables = Exact<{
  input: RotateApiKeyInput;
}>;


export type RotateApiKeyMutation = { readonly rotateApiKey:
    | { readonly __typename: 'BusyError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> | null }
    | { readonly __typename: 'ConflictError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> | null }
    | { readonly __typename: 'ForbiddenError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> | null }
    | { readonly __typename: 'InvalidInputError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> | null }
    | { readonly __typename: 'LimitExceededError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> | null }
    | { readonly __typename: 'NotFoundError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> | null }
    | { readonly secret: string, readonly key: { readonly id: string, readonly name: string | null, readonly scopes: ReadonlyArray<ApiKeyScope>, readonly prefix: string, readonly state: KeyState, readonly createdAt: string, readonly lastUsedAt: string | null, readonly expiresAt: string | null } }
    | { readonly __typename: 'StaleError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> | null }
    | { readonly __typename: 'ThrottledError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> | null }
   };

export type RevokeApiKeyMutationVariables = Exact<{
  input: RevokeApiKeyInput;
}>;


export type RevokeApiKeyMutation = { readonly revokeApiKey:
    | { readonly __typename: 'BusyError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> | null }
    | { readonly __typename: 'ConflictError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> | null }
    | { readonly __typename: 'ForbiddenError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> | null }
    | { readonly __typename: 'InvalidInputError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> | null }
    | { readonly __typename: 'LimitExceededError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> | null }
    | { readonly __typename: 'NotFoundError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> | null }
    | { readonly key: { readonly id: string, readonly name: string | null, readonly scopes: ReadonlyArray<ApiKeyScope>, readonly prefix: string, readonly state: KeyState, readonly createdAt: string, readonly lastUsedAt: string | null, readonly expiresAt: string | null } }
    | { readonly __typename: 'StaleError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> | null }
    | { readonly __typename: 'ThrottledError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> | null }
   };

export type ApiKeysQueryVariables = Exact<{ [key: string]: never; }>;


export type ApiKeysQuery = { readonly apiKeys: { readonly totalCount: number, readonly nodes: ReadonlyArray<{ readonly id: string, readonly name: string | null, readonly scopes: ReadonlyArray<ApiKeyScope>, readonly prefix: string, readonly state: KeyState, readonly createdAt: string, readonly lastUsedAt: string | null, readonly expiresAt: string | null }> } };

export type UpsertUsersMutationVariables = Exact<{
  input: UpsertUsersInput;
}>;


export type UpsertUsersMutation = { readonly upsertUsers:
    | { readonly __typename: 'BusyError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> | null }
    | { readonly __typename: 'ConflictError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> | null }
    | { readonly __typename: 'ForbiddenError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> | null }
    | { readonly __typename: 'InvalidInputError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> | null }
    | { readonly __typename: 'LimitExceededError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> | null }
    | { readonly __typename: 'NotFoundError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> | null }
    | { readonly __typename: 'StaleError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> | null }
    | { readonly __typename: 'ThrottledError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> | null }
    | { readonly created: number, readonly updated: number, readonly joined: number, readonly users: ReadonlyArray<{ readonly id: string, readonly externalId: string | null, readonly deviceIds: ReadonlyArray<string>, readonly isAnonymous: boolean, readonly attributes: unknown, readonly createdAt: string, readonly aliases: ReadonlyArray<{ readonly label: string, readonly name: string }> }> }
   };

export type UserByQueryVariables = Exact<{
  by: UserRef;
}>;


export type UserByQuery = { readonly user: { readonly id: string, readonly externalId: string | null, readonly deviceIds: ReadonlyArray<string>, readonly isAnonymous: boolean, readonly attributes: unknown, readonly createdAt: string, readonly aliases: ReadonlyArray<{ readonly label: string, readonly name: string }> } | null };

export type UsersByQueryVariables = Exact<{
  by: ReadonlyArray<UserRef> | UserRef;
}>;


export type UsersByQuery = { readonly users: ReadonlyArray<{ readonly id: string, readonly externalId: string | null, readonly deviceIds: ReadonlyArray<string>, readonly isAnonymous: boolean, readonly attributes: unknown, readonly createdAt: string, readonly aliases: ReadonlyArray<{ readonly label: string, readonly name: string }> } | null> };

export type ApplyChangesMutationVariables = Exact<{
  input: ApplyCohortChangesInput;
}>;


export type ApplyChangesMutation = { readonly applyCohortChanges:
    | { readonly received: number, readonly matched: number, readonly added: number, readonly removed: number, readonly unchanged: number, readonly unmatched: number, readonly held: number, readonly ignored: number, readonly reasons: unknown, readonly cohort: { readonly id: string, readonly partner: string, readonly partnerCohortId: string, readonly name: string, readonly isNamed: boolean, readonly createdAt: string, readonly size: number } }
    | { readonly __typename: 'BusyError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> | null }
    | { readonly __typename: 'ConflictError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> | null }
    | { readonly __typename: 'ForbiddenError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> | null }
    | { readonly __typename: 'InvalidInputError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> | null }
    | { readonly __typename: 'LimitExceededError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> | null }
    | { readonly __typename: 'NotFoundError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> | null }
    | { readonly __typename: 'StaleError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> | null }
    | { readonly __typename: 'ThrottledError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> | null }
   };

export type CohortByQueryVariables = Exact<{
  by: CohortRef;
}>;


export type CohortByQuery = { readonly cohort: { readonly lastReceivedAt: string | null, readonly lastChangedAt: string | null, readonly id: string, readonly partner: string, readonly partnerCohortId: string, readonly name: string, readonly isNamed: boolean, readonly createdAt: string, readonly size: number } | null };

export type CohortsQueryVariables = Exact<{
  partner?: string | null | undefined;
  search?: string | null | undefined;
  orderBy?: CohortOrder | null | undefined;
  first?: number | null | undefined;
  after?: string | null | undefined;
  last?: number | null | undefined;
  before?: string | null | undefined;
}>;


export type CohortsQuery = { readonly cohorts: { readonly totalCount: number, readonly pageInfo: { readonly hasNextPage: boolean, readonly hasPreviousPage: boolean, readonly startCursor: string | null, readonly endCursor: string | null }, readonly edges: ReadonlyArray<{ readonly cursor: string, readonly node: { readonly id: string, readonly name: string } }> } };

export type UpdateCohortMutationVariables = Exact<{
  input: UpdateCohortInput;
}>;


export type UpdateCohortMutation = { readonly updateCohort:
    | { readonly __typename: 'BusyError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> | null }
    | { readonly __typename: 'ConflictError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> | null }
    | { readonly __typename: 'ForbiddenError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> | null }
    | { readonly __typename: 'InvalidInputError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> | null }
    | { readonly __typename: 'LimitExceededError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> | null }
    | { readonly __typename: 'NotFoundError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> | null }
    | { readonly __typename: 'StaleError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> | null }
    | { readonly __typename: 'ThrottledError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> | null }
    | { readonly cohort: { readonly cadence: Cadence | null, readonly id: string, readonly partner: string, readonly partnerCohortId: string, readonly name: string, readonly isNamed: boolean, readonly createdAt: string, readonly size: number, readonly freshness: { readonly status: FreshnessStatus, readonly cadence: Cadence | null, readonly cadenceSource: CadenceSource | null, readonly lastReceivedAt: string | null, readonly lastSignOfLifeAt: string | null, readonly expectedBy: string | null, readonly reasoning: string } } }
   };

export type FreshnessOfQueryVariables = Exact<{
  cohort: CohortRef;
  segment: SegmentRef;
}>;


export type FreshnessOfQuery = { readonly cohort: { readonly cadence: Cadence | null, readonly lastReceivedAt: string | null, readonly freshness: { readonly status: FreshnessStatus, readonly cadence: Cadence | null, readonly cadenceSource: CadenceSource | null, readonly lastReceivedAt: string | null, readonly lastSignOfLifeAt: string | null, readonly expectedBy: string | null, readonly reasoning: string } } | null, readonly segment: { readonly freshness: { readonly status: FreshnessStatus, readonly cadence: Cadence | null, readonly cadenceSource: CadenceSource | null, readonly lastReceivedAt: string | null, readonly lastSignOfLifeAt: string | null, readonly expectedBy: string | null, readonly reasoning: string } } | null };

export type CreateSegmentMutationVariables = Exact<{
  input: CreateSegmentInput;
}>;


export type CreateSegmentMutation = { readonly createSegment:
    | { readonly __typename: 'BusyError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> | null }
    | { readonly __typename: 'ConflictError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> | null }
    | { readonly segment: { readonly id: string, readonly name: string, readonly description: string | null, readonly filterJson: unknown, readonly createdAt: string, readonly updatedAt: string, readonly archivedAt: string | null, readonly size: number } }
    | { readonly __typename: 'ForbiddenError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> | null }
    | { readonly __typename: 'InvalidInputError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> | null }
    | { readonly __typename: 'LimitExceededError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> | null }
    | { readonly __typename: 'NotFoundError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> | null }
    | { readonly __typename: 'StaleError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> | null }
    | { readonly __typename: 'ThrottledError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> | null }
   };

export type UpdateSegmentMutationVariables = Exact<{
  input: UpdateSegmentInput;
}>;


export type UpdateSegmentMutation = { readonly updateSegment:
    | { readonly __typename: 'BusyError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> | null }
    | { readonly __typename: 'ConflictError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> | null }
    | { readonly __typename: 'ForbiddenError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> | null }
    | { readonly __typename: 'InvalidInputError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> | null }
    | { readonly __typename: 'LimitExceededError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> | null }
    | { readonly __typename: 'NotFoundError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> | null }
    | { readonly __typename: 'StaleError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> | null }
    | { readonly __typename: 'ThrottledError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> | null }
    | { readonly segment: { readonly id: string, readonly name: string, readonly description: string | null, readonly filterJson: unknown, readonly createdAt: string, readonly updatedAt: string, readonly archivedAt: string | null, readonly size: number } }
   };

export type ArchiveSegmentMutationVariables = Exact<{
  input: ArchiveSegmentInput;
}>;


export type ArchiveSegmentMutation = { readonly archiveSegment:
    | { readonly segment: { readonly id: string, readonly name: string, readonly description: string | null, readonly filterJson: unknown, readonly createdAt: string, readonly updatedAt: string, readonly archivedAt: string | null, readonly size: number } }
    | { readonly __typename: 'BusyError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> | null }
    | { readonly __typename: 'ConflictError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> | null }
    | { readonly __typename: 'ForbiddenError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> | null }
    | { readonly __typename: 'InvalidInputError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> | null }
    | { readonly __typename: 'LimitExceededError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> | null }
    | { readonly __typename: 'NotFoundError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> | null }
    | { readonly __typename: 'StaleError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> | null }
    | { readonly __typename: 'ThrottledError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> | null }
   };

export type RestoreSegmentMutationVariables = Exact<{
  input: RestoreSegmentInput;
}>;


export type RestoreSegmentMutation = { readonly restoreSegment:
    | { readonly __typename: 'BusyError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> | null }
    | { readonly __typename: 'ConflictError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> | null }
    | { readonly __typename: 'ForbiddenError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> | null }
    | { readonly __typename: 'InvalidInputError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> | null }
    | { readonly __typename: 'LimitExceededError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> | null }
    | { readonly __typename: 'NotFoundError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> | null }
    | { readonly segment: { readonly id: string, readonly name: string, readonly description: string | null, readonly filterJson: unknown, readonly createdAt: string, readonly updatedAt: string, readonly archivedAt: string | null, readonly size: number } }
    | { readonly __typename: 'StaleError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> | null }
    | { readonly __typename: 'ThrottledError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> | null }
   };

export type RollbackSegmentMutationVariables = Exact<{
  input: RollbackSegmentInput;
}>;


export type RollbackSegmentMutation = { readonly rollbackSegment:
    | { readonly __typename: 'BusyError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> | null }
    | { readonly __typename: 'ConflictError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> | null }
    | { readonly __typename: 'ForbiddenError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> | null }
    | { readonly __typename: 'InvalidInputError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> | null }
    | { readonly __typename: 'LimitExceededError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> | null }
    | { readonly __typename: 'NotFoundError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> | null }
    | { readonly segment: { readonly id: string, readonly name: string, readonly description: string | null, readonly filterJson: unknown, readonly createdAt: string, readonly updatedAt: string, readonly archivedAt: string | null, readonly size: number } }
    | { readonly __typename: 'StaleError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> | null }
    | { readonly __typename: 'ThrottledError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> | null }
   };

export type DuplicateSegmentMutationVariables = Exact<{
  input: DuplicateSegmentInput;
}>;


export type DuplicateSegmentMutation = { readonly duplicateSegment:
    | { readonly __typename: 'BusyError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> | null }
    | { readonly __typename: 'ConflictError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> | null }
    | { readonly segment: { readonly id: string, readonly name: string, readonly description: string | null, readonly filterJson: unknown, readonly createdAt: string, readonly updatedAt: string, readonly archivedAt: string | null, readonly size: number } }
    | { readonly __typename: 'ForbiddenError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> | null }
    | { readonly __typename: 'InvalidInputError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> | null }
    | { readonly __typename: 'LimitExceededError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> | null }
    | { readonly __typename: 'NotFoundError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> | null }
    | { readonly __typename: 'StaleError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> | null }
    | { readonly __typename: 'ThrottledError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> | null }
   };

export type LifeOfQueryVariables = Exact<{
  by: SegmentRef;
  first?: number | null | undefined;
  after?: string | null | undefined;
}>;


export type LifeOfQuery = { readonly segment: { readonly version: number, readonly tags: ReadonlyArray<string>, readonly usedBy: ReadonlyArray<{ readonly name: string }>, readonly versions: { readonly totalCount: number, readonly pageInfo: { readonly hasNextPage: boolean, readonly hasPreviousPage: boolean, readonly startCursor: string | null, readonly endCursor: string | null }, readonly nodes: ReadonlyArray<{ readonly version: number, readonly name: string, readonly description: string | null, readonly tags: ReadonlyArray<string>, readonly filterJson: unknown, readonly archivedAt: string | null, readonly change: SegmentChange, readonly ofVersion: number | null, readonly at: string, readonly reason: string | null, readonly author: { readonly kind: ActorKind, readonly name: string | null, readonly apiKeyId: string | null }, readonly diff: ReadonlyArray<{ readonly field: string, readonly before: unknown, readonly after: unknown }> }> }, readonly history: { readonly totalCount: number, readonly nodes: ReadonlyArray<{ readonly at: string, readonly action: AuditAction, readonly subject: AuditSubject, readonly subjectId: string | null, readonly subjectName: string | null, readonly details: unknown, readonly reason: string | null, readonly actor: { readonly kind: ActorKind, readonly name: string | null, readonly apiKeyId: string | null }, readonly changes: ReadonlyArray<{ readonly field: string, readonly before: unknown, readonly after: unknown }> }> } } | null };

export type AuditLogQueryVariables = Exact<{
  of?: string | number | null | undefined;
  subject?: AuditSubject | null | undefined;
  action?: AuditAction | null | undefined;
  first?: number | null | undefined;
  after?: string | null | undefined;
}>;


export type AuditLogQuery = { readonly auditLog: { readonly totalCount: number, readonly pageInfo: { readonly hasNextPage: boolean, readonly hasPreviousPage: boolean, readonly startCursor: string | null, readonly endCursor: string | null }, readonly nodes: ReadonlyArray<{ readonly at: string, readonly action: AuditAction, readonly subject: AuditSubject, readonly subjectId: string | null, readonly subjectName: string | null, readonly details: unknown, readonly reason: string | null, readonly actor: { readonly kind: ActorKind, readonly name: string | null, readonly apiKeyId: string | null }, readonly changes: ReadonlyArray<{ readonly field: string, readonly before: unknown, readonly after: unknown }> }> } };

export type SizesOfQueryVariables = Exact<{
  by: SegmentRef;
  from: string;
  to?: string | null | undefined;
}>;


export type SizesOfQuery = { readonly segment: { readonly sizeHistory: ReadonlyArray<{ readonly at: string, readonly size: number, readonly version: number, readonly reason: SegmentSizeReason }> } | null };

export type SegmentByQueryVariables = Exact<{
  by: SegmentRef;
  maxAge?: number | null | undefined;
}>;


export type SegmentByQuery = { readonly segment: { readonly id: string, readonly name: string, readonly description: string | null, readonly filterJson: unknown, readonly createdAt: string, readonly updatedAt: string, readonly archivedAt: string | null, readonly size: number } | null };

export type SegmentsQueryVariables = Exact<{
  search?: string | null | undefined;
  tags?: ReadonlyArray<string> | string | null | undefined;
  includeArchived?: boolean;
  orderBy?: SegmentOrder | null | undefined;
  first?: number | null | undefined;
  after?: string | null | undefined;
  last?: number | null | undefined;
  before?: string | null | undefined;
}>;


export type SegmentsQuery = { readonly segments: { readonly totalCount: number, readonly pageInfo: { readonly hasNextPage: boolean, readonly hasPreviousPage: boolean, readonly startCursor: string | null, readonly endCursor: string | null }, readonly edges: ReadonlyArray<{ readonly cursor: string, readonly node: { readonly id: string, readonly name: string } }> } };

export type MembersQueryVariables = Exact<{
  by: SegmentRef;
  first?: number | null | undefined;
  after?: string | null | undefined;
  last?: number | null | undefined;
  before?: string | null | undefined;
}>;


export type MembersQuery = { readonly segment: { readonly size: number, readonly users: { readonly totalCount: number, readonly pageInfo: { readonly hasNextPage: boolean, readonly hasPreviousPage: boolean, readonly startCursor: string | null, readonly endCursor: string | null }, readonly nodes: ReadonlyArray<{ readonly id: string, readonly externalId: string | null }> } } | null };

export type PreviewQueryVariables = Exact<{
  filter: SegmentFilterInput;
  maxAge?: number | null | undefined;
}>;


export type PreviewQuery = { readonly previewSegment:
    | { readonly __typename: 'BusyError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> | null }
    | { readonly __typename: 'ConflictError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> | null }
    | { readonly __typename: 'ForbiddenError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> | null }
    | { readonly __typename: 'InvalidInputError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> | null }
    | { readonly __typename: 'LimitExceededError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> | null }
    | { readonly __typename: 'NotFoundError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> | null }
    | { readonly size: number, readonly users: { readonly totalCount: number, readonly nodes: ReadonlyArray<{ readonly externalId: string | null }> } }
    | { readonly __typename: 'StaleError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> | null }
    | { readonly __typename: 'ThrottledError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> | null }
   };

export type MembershipQueryVariables = Exact<{
  users: ReadonlyArray<UserRef> | UserRef;
  segments: ReadonlyArray<string | number> | string | number;
  maxAge?: number | null | undefined;
}>;


export type MembershipQuery = { readonly membership:
    | { readonly __typename: 'BusyError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> | null }
    | { readonly __typename: 'ConflictError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> | null }
    | { readonly __typename: 'ForbiddenError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> | null }
    | { readonly __typename: 'InvalidInputError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> | null }
    | { readonly __typename: 'LimitExceededError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> | null }
    | { readonly memberships: ReadonlyArray<{ readonly segments: ReadonlyArray<boolean>, readonly user: { readonly id: string, readonly externalId: string | null } | null }> }
    | { readonly __typename: 'NotFoundError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> | null }
    | { readonly __typename: 'StaleError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> | null }
    | { readonly __typename: 'ThrottledError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> | null }
   };

export type ParseFilterQueryVariables = Exact<{
  text?: string | null | undefined;
  json?: unknown;
}>;


export type ParseFilterQuery = { readonly parseFilter:
    | { readonly __typename: 'BusyError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> | null, readonly line: number | null, readonly column: number | null }
    | { readonly __typename: 'ConflictError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> | null, readonly line: number | null, readonly column: number | null }
    | { readonly __typename: 'ForbiddenError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> | null, readonly line: number | null, readonly column: number | null }
    | { readonly __typename: 'InvalidInputError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> | null, readonly line: number | null, readonly column: number | null }
    | { readonly __typename: 'LimitExceededError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> | null, readonly line: number | null, readonly column: number | null }
    | { readonly __typename: 'NotFoundError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> | null, readonly line: number | null, readonly column: number | null }
    | { readonly filterJson: unknown, readonly filterText: string, readonly filter:
        | { readonly __typename: 'AllFilter' }
        | { readonly __typename: 'AnyFilter' }
        | { readonly __typename: 'AttributeFilter' }
        | { readonly __typename: 'CreatedAtFilter' }
        | { readonly __typename: 'IdentityFilter' }
        | { readonly __typename: 'NotFilter' }
        | { readonly __typename: 'PartnerCohortsFilter' }
        | { readonly __typename: 'RandomBucketFilter' }
        | { readonly __typename: 'SegmentMembershipFilter' }
       }
    | { readonly __typename: 'StaleError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> | null, readonly line: number | null, readonly column: number | null }
    | { readonly __typename: 'ThrottledError', readonly code: ErrorCode, readonly message: string, readonly path: ReadonlyArray<string> | null, readonly line: number | null, readonly column: number | null }
   };

export class TypedDocumentString<TResult, TVariables>
  extends String
  implements DocumentTypeDecoration<TResult, TVariables>
{
  __apiType?: NonNullable<DocumentTypeDecoration<TResult, TVariables>['__apiType']>;
  private value: string;
  public __meta__?: Record<string, any> | undefined;

  constructor(value: string, __meta__?: Record<string, any> | undefined) {
    super(value);
    this.value = value;
    this.__meta__ = __meta__;
  }

  override toString(): string & DocumentTypeDecoration<TResult, TVariables> {
    return this.value;
  }
}
export const FaultFragmentDoc = new TypedDocumentString(`
    fragment Fault on Error {
  __typename
  code
  message
  path
}
    `, {"fragmentName":"Fault"}) as unknown as TypedDocumentString<FaultFragment, unknown>;
export const ImportKeyFragmentDoc = new TypedDocumentString(`
    fragment ImportKey on DataImportKey {
  id
  partner
  name
  prefix
  state
  createdAt
  lastUsedAt
  expiresAt
}
    `, {"fragmentName":"ImportKey"}) as unknown as TypedDocumentString<ImportKeyFragment, unknown>;
export const AccessKeyFragmentDoc = new TypedDocumentString(`
    fragment AccessKey on ApiKey {
  id
  name
  scopes
  prefix
  state
  createdAt
  lastUsedAt
  expiresAt
}
    `, {"fragmentName":"AccessKey"}) as unknown as TypedDocumentString<AccessKeyFragment, unknown>;
export const WholeUserFragmentDoc = new TypedDocumentString(`
    fragment WholeUser on User {
  id
  externalId
  aliases {
    label
    name
  }
  deviceIds
  isAnonymous
  attributes
  createdAt
}
    `, {"fragmentName":"WholeUser"}) as unknown as TypedDocumentString<WholeUserFragment, unknown>;
export const WholeCohortFragmentDoc = new TypedDocumentString(`
    fragment WholeCohort on Cohort {
  id
  partner
  partnerCohortId
  name
  isNamed
  createdAt
  size
}
    `, {"fragmentName":"WholeCohort"}) as unknown as TypedDocumentString<WholeCohortFragment, unknown>;
export const WholeSegmentFragmentDoc = new TypedDocumentString(`
    fragment WholeSegment on Segment {
  id
  name
  description
  filterJson
  createdAt
  updatedAt
  archivedAt
  size
}
    `, {"fragmentName":"WholeSegment"}) as unknown as TypedDocumentString<WholeSegmentFragment, unknown>;
export const WholeEntryFragmentDoc = new TypedDocumentString(`
    fragment WholeEntry on AuditEntry {
  at
  actor {
    kind
    name
    apiKeyId
  }
  action
  subject
  subjectId
  subjectName
  changes {
    field
    before
    after
  }
  details
  reason
}
    `, {"fragmentName":"WholeEntry"}) as unknown as TypedDocumentString<WholeEntryFragment, unknown>;
export const WholeFreshnessFragmentDoc = new TypedDocumentString(`
    fragment WholeFreshness on Freshness {
  status
  cadence
  cadenceSource
  lastReceivedAt
  lastSignOfLifeAt
  expectedBy
  reasoning
}
    `, {"fragmentName":"WholeFreshness"}) as unknown as TypedDocumentString<WholeFreshnessFragment, unknown>;
export const WholePageFragmentDoc = new TypedDocumentString(`
    fragment WholePage on PageInfo {
  hasNextPage
  hasPreviousPage
  startCursor
  endCursor
}
    `, {"fragmentName":"WholePage"}) as unknown as TypedDocumentString<WholePageFragment, unknown>;
export const GenerateKeyDocument = new TypedDocumentString(`
    mutation GenerateKey($input: GenerateDataImportKeyInput!) {
  generateDataImportKey(input: $input) {
    ... on GenerateDataImportKeySuccess {
      secret
      key {
        ...ImportKey
      }
    }
    ...Fault
  }
}
    fragment Fault on Error {
  __typename
  code
  message
  path
}
fragment ImportKey on DataImportKey {
  id
  partner
  name
  prefix
  state
  createdAt
  lastUsedAt
  expiresAt
}`) as unknown as TypedDocumentString<GenerateKeyMutation, GenerateKeyMutationVariables>;
export const RotateKeyDocument = new TypedDocumentString(`
    mutation RotateKey($input: RotateDataImportKeyInput!) {
  rotateDataImportKey(input: $input) {
    ... on RotateDataImportKeySuccess {
      secret
      key {
        ...ImportKey
      }
    }
    ...Fault
  }
}
    fragment Fault on Error {
  __typename
  code
  message
  path
}
fragment ImportKey on DataImportKey {
  id
  partner
  name
  prefix
  state
  createdAt
  lastUsedAt
  expiresAt
}`) as unknown as TypedDocumentString<RotateKeyMutation, RotateKeyMutationVariables>;
export const InvalidateKeyDocument = new TypedDocumentString(`
    mutation InvalidateKey($input: InvalidateDataImportKeyInput!) {
  invalidateDataImportKey(input: $input) {
    ... on InvalidateDataImportKeySuccess {
      key {
        ...ImportKey
      }
    }
    ...Fault
  }
}
    fragment Fault on Error {
  __typename
  code
  message
  path
}
fragment ImportKey on DataImportKey {
  id
  partner
  name
  prefix
  state
  createdAt
  lastUsedAt
  expiresAt
}`) as unknown as TypedDocumentString<InvalidateKeyMutation, InvalidateKeyMutationVariables>;
export const ImportKeysDocument = new TypedDocumentString(`
    query ImportKeys($partner: String, $first: Int, $after: String, $last: Int, $before: String) {
  dataImportKeys(
    partner: $partner
    first: $first
    after: $after
    last: $last
    before: $before
  ) {
    totalCount
    pageInfo {
      ...WholePage
    }
    nodes {
      ...ImportKey
    }
  }
}
    fragment ImportKey on DataImportKey {
  id
  partner
  name
  prefix
  state
  createdAt
  lastUsedAt
  expiresAt
}
fragment WholePage on PageInfo {
  hasNextPage
  hasPreviousPage
  startCursor
  endCursor
}`) as unknown as TypedDocumentString<ImportKeysQuery, ImportKeysQueryVariables>;
export const CreateApiKeyDocument = new TypedDocumentString(`
    mutation CreateApiKey($input: CreateApiKeyInput!) {
  createApiKey(input: $input) {
    ... on CreateApiKeySuccess {
      secret
      key {
        ...AccessKey
      }
    }
    ...Fault
  }
}
    fragment Fault on Error {
  __typename
  code
  message
  path
}
fragment AccessKey on ApiKey {
  id
  name
  scopes
  prefix
  state
  createdAt
  lastUsedAt
  expiresAt
}`) as unknown as TypedDocumentString<CreateApiKeyMutation, CreateApiKeyMutationVariables>;
export const RotateApiKeyDocument = new TypedDocumentString(`
    mutation RotateApiKey($input: RotateApiKeyInput!) {
  rotateApiKey(input: $input) {
    ... on RotateApiKeySuccess {
      secret
      key {
        ...AccessKey
      }
    }
    ...Fault
  }
}
    fragment Fault on Error {
  __typename
  code
  message
  path
}
fragment AccessKey on ApiKey {
  id
  name
  scopes
  prefix
  state
  createdAt
  lastUsedAt
  expiresAt
}`) as unknown as TypedDocumentString<RotateApiKeyMutation, RotateApiKeyMutationVariables>;
export const RevokeApiKeyDocument = new TypedDocumentString(`
    mutation RevokeApiKey($input: RevokeApiKeyInput!) {
  revokeApiKey(input: $input) {
    ... on RevokeApiKeySuccess {
      key {
        ...AccessKey
      }
    }
    ...Fault
  }
}
    fragment Fault on Error {
  __typename
  code
  message
  path
}
fragment AccessKey on ApiKey {
  id
  name
  scopes
  prefix
  state
  createdAt
  lastUsedAt
  expiresAt
}`) as unknown as TypedDocumentString<RevokeApiKeyMutation, RevokeApiKeyMutationVariables>;
export const ApiKeysDocument = new TypedDocumentString(`
    query ApiKeys {
  apiKeys {
    totalCount
    nodes {
      ...AccessKey
    }
  }
}
    fragment AccessKey on ApiKey {
  id
  name
  scopes
  prefix
  state
  createdAt
  lastUsedAt
  expiresAt
}`) as unknown as TypedDocumentString<ApiKeysQuery, ApiKeysQueryVariables>;
export const UpsertUsersDocument = new TypedDocumentString(`
    mutation UpsertUsers($input: UpsertUsersInput!) {
  upsertUsers(input: $input) {
    ... on UpsertUsersSuccess {
      created
      updated
      joined
      users {
        ...WholeUser
      }
    }
    ...Fault
  }
}
    fragment Fault on Error {
  __typename
  code
  message
  path
}
fragment WholeUser on User {
  id
  externalId
  aliases {
    label
    name
  }
  deviceIds
  isAnonymous
  attributes
  createdAt
}`) as unknown as TypedDocumentString<UpsertUsersMutation, UpsertUsersMutationVariables>;
export const UserByDocument = new TypedDocumentString(`
    query UserBy($by: UserRef!) {
  user(by: $by) {
    ...WholeUser
  }
}
    fragment WholeUser on User {
  id
  externalId
  aliases {
    label
    name
  }
  deviceIds
  isAnonymous
  attributes
  createdAt
}`) as unknown as TypedDocumentString<UserByQuery, UserByQueryVariables>;
export const UsersByDocument = new TypedDocumentString(`
    query UsersBy($by: [UserRef!]!) {
  users(by: $by) {
    ...WholeUser
  }
}
    fragment WholeUser on User {
  id
  externalId
  aliases {
    label
    name
  }
  deviceIds
  isAnonymous
  attributes
  createdAt
}`) as unknown as TypedDocumentString<UsersByQuery, UsersByQueryVariables>;
export const ApplyChangesDocument = new TypedDocumentString(`
    mutation ApplyChanges($input: ApplyCohortChangesInput!) {
  applyCohortChanges(input: $input) {
    ... on ApplyCohortChangesSuccess {
      cohort {
        ...WholeCohort
      }
      received
      matched
      added
      removed
      unchanged
      unmatched
      held
      ignored
      reasons
    }
    ...Fault
  }
}
    fragment Fault on Error {
  __typename
  code
  message
  path
}
fragment WholeCohort on Cohort {
  id
  partner
  partnerCohortId
  name
  isNamed
  createdAt
  size
}`) as unknown as TypedDocumentString<ApplyChangesMutation, ApplyChangesMutationVariables>;
export const CohortByDocument = new TypedDocumentString(`
    query CohortBy($by: CohortRef!) {
  cohort(by: $by) {
    ...WholeCohort
    lastReceivedAt
    lastChangedAt
  }
}
    fragment WholeCohort on Cohort {
  id
  partner
  partnerCohortId
  name
  isNamed
  createdAt
  size
}`) as unknown as TypedDocumentString<CohortByQuery, CohortByQueryVariables>;
export const CohortsDocument = new TypedDocumentString(`
    query Cohorts($partner: String, $search: String, $orderBy: CohortOrder, $first: Int, $after: String, $last: Int, $before: String) {
  cohorts(
    partner: $partner
    search: $search
    orderBy: $orderBy
    first: $first
    after: $after
    last: $last
    before: $before
  ) {
    totalCount
    pageInfo {
      ...WholePage
    }
    edges {
      cursor
      node {
        id
        name
      }
    }
  }
}
    fragment WholePage on PageInfo {
  hasNextPage
  hasPreviousPage
  startCursor
  endCursor
}`) as unknown as TypedDocumentString<CohortsQuery, CohortsQueryVariables>;
export const UpdateCohortDocument = new TypedDocumentString(`
    mutation UpdateCohort($input: UpdateCohortInput!) {
  updateCohort(input: $input) {
    ... on UpdateCohortSuccess {
      cohort {
        ...WholeCohort
        cadence
        freshness {
          ...WholeFreshness
        }
      }
    }
    ...Fault
  }
}
    fragment Fault on Error {
  __typename
  code
  message
  path
}
fragment WholeCohort on Cohort {
  id
  partner
  partnerCohortId
  name
  isNamed
  createdAt
  size
}
fragment WholeFreshness on Freshness {
  status
  cadence
  cadenceSource
  lastReceivedAt
  lastSignOfLifeAt
  expectedBy
  reasoning
}`) as unknown as TypedDocumentString<UpdateCohortMutation, UpdateCohortMutationVariables>;
export const FreshnessOfDocument = new TypedDocumentString(`
    query FreshnessOf($cohort: CohortRef!, $segment: SegmentRef!) {
  cohort(by: $cohort) {
    cadence
    lastReceivedAt
    freshness {
      ...WholeFreshness
    }
  }
  segment(by: $segment) {
    freshness {
      ...WholeFreshness
    }
  }
}
    fragment WholeFreshness on Freshness {
  status
  cadence
  cadenceSource
  lastReceivedAt
  lastSignOfLifeAt
  expectedBy
  reasoning
}`) as unknown as TypedDocumentString<FreshnessOfQuery, FreshnessOfQueryVariables>;
export const CreateSegmentDocument = new TypedDocumentString(`
    mutation CreateSegment($input: CreateSegmentInput!) {
  createSegment(input: $input) {
    ... on CreateSegmentSuccess {
      segment {
        ...WholeSegment
      }
    }
    ...Fault
  }
}
    fragment Fault on Error {
  __typename
  code
  message
  path
}
fragment WholeSegment on Segment {
  id
  name
  description
  filterJson
  createdAt
  updatedAt
  archivedAt
  size
}`) as unknown as TypedDocumentString<CreateSegmentMutation, CreateSegmentMutationVariables>;
export const UpdateSegmentDocument = new TypedDocumentString(`
    mutation UpdateSegment($input: UpdateSegmentInput!) {
  updateSegment(input: $input) {
    ... on UpdateSegmentSuccess {
      segment {
        ...WholeSegment
      }
    }
    ...Fault
  }
}
    fragment Fault on Error {
  __typename
  code
  message
  path
}
fragment WholeSegment on Segment {
  id
  name
  description
  filterJson
  createdAt
  updatedAt
  archivedAt
  size
}`) as unknown as TypedDocumentString<UpdateSegmentMutation, UpdateSegmentMutationVariables>;
export const ArchiveSegmentDocument = new TypedDocumentString(`
    mutation ArchiveSegment($input: ArchiveSegmentInput!) {
  archiveSegment(input: $input) {
    ... on ArchiveSegmentSuccess {
      segment {
        ...WholeSegment
      }
    }
    ...Fault
  }
}
    fragment Fault on Error {
  __typename
  code
  message
  path
}
fragment WholeSegment on Segment {
  id
  name
  description
  filterJson
  createdAt
  updatedAt
  archivedAt
  size
}`) as unknown as TypedDocumentString<ArchiveSegmentMutation, ArchiveSegmentMutationVariables>;
export const RestoreSegmentDocument = new TypedDocumentString(`
    mutation RestoreSegment($input: RestoreSegmentInput!) {
  restoreSegment(input: $input) {
    ... on RestoreSegmentSuccess {
      segment {
        ...WholeSegment
      }
    }
    ...Fault
  }
}
    fragment Fault on Error {
  __typename
  code
  message
  path
}
fragment WholeSegment on Segment {
  id
  name
  description
  filterJson
  createdAt
  updatedAt
  archivedAt
  size
}`) as unknown as TypedDocumentString<RestoreSegmentMutation, RestoreSegmentMutationVariables>;
export const RollbackSegmentDocument = new TypedDocumentString(`
    mutation RollbackSegment($input: RollbackSegmentInput!) {
  rollbackSegment(input: $input) {
    ... on RollbackSegmentSuccess {
      segment {
        ...WholeSegment
      }
    }
    ...Fault
  }
}
    fragment Fault on Error {
  __typename
  code
  message
  path
}
fragment WholeSegment on Segment {
  id
  name
  description
  filterJson
  createdAt
  updatedAt
  archivedAt
  size
}`) as unknown as TypedDocumentString<RollbackSegmentMutation, RollbackSegmentMutationVariables>;
export const DuplicateSegmentDocument = new TypedDocumentString(`
    mutation DuplicateSegment($input: DuplicateSegmentInput!) {
  duplicateSegment(input: $input) {
    ... on DuplicateSegmentSuccess {
      segment {
        ...WholeSegment
      }
    }
    ...Fault
  }
}
    fragment Fault on Error {
  __typename
  code
  message
  path
}
fragment WholeSegment on Segment {
  id
  name
  description
  filterJson
  createdAt
  updatedAt
  archivedAt
  size
}`) as unknown as TypedDocumentString<DuplicateSegmentMutation, DuplicateSegmentMutationVariables>;
export const LifeOfDocument = new TypedDocumentString(`
    query LifeOf($by: SegmentRef!, $first: Int, $after: String) {
  segment(by: $by) {
    version
    tags
    usedBy {
      ... on Segment {
        name
      }
    }
    versions(first: $first, after: $after) {
      totalCount
      pageInfo {
        ...WholePage
      }
      nodes {
        version
        name
        description
        tags
        filterJson
        archivedAt
        change
        ofVersion
        author {
          kind
          name
          apiKeyId
        }
        at
        reason
        diff {
          field
          before
          after
        }
      }
    }
    history(first: $first) {
      totalCount
      nodes {
        ...WholeEntry
      }
    }
  }
}
    fragment WholeEntry on AuditEntry {
  at
  actor {
    kind
    name
    apiKeyId
  }
  action
  subject
  subjectId
  subjectName
  changes {
    field
    before
    after
  }
  details
  reason
}
fragment WholePage on PageInfo {
  hasNextPage
  hasPreviousPage
  startCursor
  endCursor
}`) as unknown as TypedDocumentString<LifeOfQuery, LifeOfQueryVariables>;
export const AuditLogDocument = new TypedDocumentString(`
    query AuditLog($of: ID, $subject: AuditSubject, $action: AuditAction, $first: Int, $after: String) {
  auditLog(
    of: $of
    subject: $subject
    action: $action
    first: $first
    after: $after
  ) {
    totalCount
    pageInfo {
      ...WholePage
    }
    nodes {
      ...WholeEntry
    }
  }
}
    fragment WholeEntry on AuditEntry {
  at
  actor {
    kind
    name
    apiKeyId
  }
  action
  subject
  subjectId
  subjectName
  changes {
    field
    before
    after
  }
  details
  reason
}
fragment WholePage on PageInfo {
  hasNextPage
  hasPreviousPage
  startCursor
  endCursor
}`) as unknown as TypedDocumentString<AuditLogQuery, AuditLogQueryVariables>;
export const SizesOfDocument = new TypedDocumentString(`
    query SizesOf($by: SegmentRef!, $from: DateTime!, $to: DateTime) {
  segment(by: $by) {
    sizeHistory(from: $from, to: $to) {
      at
      size
      version
      reason
    }
  }
}
    `) as unknown as TypedDocumentString<SizesOfQuery, SizesOfQueryVariables>;
export const SegmentByDocument = new TypedDocumentString(`
    query SegmentBy($by: SegmentRef!, $maxAge: Int) {
  segment(by: $by, maxAge: $maxAge) {
    ...WholeSegment
  }
}
    fragment WholeSegment on Segment {
  id
  name
  description
  filterJson
  createdAt
  updatedAt
  archivedAt
  size
}`) as unknown as TypedDocumentString<SegmentByQuery, SegmentByQueryVariables>;
export const SegmentsDocument = new TypedDocumentString(`
    query Segments($search: String, $tags: [String!], $includeArchived: Boolean! = false, $orderBy: SegmentOrder, $first: Int, $after: String, $last: Int, $before: String) {
  segments(
    search: $search
    tags: $tags
    includeArchived: $includeArchived
    orderBy: $orderBy
    first: $first
    after: $after
    last: $last
    before: $before
  ) {
    totalCount
    pageInfo {
      ...WholePage
    }
    edges {
      cursor
      node {
        id
        name
      }
    }
  }
}
    fragment WholePage on PageInfo {
  hasNextPage
  hasPreviousPage
  startCursor
  endCursor
}`) as unknown as TypedDocumentString<SegmentsQuery, SegmentsQueryVariables>;
export const MembersDocument = new TypedDocumentString(`
    query Members($by: SegmentRef!, $first: Int, $after: String, $last: Int, $before: String) {
  segment(by: $by) {
    size
    users(first: $first, after: $after, last: $last, before: $before) {
      totalCount
      pageInfo {
        ...WholePage
      }
      nodes {
        id
        externalId
      }
    }
  }
}
    fragment WholePage on PageInfo {
  hasNextPage
  hasPreviousPage
  startCursor
  endCursor
}`) as unknown as TypedDocumentString<MembersQuery, MembersQueryVariables>;
export const PreviewDocument = new TypedDocumentString(`
    query Preview($filter: SegmentFilterInput!, $maxAge: Int) {
  previewSegment(filter: $filter, maxAge: $maxAge) {
    ... on SegmentPreview {
      size
      users {
        totalCount
        nodes {
          externalId
        }
      }
    }
    ...Fault
  }
}
    fragment Fault on Error {
  __typename
  code
  message
  path
}`) as unknown as TypedDocumentString<PreviewQuery, PreviewQueryVariables>;
export const MembershipDocument = new TypedDocumentString(`
    query Membership($users: [UserRef!]!, $segments: [ID!]!, $maxAge: Int) {
  membership(users: $users, segments: $segments, maxAge: $maxAge) {
    ... on MembershipSuccess {
      memberships {
        user {
          id
          externalId
        }
        segments
      }
    }
    ...Fault
  }
}
    fragment Fault on Error {
  __typename
  code
  message
  path
}`) as unknown as TypedDocumentString<MembershipQuery, MembershipQueryVariables>;
export const ParseFilterDocument = new TypedDocumentString(`
    query ParseFilter($text: String, $json: JSON) {
  parseFilter(text: $text, json: $json) {
    ... on ParseFilterSuccess {
      filter {
        __typename
      }
      filterJson
      filterText
    }
    ... on Error {
      __typename
      code
      message
      path
      line
      column
    }
  }
}
    `) as unknown as TypedDocumentString<ParseFilterQuery, ParseFilterQueryVariables>;