import type { Deps } from './deps.ts'
import { createFirstWorkspace } from './modules/workspace/bootstrap.ts'

/** The workspace that a new database begins with. */
const firstWorkspace = {
  name: 'Main',
  slug: 'main',
  // Nobody meters their own machine.
  plan: 'ENTERPRISE',
  hashImport: true,
  owner: { name: 'Owner', email: 'owner@localhost' },
} as const

/** What a start found or made. */
export type FirstStart =
  | { readonly isFirst: true; readonly workspace: string; readonly secret: string }
  | { readonly isFirst: false }

/**
 * Makes the first workspace, its owner and their key in an empty database, with `secret` as the
 * key's if it is given. In a database that has a workspace nothing happens.
 */
export async function ensureFirstWorkspace(deps: Deps, secret?: string): Promise<FirstStart> {
  if ((await deps.prisma.workspace.count()) > 0) return { isFirst: false }
  const made = await createFirstWorkspace(deps, {
    ...firstWorkspace,
    ...(secret !== undefined && { secret }),
  }).catch(async (error: unknown) => {
    // Another replica, started at the same time on the same database, was first.
    if ((await deps.prisma.workspace.count()) > 0) return undefined
    throw error
  })
  if (made === undefined) return { isFirst: false }
  return { isFirst: true, workspace: firstWorkspace.name, secret: made.secret }
}
