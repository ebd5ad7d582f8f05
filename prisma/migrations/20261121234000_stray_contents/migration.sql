-- CreateTable
CREATE TABLE "StrayContent" (
    "workspaceId" TEXT NOT NULL,
    "documentId" TEXT NOT NULL,
    "sha256" TEXT NOT NULL,
    "isAwaited" BOOLEAN NOT NULL,
    "dueAt" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "StrayContent_pkey" PRIMARY KEY ("workspaceId","documentId")
);

-- CreateIndex
CREATE INDEX "StrayContent_dueAt_idx" ON "StrayContent"("dueAt");
