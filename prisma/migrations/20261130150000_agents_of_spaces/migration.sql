-- The agents of a space are listed by an index of its own, newest first.
ALTER TABLE "AgentSpace" ADD COLUMN "agentCreatedAt" TIMESTAMPTZ(3);

UPDATE "AgentSpace" x SET "agentCreatedAt" = a."createdAt"
  FROM "Agent" a WHERE a."workspaceId" = x."workspaceId" AND a.id = x."agentId";

ALTER TABLE "AgentSpace" ALTER COLUMN "agentCreatedAt" SET NOT NULL;

-- DropIndex
DROP INDEX "AgentSpace_workspaceId_spaceId_idx";

-- CreateIndex
CREATE INDEX "AgentSpace_workspaceId_spaceId_agentCreatedAt_agentId_idx" ON "AgentSpace"("workspaceId", "spaceId", "agentCreatedAt" DESC, "agentId" DESC);
