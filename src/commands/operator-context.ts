import type { Deps } from '../deps.ts'
import { ConfigError } from '../errors.ts'
import { findWorkspaceId } from '../modules/workspace/slug.ts'
import type { OperatorContext } from '../service-context.ts'
import { valued } from './option-values.ts'

/** The option that names the workspace of a command. */
export const workspaceOption = {
  workspace: valued('SLUG', 'the workspace; may be left out where there is only one'),
} as const

/**
 * The operator in the workspace that they mean.
 *
 * @throws RequestError WORKSPACE_NOT_FOUND for a slug that no workspace has; ConfigError where none is
 *   named and there is not exactly one
 */
export async function operatorIn(deps: Deps, slug: string | undefined): Promise<OperatorContext> {
  const workspaceId = await findWorkspaceId(deps, slug)
  if (workspaceId === undefined)
    throw new ConfigError('name a workspace with --workspace; latchkey workspaces list has them')
  return { deps, caller: null, workspaceId }
}
