CREATE TABLE "accepted_changes" (
	"workspace_id" integer NOT NULL,
	"id" bigint GENERATED ALWAYS AS IDENTITY (sequence name "accepted_changes_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"partner" text NOT NULL,
	"partner_cohort_id" text collate "C" NOT NULL,
	"command" text NOT NULL,
	"accepted_at" timestamp (3) with time zone NOT NULL,
	"attempts" integer DEFAULT 0 NOT NULL,
	"due_at" timestamp (3) with time zone NOT NULL,
	"last_error" text,
	CONSTRAINT "accepted_changes_workspace_id_id_pk" PRIMARY KEY("workspace_id","id")
);
--> statement-breakpoint
CREATE TABLE "held_changes" (
	"workspace_id" integer NOT NULL,
	"id" uuid NOT NULL,
	"cohort_id" integer NOT NULL,
	"command" text,
	"replacement_id" uuid,
	"dialect" text NOT NULL,
	"key_id" uuid,
	"after_batch_id" bigint NOT NULL,
	"held_at" timestamp (3) with time zone NOT NULL,
	"size" integer NOT NULL,
	"would_remove" integer NOT NULL,
	"would_add" integer NOT NULL,
	CONSTRAINT "held_changes_workspace_id_id_pk" PRIMARY KEY("workspace_id","id")
);
--> statement-breakpoint
CREATE TABLE "pulls" (
	"workspace_id" integer NOT NULL,
	"id" uuid NOT NULL,
	"partner" text NOT NULL,
	"partner_cohort_id" text collate "C" NOT NULL,
	"state" text NOT NULL,
	"asked_by" text NOT NULL,
	"asked_at" timestamp (3) with time zone NOT NULL,
	"remote_id" text,
	"started_at" timestamp (3) with time zone,
	"finished_at" timestamp (3) with time zone,
	"due_at" timestamp (3) with time zone NOT NULL,
	"attempts" integer DEFAULT 0 NOT NULL,
	"refused_rows" integer DEFAULT 0 NOT NULL,
	"error" text,
	"batch_id" bigint,
	CONSTRAINT "pulls_workspace_id_id_pk" PRIMARY KEY("workspace_id","id")
);
--> statement-breakpoint
CREATE TABLE "replacements" (
	"workspace_id" integer NOT NULL,
	"id" uuid NOT NULL,
	"set_id" integer NOT NULL,
	"partner" text NOT NULL,
	"partner_cohort_id" text collate "C" NOT NULL,
	"name" text,
	"state" text NOT NULL,
	"dialect" text NOT NULL,
	"key_id" uuid,
	"session" text,
	"pages" integer[],
	"after_batch_id" bigint NOT NULL,
	"created_at" timestamp (3) with time zone NOT NULL,
	"touched_at" timestamp (3) with time zone NOT NULL,
	"batch_id" bigint,
	CONSTRAINT "replacements_workspace_id_id_pk" PRIMARY KEY("workspace_id","id")
);
--> statement-breakpoint
ALTER TABLE "batches" ADD COLUMN "computed_at" timestamp (3) with time zone;--> statement-breakpoint
ALTER TABLE "batches" ADD COLUMN "sync_no" integer;--> statement-breakpoint
ALTER TABLE "batches" ADD COLUMN "of_batch_id" bigint;--> statement-breakpoint
ALTER TABLE "batches" ADD COLUMN "unchanged" integer[];--> statement-breakpoint
ALTER TABLE "batches" ADD COLUMN "unmatched_hashes" bigint[];--> statement-breakpoint
ALTER TABLE "cohorts" ADD COLUMN "cadence" text;--> statement-breakpoint
ALTER TABLE "cohorts" ADD COLUMN "reported_cadence" text;--> statement-breakpoint
ALTER TABLE "cohorts" ADD COLUMN "reported_success_at" timestamp (3) with time zone;--> statement-breakpoint
ALTER TABLE "cohorts" ADD COLUMN "reported_failure_at" timestamp (3) with time zone;--> statement-breakpoint
ALTER TABLE "cohorts" ADD COLUMN "pull_every_hours" integer;--> statement-breakpoint
ALTER TABLE "cohorts" ADD COLUMN "next_pull_at" timestamp (3) with time zone;--> statement-breakpoint
ALTER TABLE "workspaces" ADD COLUMN "shrink_guard_percent" integer;--> statement-breakpoint
ALTER TABLE "workspaces" ADD COLUMN "ledger_retention_days" integer DEFAULT 30;--> statement-breakpoint
ALTER TABLE "workspaces" ADD COLUMN "ledger_swept_to" bigint DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "workspaces" ADD COLUMN "monthly_budget" bigint;--> statement-breakpoint
ALTER TABLE "workspaces" ADD COLUMN "over_budget" text DEFAULT 'WARN' NOT NULL;--> statement-breakpoint
CREATE INDEX "accepted_changes_by_cohort" ON "accepted_changes" USING btree ("workspace_id","partner","partner_cohort_id","id");--> statement-breakpoint
CREATE INDEX "held_changes_by_cohort" ON "held_changes" USING btree ("workspace_id","cohort_id","held_at");--> statement-breakpoint
CREATE INDEX "pulls_by_cohort" ON "pulls" USING btree ("workspace_id","partner","partner_cohort_id","asked_at");--> statement-breakpoint
CREATE INDEX "pulls_due" ON "pulls" USING btree ("workspace_id","due_at") WHERE state in ('WAITING', 'RUNNING');--> statement-breakpoint
CREATE INDEX "pulls_started" ON "pulls" USING btree ("workspace_id","started_at");--> statement-breakpoint
CREATE UNIQUE INDEX "replacements_by_session" ON "replacements" USING btree ("workspace_id","partner","partner_cohort_id","session") WHERE session is not null;--> statement-breakpoint
CREATE INDEX "replacements_open" ON "replacements" USING btree ("workspace_id","touched_at") WHERE state in ('OPEN', 'HELD');--> statement-breakpoint
CREATE INDEX "batches_by_sync" ON "batches" USING btree ("workspace_id","cohort_id","sync_no","id") WHERE sync_no is not null;--> statement-breakpoint
CREATE INDEX "batches_by_request" ON "batches" USING btree ("workspace_id","cohort_id","request_id") WHERE request_id is not null;--> statement-breakpoint
CREATE INDEX "batches_by_time" ON "batches" USING btree ("workspace_id","cohort_id","computed_at") WHERE computed_at is not null;--> statement-breakpoint
CREATE INDEX "usage_daily_by_day" ON "usage_daily" USING btree ("workspace_id","day");