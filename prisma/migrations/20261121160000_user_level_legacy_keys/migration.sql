-- AlterTable
ALTER TABLE "ApiKey" ADD COLUMN     "userLevel" BOOLEAN NOT NULL DEFAULT false;

-- CreateTable
CREATE TABLE "UserLegacyKey" (
    "id" TEXT NOT NULL,
    "hash" BYTEA NOT NULL,
    "userId" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "start" TEXT NOT NULL,
    "last4" TEXT NOT NULL,
    "createdAt" TIMESTAMPTZ(3) NOT NULL,
    "revokedAt" TIMESTAMPTZ(3),

    CONSTRAINT "UserLegacyKey_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE UNIQUE INDEX "UserLegacyKey_hash_key" ON "UserLegacyKey"("hash");

-- CreateIndex
CREATE INDEX "UserLegacyKey_userId_idx" ON "UserLegacyKey"("userId");

-- AddForeignKey
ALTER TABLE "UserLegacyKey" ADD CONSTRAINT "UserLegacyKey_userId_fkey" FOREIGN KEY ("userId") REFERENCES "User"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- The prefixes of the keys that there are: from now on each is noted when it is first used.
INSERT INTO "Setting" ("name", "value")
SELECT DISTINCT 'keyPrefix:' || left("start", -5), left("start", -5) FROM "ApiKey" WHERE NOT "legacy";
