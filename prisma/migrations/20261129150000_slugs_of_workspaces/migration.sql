-- CreateTable
CREATE TABLE "WorkspaceSlug" (
    "slug" TEXT NOT NULL,
    "workspaceId" TEXT NOT NULL,

    CONSTRAINT "WorkspaceSlug_pkey" PRIMARY KEY ("slug")
);

-- CreateIndex
CREATE INDEX "WorkspaceSlug_workspaceId_idx" ON "WorkspaceSlug"("workspaceId");

-- AddForeignKey
ALTER TABLE "WorkspaceSlug" ADD CONSTRAINT "WorkspaceSlug_workspaceId_fkey" FOREIGN KEY ("workspaceId") REFERENCES "Workspace"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- The slugs that workspaces have, then those that they had: each is its last holder's.
INSERT INTO "WorkspaceSlug" (slug, "workspaceId") SELECT slug, id FROM "Workspace";
INSERT INTO "WorkspaceSlug" (slug, "workspaceId")
SELECT DISTINCT ON (former.slug) former.slug, former."workspaceId"
  FROM (SELECT e."workspaceId", e.at, (change ->> 'before')::jsonb #>> '{}' AS slug
          FROM "AuditEvent" e CROSS JOIN LATERAL jsonb_array_elements(e.changes::jsonb) AS change
         WHERE e.action = 'workspace.updated' AND change ->> 'field' = 'slug') AS former
 ORDER BY former.slug, former.at DESC, former."workspaceId"
    ON CONFLICT (slug) DO NOTHING;
