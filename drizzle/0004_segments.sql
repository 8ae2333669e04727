CREATE TABLE "attribute_blocks" (
	"workspace_id" integer NOT NULL,
	"name" text collate "C" NOT NULL,
	"kind" smallint NOT NULL,
	"value" text collate "C" NOT NULL,
	"block" integer NOT NULL,
	"number" double precision,
	"bits" bit(8192),
	"positions" smallint[],
	CONSTRAINT "attribute_blocks_workspace_id_name_kind_value_block_pk" PRIMARY KEY("workspace_id","name","kind","value","block")
);
--> statement-breakpoint
CREATE TABLE "attribute_indexes" (
	"workspace_id" integer NOT NULL,
	"name" text collate "C" NOT NULL,
	"state" text NOT NULL,
	"built_to" integer DEFAULT 0 NOT NULL,
	"created_at" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "attribute_indexes_workspace_id_name_pk" PRIMARY KEY("workspace_id","name")
);
--> statement-breakpoint
CREATE TABLE "audit_log" (
	"workspace_id" integer NOT NULL,
	"id" bigint GENERATED ALWAYS AS IDENTITY (sequence name "audit_log_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"at" timestamp (3) with time zone NOT NULL,
	"actor_kind" text NOT NULL,
	"actor_id" text,
	"actor_name" text,
	"action" text NOT NULL,
	"subject_type" text NOT NULL,
	"subject_id" text NOT NULL,
	"subject_name" text,
	"details" jsonb NOT NULL,
	"reason" text,
	CONSTRAINT "audit_log_workspace_id_id_pk" PRIMARY KEY("workspace_id","id")
);
--> statement-breakpoint
CREATE TABLE "segment_segments" (
	"workspace_id" integer NOT NULL,
	"segment_id" uuid NOT NULL,
	"uses_segment_id" uuid NOT NULL,
	CONSTRAINT "segment_segments_workspace_id_uses_segment_id_segment_id_pk" PRIMARY KEY("workspace_id","uses_segment_id","segment_id")
);
--> statement-breakpoint
CREATE TABLE "segment_sizes" (
	"workspace_id" integer NOT NULL,
	"segment_id" uuid NOT NULL,
	"at" timestamp (3) with time zone NOT NULL,
	"size" integer NOT NULL,
	"version" integer NOT NULL,
	"reason" text NOT NULL,
	CONSTRAINT "segment_sizes_workspace_id_segment_id_at_pk" PRIMARY KEY("workspace_id","segment_id","at")
);
--> statement-breakpoint
CREATE TABLE "segment_versions" (
	"workspace_id" integer NOT NULL,
	"segment_id" uuid NOT NULL,
	"version" integer NOT NULL,
	"name" text NOT NULL,
	"description" text,
	"filter" jsonb NOT NULL,
	"tags" text[] NOT NULL,
	"archived_at" timestamp (3) with time zone,
	"change" text NOT NULL,
	"of_version" integer,
	"reason" text,
	"actor_kind" text NOT NULL,
	"actor_id" text,
	"actor_name" text,
	"at" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "segment_versions_workspace_id_segment_id_version_pk" PRIMARY KEY("workspace_id","segment_id","version")
);
--> statement-breakpoint
CREATE TABLE "user_blocks" (
	"workspace_id" integer NOT NULL,
	"block" integer NOT NULL,
	"first_created_at" timestamp (3) with time zone NOT NULL,
	"last_created_at" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "user_blocks_workspace_id_block_pk" PRIMARY KEY("workspace_id","block")
);
--> statement-breakpoint
ALTER TABLE "segments" ADD COLUMN "version" integer DEFAULT 1 NOT NULL;--> statement-breakpoint
ALTER TABLE "segments" ADD COLUMN "tags" text[] DEFAULT '{}' NOT NULL;--> statement-breakpoint
ALTER TABLE "segment_segments" ADD CONSTRAINT "segment_segments_workspace_id_segment_id_segments_workspace_id_id_fk" FOREIGN KEY ("workspace_id","segment_id") REFERENCES "public"."segments"("workspace_id","id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "segment_segments" ADD CONSTRAINT "segment_segments_workspace_id_uses_segment_id_segments_workspace_id_id_fk" FOREIGN KEY ("workspace_id","uses_segment_id") REFERENCES "public"."segments"("workspace_id","id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "attribute_blocks_by_number" ON "attribute_blocks" USING btree ("workspace_id","name","kind","number") WHERE number is not null;--> statement-breakpoint
CREATE INDEX "audit_log_by_subject" ON "audit_log" USING btree ("workspace_id","subject_type","subject_id","id");--> statement-breakpoint
CREATE INDEX "segment_segments_by_segment" ON "segment_segments" USING btree ("workspace_id","segment_id");