-- A token ends with the secret that minted it. Of the present ones that is not known: they live until they expire.
-- AlterTable
ALTER TABLE "AccessToken" ADD COLUMN     "secretId" UUID;

-- AlterTable
ALTER TABLE "ApiKey" ADD COLUMN     "endsWithSecretId" UUID;

-- AlterTable
ALTER TABLE "ApiKeySecret" ADD COLUMN     "id" UUID NOT NULL DEFAULT gen_random_uuid();

-- CreateIndex
CREATE UNIQUE INDEX "ApiKeySecret_workspaceId_id_key" ON "ApiKeySecret"("workspaceId", "id");

-- AddForeignKey
ALTER TABLE "AccessToken" ADD CONSTRAINT "AccessToken_workspaceId_secretId_fkey" FOREIGN KEY ("workspaceId", "secretId") REFERENCES "ApiKeySecret"("workspaceId", "id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "ApiKey" ADD CONSTRAINT "ApiKey_workspaceId_endsWithSecretId_fkey" FOREIGN KEY ("workspaceId", "endsWithSecretId") REFERENCES "ApiKeySecret"("workspaceId", "id") ON DELETE RESTRICT ON UPDATE CASCADE;
