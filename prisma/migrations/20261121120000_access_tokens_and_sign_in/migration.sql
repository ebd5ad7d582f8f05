-- AlterTable
ALTER TABLE "Workspace" ADD COLUMN     "createdById" TEXT;

-- CreateTable
CREATE TABLE "AccessToken" (
    "workspaceId" TEXT NOT NULL,
    "id" TEXT NOT NULL,
    "keyId" TEXT NOT NULL,
    "familyId" TEXT NOT NULL,
    "familyExpiresAt" TIMESTAMPTZ(3) NOT NULL,
    "predecessorId" TEXT,
    "permissions" TEXT[],
    "allSpaces" BOOLEAN NOT NULL,
    "spaceIds" TEXT[],
    "narrowings" JSONB NOT NULL,
    "audience" TEXT[],
    "createdAt" TIMESTAMPTZ(3) NOT NULL,
    "expiresAt" TIMESTAMPTZ(3) NOT NULL,
    "rotatedAt" TIMESTAMPTZ(3),
    "revokedAt" TIMESTAMPTZ(3),

    CONSTRAINT "AccessToken_pkey" PRIMARY KEY ("workspaceId","id")
);

-- CreateTable
CREATE TABLE "AccessTokenUsage" (
    "workspaceId" TEXT NOT NULL,
    "tokenId" TEXT NOT NULL,
    "lastUsedAt" TIMESTAMPTZ(3) NOT NULL,
    "lastUsedIp" TEXT,

    CONSTRAINT "AccessTokenUsage_pkey" PRIMARY KEY ("workspaceId","tokenId")
);

-- CreateTable
CREATE TABLE "SigningKey" (
    "id" TEXT NOT NULL,
    "publicKey" TEXT NOT NULL,
    "privateKey" TEXT NOT NULL,
    "createdAt" TIMESTAMPTZ(3) NOT NULL,
    "signsFrom" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "SigningKey_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "Identity" (
    "issuer" TEXT NOT NULL,
    "subject" TEXT NOT NULL,
    "userId" TEXT NOT NULL,
    "createdAt" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "Identity_pkey" PRIMARY KEY ("issuer","subject")
);

-- CreateIndex
CREATE INDEX "AccessToken_workspaceId_createdAt_id_idx" ON "AccessToken"("workspaceId", "createdAt" DESC, "id" DESC);

-- CreateIndex
CREATE INDEX "AccessToken_workspaceId_keyId_expiresAt_idx" ON "AccessToken"("workspaceId", "keyId", "expiresAt");

-- CreateIndex
CREATE INDEX "AccessToken_workspaceId_familyId_idx" ON "AccessToken"("workspaceId", "familyId");

-- CreateIndex
CREATE UNIQUE INDEX "AccessToken_workspaceId_predecessorId_key" ON "AccessToken"("workspaceId", "predecessorId");

-- CreateIndex
CREATE INDEX "Identity_userId_idx" ON "Identity"("userId");

-- CreateIndex
CREATE INDEX "Member_emailKey_idx" ON "Member"("emailKey");

-- CreateIndex
CREATE INDEX "Workspace_createdById_idx" ON "Workspace"("createdById");

-- AddForeignKey
ALTER TABLE "AccessToken" ADD CONSTRAINT "AccessToken_workspaceId_fkey" FOREIGN KEY ("workspaceId") REFERENCES "Workspace"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "AccessToken" ADD CONSTRAINT "AccessToken_workspaceId_keyId_fkey" FOREIGN KEY ("workspaceId", "keyId") REFERENCES "ApiKey"("workspaceId", "id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "Identity" ADD CONSTRAINT "Identity_userId_fkey" FOREIGN KEY ("userId") REFERENCES "User"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "Workspace" ADD CONSTRAINT "Workspace_createdById_fkey" FOREIGN KEY ("createdById") REFERENCES "User"("id") ON DELETE RESTRICT ON UPDATE CASCADE;
