-- CreateTable
CREATE TABLE "SessionSpace" (
    "workspaceId" TEXT NOT NULL,
    "sessionId" TEXT NOT NULL,
    "spaceId" TEXT NOT NULL,

    CONSTRAINT "SessionSpace_pkey" PRIMARY KEY ("workspaceId","sessionId","spaceId")
);

-- AddForeignKey
ALTER TABLE "SessionSpace" ADD CONSTRAINT "SessionSpace_workspaceId_sessionId_fkey" FOREIGN KEY ("workspaceId", "sessionId") REFERENCES "Session"("workspaceId", "id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "SessionSpace" ADD CONSTRAINT "SessionSpace_workspaceId_spaceId_fkey" FOREIGN KEY ("workspaceId", "spaceId") REFERENCES "Space"("workspaceId", "id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- Sessions that are there began, as far as is known, in the spaces that their agents have now.
INSERT INTO "SessionSpace" ("workspaceId", "sessionId", "spaceId")
SELECT s."workspaceId", s.id, x."spaceId"
  FROM "Session" s JOIN "AgentSpace" x ON x."workspaceId" = s."workspaceId" AND x."agentId" = s."agentId";
