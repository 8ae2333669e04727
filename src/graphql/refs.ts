import type { Cohort } from '../domain/cohorts/cohort.ts';
import type { HeldChanges } from '../domain/cohorts/held-changes.ts';
import type { Replacement } from '../domain/cohorts/replacement.ts';
import type { LedgerBatch } from '../domain/history/batch.ts';
import type { Key } from '../domain/keys/key.ts';
import type { Segment } from '../domain/segments/segment.ts';
import type { Alias } from '../domain/users/identity.ts';
import type { User } from '../domain/users/user.ts';
import type { Workspace } from '../domain/workspaces/workspaces.ts';
import { builder } from './builder.ts';
import { connectionOf } from './connection.ts';

// Names bound to domain types, so that type files can speak of each other without importing each other.
export const WorkspaceRef = builder.objectRef<Workspace>('Workspace');
export const PartnerRef = builder.objectRef<{ readonly name: string }>('Partner');
export const UserRef = builder.objectRef<User>('User');
export const AliasRef = builder.objectRef<Alias>('Alias');
export const CohortRef = builder.objectRef<Cohort>('Cohort');
export const BatchRef = builder.objectRef<LedgerBatch>('Batch');
export const HeldChangesRef = builder.objectRef<HeldChanges>('HeldChanges');
export const ReplacementRef = builder.objectRef<Replacement>('Replacement');
export const SegmentRef = builder.objectRef<Segment>('Segment');
export const DataImportKeyRef = builder.objectRef<Key>('DataImportKey');
export const ApiKeyRef = builder.objectRef<Key>('ApiKey');

export const UserConnection = connectionOf('User', UserRef);
export const CohortConnection = connectionOf('Cohort', CohortRef);
export const BatchConnection = connectionOf('Batch', BatchRef);
export const HeldChangesConnection = connectionOf('HeldChanges', HeldChangesRef);
export const SegmentConnection = connectionOf('Segment', SegmentRef);
export const DataImportKeyConnection = connectionOf('DataImportKey', DataImportKeyRef);
export const ApiKeyConnection = connectionOf('ApiKey', ApiKeyRef);
