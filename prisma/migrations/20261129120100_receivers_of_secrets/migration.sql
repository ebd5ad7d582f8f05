-- AlterTable
ALTER TABLE "ApiKeySecret" ADD COLUMN "originId" UUID,
ADD COLUMN "receiverId" TEXT,
ADD COLUMN "receiverKeyId" TEXT,
ADD COLUMN "receiverTokenId" TEXT,
ADD COLUMN "receiverSecretId" UUID;

-- The audit knows who was given the secrets that there are: whoever made, imported, rotated, migrated or
-- transferred the key at that time, or last before it, where the key itself rotated then.
CREATE TEMPORARY TABLE issued AS
SELECT DISTINCT ON (s.hash) s.hash, s."workspaceId", s."keyId", s."createdAt", e.at, e."actorKind",
       e."actorId", e."apiKeyId", e."accessTokenId"
  FROM "ApiKeySecret" s
  JOIN "AuditEvent" e ON e."workspaceId" = s."workspaceId" AND e."targetId" = s."keyId"
   AND e.action IN ('api_key.created', 'api_key.imported', 'api_key.rotated', 'api_key.migrated', 'api_key.transferred')
   AND e.at <= s."createdAt"
   AND (e."apiKeyId" IS DISTINCT FROM s."keyId" OR e."accessTokenId" IS NOT NULL)
 ORDER BY s.hash, e.sequence DESC;

UPDATE "ApiKeySecret" s SET "originId" = o.id
  FROM issued i JOIN "ApiKeySecret" o ON o."workspaceId" = i."workspaceId" AND o."keyId" = i."keyId"
 WHERE i.hash = s.hash AND i.at < i."createdAt" AND o."createdAt" = i.at;

-- Without an event it is whoever made the key.
INSERT INTO issued
SELECT s.hash, s."workspaceId", s."keyId", s."createdAt", k."createdAt", 'HUMAN', k."createdById",
       k."createdByKeyId", NULL
  FROM "ApiKeySecret" s
  JOIN "ApiKey" k ON k."workspaceId" = s."workspaceId" AND k.id = s."keyId"
 WHERE k."createdById" IS NOT NULL AND NOT EXISTS (SELECT 1 FROM issued i WHERE i.hash = s.hash);

UPDATE "ApiKeySecret" s
   SET "receiverKeyId" = i."apiKeyId",
       "receiverTokenId" = i."accessTokenId",
       -- A membership that was claimed since has another user, as the keys of it have.
       "receiverId" = coalesce(
         (SELECT m."userId" FROM "Member" m
           WHERE m."workspaceId" = i."workspaceId" AND m."userId" = i."actorId" AND m."removedAt" IS NULL),
         (SELECT r."ownerId" FROM "ApiKey" r
           WHERE r."workspaceId" = i."workspaceId" AND r.id = i."apiKeyId"),
         (SELECT m."userId" FROM "Member" m
           WHERE m."workspaceId" = i."workspaceId" AND m."userId" = i."actorId"),
         k."createdById", k."ownerId"),
       -- Of two that worked then the older one may have asked.
       "receiverSecretId" = CASE WHEN i."accessTokenId" IS NULL THEN (
         SELECT coalesce(p."originId", p.id) FROM "ApiKeySecret" p
          WHERE p."workspaceId" = i."workspaceId" AND p."keyId" = i."apiKeyId"
            AND p."createdAt" <= i.at AND coalesce(p."endsAt" > i.at, TRUE)
          ORDER BY p."createdAt" LIMIT 1) END
  FROM issued i
  JOIN "ApiKey" k ON k."workspaceId" = i."workspaceId" AND k.id = i."keyId"
 WHERE i.hash = s.hash AND i."actorKind" IS NOT NULL;

DROP TABLE issued;

-- CreateIndex
CREATE INDEX "ApiKeySecret_workspaceId_receiverId_idx" ON "ApiKeySecret"("workspaceId", "receiverId");

-- CreateIndex
CREATE INDEX "ApiKeySecret_workspaceId_receiverKeyId_idx" ON "ApiKeySecret"("workspaceId", "receiverKeyId");

-- AddForeignKey
ALTER TABLE "ApiKeySecret" ADD CONSTRAINT "ApiKeySecret_workspaceId_receiverId_fkey" FOREIGN KEY ("workspaceId", "receiverId") REFERENCES "Member"("workspaceId", "userId") ON DELETE RESTRICT ON UPDATE CASCADE;
