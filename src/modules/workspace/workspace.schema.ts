import type { SignIn } from '../../auth/caller.ts'
import { builder } from '../../builder.ts'
import type { Context } from '../../context.ts'
import { findPage, type Listing, pageRequest } from '../../db/page.ts'
import { badUserInput } from '../../errors.ts'
import { Prisma, type Workspace as WorkspaceRow } from '../../generated/prisma/client.ts'
import { pageArgs } from '../../graphql/connection.ts'
import { isAllowedAddress } from '../../input/addresses.ts'
import { limitsOf } from '../../limits/plans.ts'
import { isVisibleKey } from '../api-key/api-key.visibility.ts'
import { isAccepted } from '../api-key/key-state.ts'
import { countLiveKeys } from '../api-key/live-keys.ts'
import { isPending } from '../member/claim.ts'
import { Workspace, WorkspaceConnection } from '../refs.ts'

const PlanType = builder.enumType('Plan', {
  description: 'What a workspace may use.',
  values: {
    FREE: { description: '600 requests a minute, 20 live keys; or as the operator has set.' },
    PRO: { description: '3,000 requests a minute, 100 live keys; or as the operator has set.' },
    BUSINESS: {
      description: '6,000 requests a minute, 1,000 live keys; or as the operator has set.',
    },
    ENTERPRISE: { description: 'Limits set for the workspace, or none.' },
  } as const,
})

/** The caller's workspace, read anew for each operation. */
export const findWorkspace = ({ deps, caller }: Context): Promise<WorkspaceRow | null> =>
  deps.prisma.workspace.findUnique({ where: { id: caller.workspaceId } })

/**
 * The caller's rights are those in their current workspace, so what asks for some is told of no
 * other one: a person may list several.
 */
function assertCurrent({ id }: WorkspaceRow, { caller }: Context): void {
  if (id !== caller.workspaceId)
    throw badUserInput(['X-Workspace-Id'], 'Name this workspace in X-Workspace-Id.')
}

Workspace.implement({
  description: 'The tenant: members, spaces, agents and keys belong to it.',
  leafFields: 'public',
  fields: (t) => ({
    id: t.exposeID('id', { description: 'The id of the workspace.' }),
    name: t.exposeString('name', { description: 'What it is called.' }),
    slug: t.exposeString('slug', { description: 'Its short name, unique everywhere.' }),
    plan: t.expose('plan', { type: PlanType, description: 'What it may use.' }),
    seatCount: t.int({
      nullable: true,
      guard: { permissions: ['workspace:read', 'members:read'] },
      description: 'Humans only: machine users are not billed as seats.',
      resolve: (workspace, _args, context) => {
        assertCurrent(workspace, context)
        const where = {
          workspaceId: workspace.id,
          removedAt: null,
          user: { kind: 'HUMAN' },
        } as const
        return context.deps.prisma.member.count({ where })
      },
    }),
    maxKeyLifetimeDays: t.exposeInt('maxKeyLifetimeDays', {
      nullable: true,
      description:
        'The longest that a new or rotated key may live; null: no policy. Keys beyond it are refused, not deleted.',
    }),
    keyLimit: t.int({
      nullable: true,
      guard: { permissions: ['workspace:read', 'keys:read'] },
      description: 'How many live keys the plan allows; null: no limit.',
      resolve: (workspace, _args, context) => {
        assertCurrent(workspace, context)
        return limitsOf(context.deps.limits.plans, workspace).keyLimit
      },
    }),
    apiKeyCount: t.int({
      nullable: true,
      guard: { permissions: ['workspace:read', 'keys:read'] },
      description:
        'How many live keys the caller sees of those that count for `keyLimit`: all but user-level legacy keys.',
      resolve: (workspace, _args, context) => {
        assertCurrent(workspace, context)
        return countLiveKeys(context.deps.prisma, workspace.id, isVisibleKey(context.caller))
      },
    }),
    requestsPerMinute: t.int({
      nullable: true,
      description: "The plan's limit; null: none.",
      resolve: (workspace, _args, { deps }) =>
        limitsOf(deps.limits.plans, workspace).requestsPerMinute,
    }),
    legacyKeySunsetAt: t.expose('legacyKeySunsetAt', {
      type: 'DateTime',
      nullable: true,
      description: 'After this instant legacy keys are refused.',
    }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When it was made.' }),
  }),
})

const membershipsOf = (userId: string): Prisma.Sql => Prisma.sql`w.id IN (
  SELECT m."workspaceId" FROM "Member" m WHERE m."userId" = ${userId} AND m."removedAt" IS NULL)`

/** The ids of the workspaces where a user-level key is accepted, from the request's address. */
async function acceptingWorkspaces(
  { deps, address }: Context,
  keyId: string,
  userId: string,
): Promise<string[]> {
  const rows = await deps.prisma.$queryRaw<{ id: string; allowedIps: string[] }[]>`
    SELECT w.id, k."allowedIps" FROM "ApiKey" k JOIN "Workspace" w ON w.id = k."workspaceId"
     WHERE k.id = ${keyId} AND ${membershipsOf(userId)} AND ${isAccepted}`
  return rows
    .filter(({ allowedIps }) => allowedIps.length === 0 || isAllowedAddress(address, allowedIps))
    .map(({ id }) => id)
}

/**
 * The workspaces of a person; for who is in none yet, those where their address was entered. Anybody
 * can enter it, so for who is in one this changes nothing.
 */
const enterableBy = ({ userId, email }: SignIn): Prisma.Sql => Prisma.sql`
  (${membershipsOf(userId)} OR w.id IN (
    SELECT m."workspaceId" FROM "Member" m JOIN "User" u ON u.id = m."userId"
     WHERE ${isPending(email ?? '')} AND NOT EXISTS (
       SELECT 1 FROM "Member" own WHERE own."userId" = ${userId} AND own."removedAt" IS NULL)))`

/** The workspaces `w` that a credential can enter. */
async function isEnterable(context: Context): Promise<Prisma.Sql> {
  const { principal } = context
  if (principal.kind === 'HUMAN') return enterableBy(principal.signIn)
  if (principal.workspaceId !== null && !(principal.kind === 'API_KEY' && principal.isUserLevel))
    return Prisma.sql`w.id = ${principal.workspaceId}`
  const ids = await acceptingWorkspaces(context, principal.key.id, principal.user.id)
  return Prisma.sql`w.id = ANY(${ids}::text[])`
}

const enterable = async (context: Context): Promise<Listing> => ({
  from: Prisma.sql`"Workspace" w`,
  alias: Prisma.sql`w`,
  where: await isEnterable(context),
})

builder.queryFields((t) => ({
  workspace: t.field({
    type: Workspace,
    nullable: true,
    guard: 'workspace:read',
    description: 'The current workspace.',
    resolve: (_root, _args, context) => findWorkspace(context),
  }),
  workspaces: t.field({
    type: WorkspaceConnection,
    guard: 'public',
    description:
      'The workspaces that this credential can enter: one for a key or token, all of their own for a person, of which a user-level legacy key can enter those where it is accepted. To a person who is in none it lists those that wait for them: who names one in X-Workspace-Id joins it. Needs no permission.',
    args: pageArgs(t.arg),
    resolve: async (_root, args, context) =>
      findPage<WorkspaceRow>(context.deps.prisma, await enterable(context), pageRequest(args)),
  }),
}))
