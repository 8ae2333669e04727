-- One bit flip rewrites a row of a kilobyte. Room on the page keeps the new version beside the old one, where it is reclaimed
-- without a vacuum; bits that are stored plainly are read without decompression.
ALTER TABLE "membership_blocks" ALTER COLUMN "bits" SET STORAGE PLAIN;--> statement-breakpoint
ALTER TABLE "membership_blocks" SET (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.05);--> statement-breakpoint
-- Arrays of user ids hardly compress, and trying costs more than the bytes.
ALTER TABLE "batches" ALTER COLUMN "added" SET STORAGE EXTERNAL;--> statement-breakpoint
ALTER TABLE "batches" ALTER COLUMN "removed" SET STORAGE EXTERNAL;--> statement-breakpoint
-- Hot rows that are updated in place.
ALTER TABLE "usage_daily" SET (fillfactor = 50);--> statement-breakpoint
ALTER TABLE "workspaces" SET (fillfactor = 50);--> statement-breakpoint
ALTER TABLE "cohorts" SET (fillfactor = 50);
