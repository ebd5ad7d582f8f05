-- What the audit log is filtered by, each in the order of its pages.
-- CreateIndex
CREATE INDEX "AuditEvent_workspaceId_action_sequence_idx" ON "AuditEvent"("workspaceId", "action", "sequence");

-- CreateIndex
CREATE INDEX "AuditEvent_workspaceId_actorId_sequence_idx" ON "AuditEvent"("workspaceId", "actorId", "sequence");

-- CreateIndex
CREATE INDEX "AuditEvent_workspaceId_apiKeyId_sequence_idx" ON "AuditEvent"("workspaceId", "apiKeyId", "sequence");

-- CreateIndex
CREATE INDEX "AuditEvent_workspaceId_targetId_sequence_idx" ON "AuditEvent"("workspaceId", "targetId", "sequence");

-- CreateIndex
CREATE INDEX "AuditEvent_workspaceId_at_sequence_idx" ON "AuditEvent"("workspaceId", "at", "sequence");
