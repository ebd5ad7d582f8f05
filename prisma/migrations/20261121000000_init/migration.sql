-- CreateEnum
CREATE TYPE "AgentStatus" AS ENUM ('ACTIVE', 'ARCHIVED');

-- CreateEnum
CREATE TYPE "CallerKind" AS ENUM ('HUMAN', 'API_KEY', 'ACCESS_TOKEN');

-- CreateEnum
CREATE TYPE "UserKind" AS ENUM ('HUMAN', 'MACHINE');

-- CreateEnum
CREATE TYPE "Role" AS ENUM ('OWNER', 'ADMIN', 'BUILDER', 'MEMBER');

-- CreateEnum
CREATE TYPE "SpaceVisibility" AS ENUM ('OPEN', 'RESTRICTED');

-- CreateEnum
CREATE TYPE "Plan" AS ENUM ('FREE', 'PRO', 'BUSINESS', 'ENTERPRISE');

-- CreateTable
CREATE TABLE "Agent" (
    "workspaceId" TEXT NOT NULL,
    "id" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "description" TEXT,
    "instructions" TEXT,
    "model" TEXT,
    "status" "AgentStatus" NOT NULL DEFAULT 'ACTIVE',
    "version" INTEGER NOT NULL DEFAULT 1,
    "createdById" TEXT,
    "createdAt" TIMESTAMPTZ(3) NOT NULL,
    "updatedAt" TIMESTAMPTZ(3) NOT NULL,
    "deletedAt" TIMESTAMPTZ(3),

    CONSTRAINT "Agent_pkey" PRIMARY KEY ("workspaceId","id")
);

-- CreateTable
CREATE TABLE "AgentSpace" (
    "workspaceId" TEXT NOT NULL,
    "agentId" TEXT NOT NULL,
    "spaceId" TEXT NOT NULL,

    CONSTRAINT "AgentSpace_pkey" PRIMARY KEY ("workspaceId","agentId","spaceId")
);

-- CreateTable
CREATE TABLE "ApiKey" (
    "workspaceId" TEXT NOT NULL,
    "id" TEXT NOT NULL,
    "ownerId" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "nameKey" TEXT,
    "description" TEXT,
    "start" TEXT NOT NULL,
    "last4" TEXT NOT NULL,
    "legacy" BOOLEAN NOT NULL DEFAULT false,
    "permissions" TEXT[],
    "allSpaces" BOOLEAN NOT NULL,
    "allowedIps" TEXT[],
    "requestsPerMinute" INTEGER,
    "createdAt" TIMESTAMPTZ(3) NOT NULL,
    "updatedAt" TIMESTAMPTZ(3) NOT NULL,
    "createdById" TEXT,
    "createdByKeyId" TEXT,
    "expiresAt" TIMESTAMPTZ(3),
    "rotatedAt" TIMESTAMPTZ(3),
    "secretEpoch" BIGINT NOT NULL,
    "retirePreviousOnFirstUse" BOOLEAN NOT NULL DEFAULT false,
    "disabledAt" TIMESTAMPTZ(3),
    "revokedAt" TIMESTAMPTZ(3),
    "revokedById" TEXT,
    "revocationReason" TEXT,
    "ownerRemoved" BOOLEAN NOT NULL DEFAULT false,

    CONSTRAINT "ApiKey_pkey" PRIMARY KEY ("workspaceId","id")
);

-- CreateTable
CREATE TABLE "ApiKeySecret" (
    "hash" BYTEA NOT NULL,
    "workspaceId" TEXT NOT NULL,
    "keyId" TEXT NOT NULL,
    "createdAt" TIMESTAMPTZ(3) NOT NULL,
    "endsAt" TIMESTAMPTZ(3),

    CONSTRAINT "ApiKeySecret_pkey" PRIMARY KEY ("hash")
);

-- CreateTable
CREATE TABLE "ApiKeyScope" (
    "workspaceId" TEXT NOT NULL,
    "keyId" TEXT NOT NULL,
    "scopeId" TEXT NOT NULL,

    CONSTRAINT "ApiKeyScope_pkey" PRIMARY KEY ("workspaceId","keyId","scopeId")
);

-- CreateTable
CREATE TABLE "SpaceGrant" (
    "workspaceId" TEXT NOT NULL,
    "keyId" TEXT NOT NULL,
    "spaceId" TEXT NOT NULL,
    "narrowed" BOOLEAN NOT NULL,
    "permissions" TEXT[],

    CONSTRAINT "SpaceGrant_pkey" PRIMARY KEY ("workspaceId","keyId","spaceId")
);

-- CreateTable
CREATE TABLE "ApiKeyUsage" (
    "workspaceId" TEXT NOT NULL,
    "keyId" TEXT NOT NULL,
    "lastUsedAt" TIMESTAMPTZ(3) NOT NULL,
    "lastUsedIp" TEXT,

    CONSTRAINT "ApiKeyUsage_pkey" PRIMARY KEY ("workspaceId","keyId")
);

-- CreateTable
CREATE TABLE "AuditEvent" (
    "workspaceId" TEXT NOT NULL,
    "sequence" INTEGER NOT NULL,
    "id" TEXT NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL,
    "action" TEXT NOT NULL,
    "actorKind" "CallerKind",
    "actorId" TEXT,
    "actorName" TEXT NOT NULL,
    "apiKeyId" TEXT,
    "accessTokenId" TEXT,
    "targetId" TEXT,
    "targetName" TEXT,
    "ip" TEXT,
    "requestId" TEXT,
    "changes" TEXT NOT NULL,
    "previousHash" TEXT,
    "hash" TEXT NOT NULL,

    CONSTRAINT "AuditEvent_pkey" PRIMARY KEY ("workspaceId","sequence")
);

-- CreateTable
CREATE TABLE "User" (
    "id" TEXT NOT NULL,
    "kind" "UserKind" NOT NULL,
    "createdAt" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "User_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "Member" (
    "workspaceId" TEXT NOT NULL,
    "id" TEXT NOT NULL,
    "userId" TEXT NOT NULL,
    "role" "Role" NOT NULL,
    "name" TEXT NOT NULL,
    "email" TEXT,
    "emailKey" TEXT,
    "createdAt" TIMESTAMPTZ(3) NOT NULL,
    "removedAt" TIMESTAMPTZ(3),

    CONSTRAINT "Member_pkey" PRIMARY KEY ("workspaceId","id")
);

-- CreateTable
CREATE TABLE "Scope" (
    "workspaceId" TEXT NOT NULL,
    "id" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "nameKey" TEXT,
    "description" TEXT,
    "permissions" TEXT[],
    "createdAt" TIMESTAMPTZ(3) NOT NULL,
    "updatedAt" TIMESTAMPTZ(3) NOT NULL,
    "deletedAt" TIMESTAMPTZ(3),

    CONSTRAINT "Scope_pkey" PRIMARY KEY ("workspaceId","id")
);

-- CreateTable
CREATE TABLE "Space" (
    "workspaceId" TEXT NOT NULL,
    "id" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "nameKey" TEXT,
    "description" TEXT,
    "visibility" "SpaceVisibility" NOT NULL,
    "createdAt" TIMESTAMPTZ(3) NOT NULL,
    "updatedAt" TIMESTAMPTZ(3) NOT NULL,
    "deletedAt" TIMESTAMPTZ(3),

    CONSTRAINT "Space_pkey" PRIMARY KEY ("workspaceId","id")
);

-- CreateTable
CREATE TABLE "SpaceMember" (
    "workspaceId" TEXT NOT NULL,
    "spaceId" TEXT NOT NULL,
    "memberId" TEXT NOT NULL,

    CONSTRAINT "SpaceMember_pkey" PRIMARY KEY ("workspaceId","spaceId","memberId")
);

-- CreateTable
CREATE TABLE "Workspace" (
    "id" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "slug" TEXT NOT NULL,
    "plan" "Plan" NOT NULL DEFAULT 'FREE',
    "enterpriseRequestsPerMinute" INTEGER,
    "enterpriseKeyLimit" INTEGER,
    "maxKeyLifetimeDays" INTEGER,
    "legacyKeySunsetAt" TIMESTAMPTZ(3),
    "epoch" BIGINT NOT NULL DEFAULT 0,
    "auditSequence" INTEGER NOT NULL DEFAULT 0,
    "auditHash" TEXT,
    "createdAt" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "Workspace_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "Setting" (
    "name" TEXT NOT NULL,
    "value" TEXT NOT NULL,

    CONSTRAINT "Setting_pkey" PRIMARY KEY ("name")
);

-- CreateIndex
CREATE INDEX "Agent_workspaceId_createdAt_id_idx" ON "Agent"("workspaceId", "createdAt" DESC, "id" DESC);

-- CreateIndex
CREATE INDEX "AgentSpace_workspaceId_spaceId_idx" ON "AgentSpace"("workspaceId", "spaceId");

-- CreateIndex
CREATE INDEX "ApiKey_workspaceId_createdAt_id_idx" ON "ApiKey"("workspaceId", "createdAt" DESC, "id" DESC);

-- CreateIndex
CREATE INDEX "ApiKey_workspaceId_ownerId_idx" ON "ApiKey"("workspaceId", "ownerId");

-- CreateIndex
CREATE INDEX "ApiKey_workspaceId_createdByKeyId_idx" ON "ApiKey"("workspaceId", "createdByKeyId");

-- CreateIndex
CREATE UNIQUE INDEX "ApiKey_workspaceId_ownerId_nameKey_key" ON "ApiKey"("workspaceId", "ownerId", "nameKey");

-- CreateIndex
CREATE INDEX "ApiKeySecret_workspaceId_keyId_idx" ON "ApiKeySecret"("workspaceId", "keyId");

-- CreateIndex
CREATE INDEX "ApiKeyScope_workspaceId_scopeId_idx" ON "ApiKeyScope"("workspaceId", "scopeId");

-- CreateIndex
CREATE INDEX "SpaceGrant_workspaceId_spaceId_idx" ON "SpaceGrant"("workspaceId", "spaceId");

-- CreateIndex
CREATE UNIQUE INDEX "AuditEvent_workspaceId_id_key" ON "AuditEvent"("workspaceId", "id");

-- CreateIndex
CREATE INDEX "Member_workspaceId_createdAt_id_idx" ON "Member"("workspaceId", "createdAt" DESC, "id" DESC);

-- CreateIndex
CREATE INDEX "Member_userId_idx" ON "Member"("userId");

-- CreateIndex
CREATE UNIQUE INDEX "Member_workspaceId_userId_key" ON "Member"("workspaceId", "userId");

-- CreateIndex
CREATE UNIQUE INDEX "Member_workspaceId_emailKey_key" ON "Member"("workspaceId", "emailKey");

-- CreateIndex
CREATE INDEX "Scope_workspaceId_createdAt_id_idx" ON "Scope"("workspaceId", "createdAt" DESC, "id" DESC);

-- CreateIndex
CREATE UNIQUE INDEX "Scope_workspaceId_nameKey_key" ON "Scope"("workspaceId", "nameKey");

-- CreateIndex
CREATE INDEX "Space_workspaceId_createdAt_id_idx" ON "Space"("workspaceId", "createdAt" DESC, "id" DESC);

-- CreateIndex
CREATE UNIQUE INDEX "Space_workspaceId_nameKey_key" ON "Space"("workspaceId", "nameKey");

-- CreateIndex
CREATE INDEX "SpaceMember_workspaceId_memberId_idx" ON "SpaceMember"("workspaceId", "memberId");

-- CreateIndex
CREATE UNIQUE INDEX "Workspace_slug_key" ON "Workspace"("slug");

-- AddForeignKey
ALTER TABLE "Agent" ADD CONSTRAINT "Agent_workspaceId_fkey" FOREIGN KEY ("workspaceId") REFERENCES "Workspace"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "Agent" ADD CONSTRAINT "Agent_workspaceId_createdById_fkey" FOREIGN KEY ("workspaceId", "createdById") REFERENCES "Member"("workspaceId", "userId") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "AgentSpace" ADD CONSTRAINT "AgentSpace_workspaceId_agentId_fkey" FOREIGN KEY ("workspaceId", "agentId") REFERENCES "Agent"("workspaceId", "id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "AgentSpace" ADD CONSTRAINT "AgentSpace_workspaceId_spaceId_fkey" FOREIGN KEY ("workspaceId", "spaceId") REFERENCES "Space"("workspaceId", "id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "ApiKey" ADD CONSTRAINT "ApiKey_workspaceId_fkey" FOREIGN KEY ("workspaceId") REFERENCES "Workspace"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "ApiKey" ADD CONSTRAINT "ApiKey_workspaceId_ownerId_fkey" FOREIGN KEY ("workspaceId", "ownerId") REFERENCES "Member"("workspaceId", "userId") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "ApiKey" ADD CONSTRAINT "ApiKey_workspaceId_createdById_fkey" FOREIGN KEY ("workspaceId", "createdById") REFERENCES "Member"("workspaceId", "userId") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "ApiKey" ADD CONSTRAINT "ApiKey_workspaceId_revokedById_fkey" FOREIGN KEY ("workspaceId", "revokedById") REFERENCES "Member"("workspaceId", "userId") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "ApiKeySecret" ADD CONSTRAINT "ApiKeySecret_workspaceId_fkey" FOREIGN KEY ("workspaceId") REFERENCES "Workspace"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "ApiKeySecret" ADD CONSTRAINT "ApiKeySecret_workspaceId_keyId_fkey" FOREIGN KEY ("workspaceId", "keyId") REFERENCES "ApiKey"("workspaceId", "id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "ApiKeyScope" ADD CONSTRAINT "ApiKeyScope_workspaceId_keyId_fkey" FOREIGN KEY ("workspaceId", "keyId") REFERENCES "ApiKey"("workspaceId", "id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "ApiKeyScope" ADD CONSTRAINT "ApiKeyScope_workspaceId_scopeId_fkey" FOREIGN KEY ("workspaceId", "scopeId") REFERENCES "Scope"("workspaceId", "id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "SpaceGrant" ADD CONSTRAINT "SpaceGrant_workspaceId_keyId_fkey" FOREIGN KEY ("workspaceId", "keyId") REFERENCES "ApiKey"("workspaceId", "id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "SpaceGrant" ADD CONSTRAINT "SpaceGrant_workspaceId_spaceId_fkey" FOREIGN KEY ("workspaceId", "spaceId") REFERENCES "Space"("workspaceId", "id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "AuditEvent" ADD CONSTRAINT "AuditEvent_workspaceId_fkey" FOREIGN KEY ("workspaceId") REFERENCES "Workspace"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "Member" ADD CONSTRAINT "Member_workspaceId_fkey" FOREIGN KEY ("workspaceId") REFERENCES "Workspace"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "Member" ADD CONSTRAINT "Member_userId_fkey" FOREIGN KEY ("userId") REFERENCES "User"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "Scope" ADD CONSTRAINT "Scope_workspaceId_fkey" FOREIGN KEY ("workspaceId") REFERENCES "Workspace"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "Space" ADD CONSTRAINT "Space_workspaceId_fkey" FOREIGN KEY ("workspaceId") REFERENCES "Workspace"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "SpaceMember" ADD CONSTRAINT "SpaceMember_workspaceId_spaceId_fkey" FOREIGN KEY ("workspaceId", "spaceId") REFERENCES "Space"("workspaceId", "id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "SpaceMember" ADD CONSTRAINT "SpaceMember_workspaceId_memberId_fkey" FOREIGN KEY ("workspaceId", "memberId") REFERENCES "Member"("workspaceId", "id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- A key has one current secret.
CREATE UNIQUE INDEX "ApiKeySecret_current_key" ON "ApiKeySecret"("workspaceId", "keyId") WHERE "endsAt" IS NULL;
