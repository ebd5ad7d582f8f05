import type { Deps } from '../../deps.ts'
import { RequestError, userError } from '../../errors.ts'
import { Prisma } from '../../generated/prisma/client.ts'
import type { WorkspaceTransaction } from '../../transactions/workspace-transaction.ts'

/** What an operator is told who names a workspace that there is not. */
export const noSuchWorkspace = (slug: string): RequestError =>
  new RequestError('WORKSPACE_NOT_FOUND', `There is no workspace ${JSON.stringify(slug)}.`)

/**
 * Finds the workspace that an operator means: the one of that slug or, where none is named, the only
 * one; undefined where there are several, or none.
 *
 * @throws RequestError WORKSPACE_NOT_FOUND for a slug that no workspace has
 */
export async function findWorkspaceId(
  { prisma }: Pick<Deps, 'prisma'>,
  slug?: string,
): Promise<string | undefined> {
  const where = slug === undefined ? {} : { slug }
  const [found, another] = await prisma.workspace.findMany({ where, take: 2, select: { id: true } })
  if (slug !== undefined && found === undefined) throw noSuchWorkspace(slug)
  return another === undefined ? found?.id : undefined
}

/** Slugs of one workspace, former ones included: nobody else can ever have them. */
const maxSlugs = 10

/**
 * Gives a workspace a slug that no other one has or had: a client may still name the former one, and
 * must not get into somebody else's workspace by it. Its own former ones it can have back.
 *
 * @throws UserInputError LIMIT_REACHED beyond ten slugs; what `slugTaken` makes NAME_TAKEN
 */
export async function takeSlug(
  { db, workspace }: WorkspaceTransaction,
  slug: string,
): Promise<void> {
  const workspaceId = workspace.id
  const own = await db.workspaceSlug.findMany({ where: { workspaceId } })
  if (own.some((it) => it.slug === slug)) return
  if (own.length >= maxSlugs)
    throw userError(
      'LIMIT_REACHED',
      ['input', 'slug'],
      `A workspace has ${maxSlugs} slugs at most, former ones included: take one of those back.`,
    )
  await db.workspaceSlug.create({ data: { slug, workspaceId } })
}

const models: readonly unknown[] = ['Workspace', 'WorkspaceSlug']

/**
 * Passes on why a workspace could not be written. The slug is the one value that other workspaces,
 * under other locks, can take meanwhile.
 *
 * @throws UserInputError NAME_TAKEN when another workspace has or had the slug, else the error itself
 */
export function slugTaken(error: unknown): never {
  const isTaken =
    error instanceof Prisma.PrismaClientKnownRequestError &&
    error.code === 'P2002' &&
    models.includes(error.meta?.modelName)
  const message = 'Another workspace has this slug, or had it once.'
  throw isTaken ? userError('NAME_TAKEN', ['input', 'slug'], message) : error
}
