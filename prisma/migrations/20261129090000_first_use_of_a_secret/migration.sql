ALTER TABLE "ApiKeySecret" ADD COLUMN "replacedAt" TIMESTAMPTZ(3), ADD COLUMN "usedAt" TIMESTAMPTZ(3);

-- Whether the present secrets were ever used is not known, and to take them for used ends none that may be in use.
UPDATE "ApiKeySecret" s
   SET "usedAt" = s."createdAt",
       "replacedAt" = CASE WHEN s."endsAt" IS NOT NULL THEN coalesce(k."rotatedAt", s."createdAt") END
  FROM "ApiKey" k
 WHERE k."workspaceId" = s."workspaceId" AND k.id = s."keyId";

ALTER TABLE "ApiKey" DROP COLUMN "secretEpoch";
