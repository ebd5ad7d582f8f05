import { RequestError, userError } from '../../errors.ts'
import { Prisma } from '../../generated/prisma/client.ts'
import type { InputProblems } from '../../input/problems.ts'

const shape = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/

/** A workspace's slug: 1 to 63 lower-case letters, digits and inner hyphens, as in a host name. */
export function slugInput(
  problems: InputProblems,
  path: readonly string[],
  value: string | null,
): string {
  if (value === null || !shape.test(value))
    problems.add(
      'INVALID',
      path,
      'A slug has 1 to 63 lower-case letters, digits and hyphens, none at either end.',
    )
  return value ?? ''
}

/** What an operator is told who names a workspace that there is not. */
export const noSuchWorkspace = (slug: string): RequestError =>
  new RequestError('WORKSPACE_NOT_FOUND', `There is no workspace ${JSON.stringify(slug)}.`)

/**
 * Passes on why a workspace could not be written. The slug is the one value that other workspaces,
 * under other locks, can take meanwhile.
 *
 * @throws UserInputError NAME_TAKEN when another workspace has the slug, else the error itself
 */
export function slugTaken(error: unknown): never {
  const isTaken =
    error instanceof Prisma.PrismaClientKnownRequestError &&
    error.code === 'P2002' &&
    error.meta?.modelName === 'Workspace'
  throw isTaken ? userError('NAME_TAKEN', ['input', 'slug'], 'This slug is taken.') : error
}
