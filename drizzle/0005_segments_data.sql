-- A version of each segment as it is: from here on every change adds one.
INSERT INTO "segment_versions" ("workspace_id", "segment_id", "version", "name", "description", "filter", "tags", "archived_at", "change", "actor_kind", "at")
SELECT "workspace_id", "id", 1, "name", "description", "filter", "tags", "archived_at", 'created', 'system', "created_at" FROM "segments";--> statement-breakpoint
-- The reserved set of users with a device, and the sets of users with an alias of each label.
INSERT INTO "membership_blocks" ("workspace_id", "cohort_id", "block", "bits")
SELECT "workspace_id", -3, "user_id" >> 13, bit_or(set_bit(0::bit(8192), "user_id" & 8191, 1)) FROM "identities"
WHERE "kind" = 3 AND "user_id" IS NOT NULL GROUP BY 1, 2, 3;--> statement-breakpoint
INSERT INTO "attribute_blocks" ("workspace_id", "name", "kind", "value", "block", "bits")
SELECT "workspace_id", '', 9, "label", "user_id" >> 13, bit_or(set_bit(0::bit(8192), "user_id" & 8191, 1)) FROM "identities"
WHERE "kind" = 2 AND "user_id" IS NOT NULL GROUP BY "workspace_id", "label", "user_id" >> 13;--> statement-breakpoint
ALTER TABLE "attribute_blocks" ALTER COLUMN "bits" SET STORAGE PLAIN;--> statement-breakpoint
ALTER TABLE "attribute_blocks" SET (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.05);
--> statement-breakpoint
INSERT INTO "user_blocks" ("workspace_id", "block", "first_created_at", "last_created_at")
SELECT "workspace_id", "id" >> 13, min("created_at"), max("created_at") FROM "users" GROUP BY 1, 2;--> statement-breakpoint
-- The random bucket of every user, bit by bit: set -(10 + k) holds the users whose bucket has bit k.
INSERT INTO "membership_blocks" ("workspace_id", "cohort_id", "block", "bits")
SELECT b."workspace_id", -(10 + k.bit), b."id" >> 13, bit_or(set_bit(0::bit(8192), b."id" & 8191, 1)) FROM (
  SELECT "workspace_id", "id", (h3 # (h3 >> 16)) % 10000 AS bucket FROM (
    SELECT "workspace_id", "id", ((h2 # (h2 >> 13)) * 51829) & 4294967295 AS h3 FROM (
      SELECT "workspace_id", "id", ((h1 # (h1 >> 15)) * 60493) & 4294967295 AS h2 FROM (
        SELECT "workspace_id", "id", ("id"::bigint * 40503) & 4294967295 AS h1 FROM "users") a) a) a) b
CROSS JOIN generate_series(0, 13) AS k(bit) WHERE (b.bucket >> k.bit) & 1 = 1 GROUP BY 1, 2, 3;
