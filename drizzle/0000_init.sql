CREATE TABLE "batches" (
	"workspace_id" integer NOT NULL,
	"id" bigint GENERATED ALWAYS AS IDENTITY (sequence name "batches_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"cohort_id" integer NOT NULL,
	"dialect" text NOT NULL,
	"key_id" uuid,
	"request_id" text,
	"applied_at" timestamp (3) with time zone NOT NULL,
	"duration_ms" integer NOT NULL,
	"received_count" integer NOT NULL,
	"matched_count" integer NOT NULL,
	"held_count" integer NOT NULL,
	"ignored_count" integer NOT NULL,
	"reasons" jsonb NOT NULL,
	"added_count" integer NOT NULL,
	"removed_count" integer NOT NULL,
	"added" integer[],
	"removed" integer[],
	CONSTRAINT "batches_workspace_id_id_pk" PRIMARY KEY("workspace_id","id")
);
--> statement-breakpoint
CREATE TABLE "cohorts" (
	"workspace_id" integer NOT NULL,
	"id" integer NOT NULL,
	"partner" text NOT NULL,
	"partner_cohort_id" text collate "C" NOT NULL,
	"name" text NOT NULL,
	"is_named" boolean DEFAULT false NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "cohorts_workspace_id_id_pk" PRIMARY KEY("workspace_id","id")
);
--> statement-breakpoint
CREATE TABLE "membership_blocks" (
	"workspace_id" integer NOT NULL,
	"cohort_id" integer NOT NULL,
	"block" integer NOT NULL,
	"bits" bit(8192) NOT NULL,
	CONSTRAINT "membership_blocks_workspace_id_cohort_id_block_pk" PRIMARY KEY("workspace_id","cohort_id","block")
);
--> statement-breakpoint
CREATE TABLE "keys" (
	"workspace_id" integer NOT NULL,
	"id" uuid NOT NULL,
	"kind" text NOT NULL,
	"partner" text,
	"name" text,
	"scopes" text[] NOT NULL,
	"hash" text NOT NULL,
	"prefix" text NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"last_used_at" timestamp (3) with time zone,
	"expires_at" timestamp (3) with time zone,
	"rotated_at" timestamp (3) with time zone,
	"invalidated_at" timestamp (3) with time zone,
	CONSTRAINT "keys_workspace_id_id_pk" PRIMARY KEY("workspace_id","id")
);
--> statement-breakpoint
CREATE TABLE "segment_cohorts" (
	"workspace_id" integer NOT NULL,
	"segment_id" uuid NOT NULL,
	"cohort_id" integer NOT NULL,
	CONSTRAINT "segment_cohorts_workspace_id_cohort_id_segment_id_pk" PRIMARY KEY("workspace_id","cohort_id","segment_id")
);
--> statement-breakpoint
CREATE TABLE "segments" (
	"workspace_id" integer NOT NULL,
	"id" uuid NOT NULL,
	"name" text NOT NULL,
	"description" text,
	"filter" jsonb NOT NULL,
	"created_at" timestamp (3) with time zone NOT NULL,
	"updated_at" timestamp (3) with time zone NOT NULL,
	"archived_at" timestamp (3) with time zone,
	CONSTRAINT "segments_workspace_id_id_pk" PRIMARY KEY("workspace_id","id")
);
--> statement-breakpoint
CREATE TABLE "usage_daily" (
	"workspace_id" integer NOT NULL,
	"cohort_id" integer NOT NULL,
	"key_id" uuid NOT NULL,
	"day" date NOT NULL,
	"received" bigint NOT NULL,
	"matched" bigint NOT NULL,
	"written" bigint NOT NULL,
	"changed" bigint NOT NULL,
	CONSTRAINT "usage_daily_workspace_id_cohort_id_key_id_day_pk" PRIMARY KEY("workspace_id","cohort_id","key_id","day")
);
--> statement-breakpoint
CREATE TABLE "identities" (
	"workspace_id" integer NOT NULL,
	"kind" smallint NOT NULL,
	"label" text collate "C" NOT NULL,
	"value" text collate "C" NOT NULL,
	"user_id" integer,
	"is_deprecated" boolean DEFAULT false NOT NULL,
	CONSTRAINT "identities_workspace_id_kind_label_value_pk" PRIMARY KEY("workspace_id","kind","label","value")
);
--> statement-breakpoint
CREATE TABLE "pending_drops" (
	"workspace_id" integer NOT NULL,
	"day" date NOT NULL,
	"reason" text NOT NULL,
	"members" bigint NOT NULL,
	CONSTRAINT "pending_drops_workspace_id_day_reason_pk" PRIMARY KEY("workspace_id","day","reason")
);
--> statement-breakpoint
CREATE TABLE "pending_members" (
	"workspace_id" integer NOT NULL,
	"kind" smallint NOT NULL,
	"label" text collate "C" NOT NULL,
	"value" text collate "C" NOT NULL,
	"cohort_id" integer NOT NULL,
	"held_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "pending_members_workspace_id_kind_label_value_cohort_id_pk" PRIMARY KEY("workspace_id","kind","label","value","cohort_id")
);
--> statement-breakpoint
CREATE TABLE "users" (
	"workspace_id" integer NOT NULL,
	"id" integer NOT NULL,
	"is_identified" boolean NOT NULL,
	"attributes" jsonb DEFAULT '{}'::jsonb NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "users_workspace_id_id_pk" PRIMARY KEY("workspace_id","id")
);
--> statement-breakpoint
CREATE TABLE "jobs" (
	"workspace_id" integer NOT NULL,
	"name" text NOT NULL,
	"due_at" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "jobs_workspace_id_name_pk" PRIMARY KEY("workspace_id","name")
);
--> statement-breakpoint
CREATE TABLE "workspaces" (
	"id" integer PRIMARY KEY NOT NULL,
	"name" text NOT NULL,
	"unknown_identity_policy" text DEFAULT 'HOLD' NOT NULL,
	"next_user_id" integer DEFAULT 1 NOT NULL,
	"next_cohort_id" integer DEFAULT 1 NOT NULL,
	"identity_epoch" integer DEFAULT 0 NOT NULL,
	"pending_max_members" integer DEFAULT 1000000,
	"pending_max_age_days" integer,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
ALTER TABLE "segment_cohorts" ADD CONSTRAINT "segment_cohorts_workspace_id_segment_id_segments_workspace_id_id_fk" FOREIGN KEY ("workspace_id","segment_id") REFERENCES "public"."segments"("workspace_id","id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "identities" ADD CONSTRAINT "identities_workspace_id_user_id_users_workspace_id_id_fk" FOREIGN KEY ("workspace_id","user_id") REFERENCES "public"."users"("workspace_id","id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "pending_members" ADD CONSTRAINT "pending_members_workspace_id_kind_label_value_identities_workspace_id_kind_label_value_fk" FOREIGN KEY ("workspace_id","kind","label","value") REFERENCES "public"."identities"("workspace_id","kind","label","value") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "batches_by_cohort" ON "batches" USING btree ("workspace_id","cohort_id","id");--> statement-breakpoint
CREATE INDEX "batches_that_changed" ON "batches" USING btree ("workspace_id","cohort_id","id") WHERE added_count + removed_count > 0;--> statement-breakpoint
CREATE UNIQUE INDEX "cohorts_by_partner_id" ON "cohorts" USING btree ("workspace_id","partner","partner_cohort_id");--> statement-breakpoint
CREATE INDEX "cohorts_by_name" ON "cohorts" USING btree ("workspace_id","name","id");--> statement-breakpoint
CREATE INDEX "membership_blocks_by_block" ON "membership_blocks" USING btree ("workspace_id","block","cohort_id");--> statement-breakpoint
CREATE UNIQUE INDEX "keys_by_hash" ON "keys" USING btree ("workspace_id","hash");--> statement-breakpoint
CREATE UNIQUE INDEX "segments_by_live_name" ON "segments" USING btree ("workspace_id","name") WHERE archived_at is null;--> statement-breakpoint
CREATE INDEX "segments_by_name" ON "segments" USING btree ("workspace_id","name","id");--> statement-breakpoint
CREATE INDEX "identities_by_user" ON "identities" USING btree ("workspace_id","user_id") WHERE user_id is not null;--> statement-breakpoint
CREATE INDEX "pending_members_by_cohort" ON "pending_members" USING btree ("workspace_id","cohort_id");--> statement-breakpoint
CREATE INDEX "pending_members_by_age" ON "pending_members" USING btree ("workspace_id","held_at");