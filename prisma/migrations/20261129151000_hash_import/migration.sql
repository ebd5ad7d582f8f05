-- AlterTable
ALTER TABLE "Workspace" ADD COLUMN     "hashImport" BOOLEAN NOT NULL DEFAULT false;

-- The workspace of the first start is its operator's own.
UPDATE "Workspace" SET "hashImport" = true
 WHERE id = (SELECT id FROM "Workspace" WHERE "createdById" IS NULL ORDER BY "createdAt", id LIMIT 1);
