-- What integrations find their keys by: ids and labels of their own.
-- AlterTable
ALTER TABLE "ApiKey" ADD COLUMN     "externalId" TEXT;

-- CreateTable
CREATE TABLE "ApiKeyLabel" (
    "workspaceId" TEXT NOT NULL,
    "keyId" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "value" TEXT NOT NULL,

    CONSTRAINT "ApiKeyLabel_pkey" PRIMARY KEY ("workspaceId","keyId","name")
);

-- CreateIndex
CREATE INDEX "ApiKeyLabel_workspaceId_name_value_idx" ON "ApiKeyLabel"("workspaceId", "name", "value");

-- CreateIndex
CREATE INDEX "ApiKey_workspaceId_externalId_createdAt_id_idx" ON "ApiKey"("workspaceId", "externalId", "createdAt" DESC, "id" DESC);

-- AddForeignKey
ALTER TABLE "ApiKeyLabel" ADD CONSTRAINT "ApiKeyLabel_workspaceId_keyId_fkey" FOREIGN KEY ("workspaceId", "keyId") REFERENCES "ApiKey"("workspaceId", "id") ON DELETE RESTRICT ON UPDATE CASCADE;
