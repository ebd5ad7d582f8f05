-- What each key used of its rights, and when last, by day.
-- CreateTable
CREATE TABLE "ApiKeyPermissionUsage" (
    "workspaceId" TEXT NOT NULL,
    "keyId" TEXT NOT NULL,
    "permission" TEXT NOT NULL,
    "lastUsedOn" DATE NOT NULL,

    CONSTRAINT "ApiKeyPermissionUsage_pkey" PRIMARY KEY ("workspaceId","keyId","permission")
);

-- CreateTable
CREATE TABLE "ApiKeySpaceUsage" (
    "workspaceId" TEXT NOT NULL,
    "keyId" TEXT NOT NULL,
    "spaceId" TEXT NOT NULL,
    "lastUsedOn" DATE NOT NULL,

    CONSTRAINT "ApiKeySpaceUsage_pkey" PRIMARY KEY ("workspaceId","keyId","spaceId")
);

-- CreateIndex
CREATE INDEX "ApiKeyPermissionUsage_lastUsedOn_idx" ON "ApiKeyPermissionUsage"("lastUsedOn");

-- CreateIndex
CREATE INDEX "ApiKeySpaceUsage_lastUsedOn_idx" ON "ApiKeySpaceUsage"("lastUsedOn");

-- Of the time before nothing is known: a key that is there already may have used whatever it holds.
INSERT INTO "Setting" (name, value)
SELECT 'rightsUsageSince', to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')
 WHERE EXISTS (SELECT 1 FROM "ApiKey");
