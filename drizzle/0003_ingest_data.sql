-- What came before syncs were numbered counts as the first sync of its cohort.
UPDATE "batches" SET "sync_no" = 1 WHERE "dialect" NOT IN ('join', 'merge', 'delete');--> statement-breakpoint
ALTER TABLE "batches" ALTER COLUMN "unchanged" SET STORAGE EXTERNAL;--> statement-breakpoint
-- Rows that come and go.
ALTER TABLE "accepted_changes" SET (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000);
