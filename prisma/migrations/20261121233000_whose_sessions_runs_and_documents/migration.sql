-- DropIndex
DROP INDEX "Document_workspaceId_sha256_idx";

-- CreateIndex
CREATE INDEX "Document_workspaceId_createdById_idx" ON "Document"("workspaceId", "createdById");

-- CreateIndex
CREATE INDEX "Run_workspaceId_createdById_idx" ON "Run"("workspaceId", "createdById");

-- CreateIndex
CREATE INDEX "Session_workspaceId_createdById_createdAt_id_idx" ON "Session"("workspaceId", "createdById", "createdAt" DESC, "id" DESC);
