-- Beyond what the models can say: of all documents ever, those that are there, for the sum of their bytes.
CREATE INDEX "Document_workspaceId_bytes_idx" ON "Document"("workspaceId") INCLUDE ("bytes") WHERE "deletedAt" IS NULL;
