import { findAll } from '../db/where.ts'
import type { Workspace } from '../generated/prisma/client.ts'
import { columns, shownInstant } from './columns.ts'
import { defineCommand } from './define.ts'

/** `latchkey workspaces list`. */
export const workspacesList = defineCommand({
  words: 'workspaces list',
  description: 'list the workspaces, newest first',
  example: 'workspaces list --json',
  read:
    () =>
    async ({ prisma }) => {
      const workspaces: Workspace[] = await findAll({}, (query) => prisma.workspace.findMany(query))
      const rows = workspaces.map(({ id, slug, name, plan, createdAt }) => [
        id,
        slug,
        name,
        plan,
        shownInstant(createdAt),
      ])
      return {
        text: columns([['ID', 'SLUG', 'NAME', 'PLAN', 'CREATED'], ...rows]),
        json: workspaces.map(({ id, slug, name, plan, createdAt }) => ({
          id,
          slug,
          name,
          plan,
          createdAt,
        })),
      }
    },
})
