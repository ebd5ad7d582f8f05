-- AlterTable
ALTER TABLE "Run" ADD COLUMN     "accessTokenId" TEXT;

-- Beyond what the models can say: of all runs ever, those in progress.
CREATE INDEX "Run_workspaceId_in_progress_idx" ON "Run"("workspaceId") WHERE "leaseExpiresAt" IS NOT NULL;
