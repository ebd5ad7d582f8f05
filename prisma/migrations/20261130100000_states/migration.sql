-- CreateEnum
CREATE TYPE "ApiKeyStatus" AS ENUM ('ACTIVE', 'DISABLED', 'EXPIRED', 'REVOKED');

-- CreateEnum
CREATE TYPE "AccessTokenStatus" AS ENUM ('ACTIVE', 'ROTATED', 'EXPIRED', 'REVOKED');

-- statement_timestamp() lets the views be part of the statements that ask: clock_timestamp() would have
-- the state of every key worked out first.

-- A key ends by itself, by the policies of its workspace, and with the secret `es` that made it, which
-- ends by itself or with its own key `ek`.
CREATE VIEW "ApiKeyState" AS
SELECT k."workspaceId", k.id AS "keyId",
       (CASE WHEN k."revokedAt" IS NOT NULL THEN 'REVOKED'
             WHEN ends.at <= statement_timestamp() THEN 'EXPIRED'
             WHEN k."disabledAt" IS NOT NULL THEN 'DISABLED'
             ELSE 'ACTIVE' END)::"ApiKeyStatus" AS status,
       ends.at AS "effectiveExpiresAt",
       CASE WHEN k."revokedAt" IS NULL AND coalesce(ends.at > statement_timestamp(), TRUE) THEN (
         SELECT least(max(o."endsAt"), ends.at) FROM "ApiKeySecret" o
          WHERE o."workspaceId" = k."workspaceId" AND o."keyId" = k.id
            AND o."endsAt" > statement_timestamp()) END AS "previousSecretExpiresAt",
       us."lastUsedAt", us."lastUsedIp"
  FROM "ApiKey" k
  JOIN "Workspace" w ON w.id = k."workspaceId"
  LEFT JOIN "ApiKeyUsage" us ON us."workspaceId" = k."workspaceId" AND us."keyId" = k.id
  LEFT JOIN "ApiKeySecret" es ON es."workspaceId" = k."workspaceId" AND es.id = k."endsWithSecretId"
  LEFT JOIN "ApiKey" ek ON ek."workspaceId" = es."workspaceId" AND ek.id = es."keyId"
 CROSS JOIN LATERAL (SELECT least(
   k."expiresAt",
   k."createdAt" + make_interval(hours => 24 * w."maxKeyLifetimeDays"),
   CASE WHEN k.legacy THEN w."legacyKeySunsetAt" END,
   es."endsAt", ek."revokedAt", ek."expiresAt",
   ek."createdAt" + make_interval(hours => 24 * w."maxKeyLifetimeDays"),
   CASE WHEN ek.legacy THEN w."legacyKeySunsetAt" END) AS at) ends;

CREATE VIEW "AccessTokenState" AS
SELECT t."workspaceId", t.id AS "tokenId",
       (CASE WHEN t."revokedAt" IS NOT NULL THEN 'REVOKED'
             WHEN least(t."expiresAt", ms."endsAt", ks."effectiveExpiresAt") <= statement_timestamp() THEN 'EXPIRED'
             WHEN t."rotatedAt" IS NOT NULL THEN 'ROTATED'
             ELSE 'ACTIVE' END)::"AccessTokenStatus" AS status,
       us."lastUsedAt", us."lastUsedIp"
  FROM "AccessToken" t
  JOIN "ApiKeyState" ks ON ks."workspaceId" = t."workspaceId" AND ks."keyId" = t."keyId"
  LEFT JOIN "ApiKeySecret" ms ON ms."workspaceId" = t."workspaceId" AND ms.id = t."secretId"
  LEFT JOIN "AccessTokenUsage" us ON us."workspaceId" = t."workspaceId" AND us."tokenId" = t.id;

CREATE VIEW "AccessTokenSpace" AS
SELECT t."workspaceId", t.id AS "tokenId", named.id AS "spaceId"
  FROM "AccessToken" t CROSS JOIN LATERAL unnest(t."spaceIds") AS named (id);
