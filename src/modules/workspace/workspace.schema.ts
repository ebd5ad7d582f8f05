import { badUserInput } from '../../errors.ts'
import type { Prisma, Workspace as WorkspaceRow } from '../../generated/prisma/client.ts'
import { limitsOf } from '../../limits/plans.ts'
import { builder } from '../../schema/builder.ts'
import type { Context } from '../../schema/context.ts'
import { nodeType } from '../../schema/node.ts'
import { modelConnection, pageArgs } from '../../schema/pagination.ts'
import { listPage, planOf } from '../../schema/visible-rows.ts'
import { isVisibleKey } from '../api-key/api-key.visibility.ts'
import { countLiveKeys } from '../api-key/live-keys.ts'
import { enterableWorkspaces } from './workspace.visibility.ts'

const PlanType = builder.enumType('Plan', {
  description: 'The plan of a workspace.',
  values: {
    FREE: { description: '600 requests a minute, 20 live keys; or as the operator has set.' },
    PRO: { description: '3,000 requests a minute, 100 live keys; or as the operator has set.' },
    BUSINESS: {
      description: '6,000 requests a minute, 1,000 live keys; or as the operator has set.',
    },
    ENTERPRISE: { description: 'Limits set for the workspace, or none.' },
  } as const,
})

/** The caller's workspace, read anew for each field that shows it. */
export const findWorkspace = (
  { deps, caller }: Context,
  plan: Prisma.WorkspaceDefaultArgs,
): Promise<WorkspaceRow | null> =>
  deps.prisma.workspace.findUnique({ ...plan, where: { id: caller.workspaceId } })

/**
 * The caller's rights are those in their current workspace, so what asks for some is told of no
 * other one: a person may list several.
 */
function assertCurrent({ id }: Pick<WorkspaceRow, 'id'>, { caller }: Context): void {
  if (id !== caller.workspaceId)
    throw badUserInput(['X-Workspace-Id'], 'Name this workspace in X-Workspace-Id.')
}

/** What of a workspace says what its plan allows. */
const planColumns = {
  plan: true,
  enterpriseRequestsPerMinute: true,
  enterpriseKeyLimit: true,
} as const

export const Workspace = builder.prismaObject('Workspace', {
  select: { id: true, createdAt: true },
  description: 'The tenant: members, spaces, agents and keys belong to it.',
  leafFields: 'public',
  fields: (t) => ({
    id: t.exposeID('id', { description: 'The id of the workspace.' }),
    name: t.exposeString('name', { description: 'The name of the workspace.' }),
    slug: t.exposeString('slug', { description: 'Its short name, unique everywhere.' }),
    plan: t.expose('plan', { type: PlanType, description: 'The plan of the workspace.' }),
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
      select: planColumns,
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
      select: planColumns,
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

nodeType('wsp', Workspace, {
  item: 'workspace',
  find: async (context, ids, info) =>
    ids.includes(context.caller.workspaceId)
      ? [await findWorkspace(context, planOf(context, info, 'Workspace'))]
      : [],
})

builder.queryFields((t) => ({
  workspace: t.prismaField({
    type: 'Workspace',
    nullable: true,
    guard: 'workspace:read',
    description: 'The current workspace.',
    resolve: (query, _root, _args, context) => findWorkspace(context, query),
  }),
  workspaces: t.field({
    type: modelConnection('Workspace'),
    guard: 'public',
    description:
      'The workspaces that this credential can enter: one for a key or token, all of their own for a person, of which a user-level legacy key can enter those where it is accepted. To a person who is in none it lists those that wait for them: who names one in X-Workspace-Id joins it. Needs no permission.',
    args: pageArgs(t.arg),
    resolve: async (_root, args, context, info) => {
      const where = await enterableWorkspaces(context)
      return await listPage(context, info, args, [where], (query) =>
        context.deps.prisma.workspace.findMany(query),
      )
    },
  }),
}))
