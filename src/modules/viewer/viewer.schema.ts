import type { Principal } from '../../auth/caller.ts'
import { type PermissionSet, permissionNames } from '../../auth/permissions.ts'
import { inOrder, noRights, type Rights, workspaceWide } from '../../auth/policy.ts'
import { builder } from '../../schema/builder.ts'
import { modelType } from '../../schema/pagination.ts'
import { ownToken } from '../access-token/token-loaders.ts'
import { ownKey } from '../api-key/key-loaders.ts'
import { RoleType, type ShownUser, User } from '../member/user.schema.ts'
import { spaceLoader } from '../space/space.schema.ts'
import { findWorkspace } from '../workspace/workspace.schema.ts'

export const CallerKindType = builder.enumType('CallerKind', {
  description: 'The kind of a credential.',
  values: {
    HUMAN: { description: 'A person, by their sign-in.' },
    API_KEY: { description: 'An API key.' },
    ACCESS_TOKEN: { description: 'A short-lived token derived from a key.' },
  } as const,
})

interface EffectiveSpaceShape {
  readonly spaceId: string
  readonly held: PermissionSet
}

const EffectiveSpace = builder.objectRef<EffectiveSpaceShape>('EffectiveSpace').implement({
  description: 'A space within reach, with what may be done there.',
  leafFields: 'public',
  fields: (t) => ({
    spaceId: t.exposeID('spaceId', { description: 'The id of the space.' }),
    space: t.field({
      type: modelType('Space'),
      nullable: true,
      guard: 'spaces:read',
      description: 'The space.',
      resolve: ({ spaceId }, _args, context, info) => spaceLoader(context, info).load(spaceId),
    }),
    permissions: t.stringList({
      listSize: permissionNames.length,
      description: 'The permissions that the caller holds in the space.',
      resolve: ({ held }) => inOrder(held),
    }),
  }),
})

const rightsOf = (principal: Principal): Rights =>
  principal.workspaceId === null ? noRights : principal.rights

const userOf = (principal: Principal): ShownUser => {
  if (principal.workspaceId !== null || principal.kind === 'API_KEY') return principal.user
  const { userId, name, email } = principal.signIn
  return { id: userId, kind: 'HUMAN', name, email }
}

const Viewer = builder.objectRef<Principal>('Viewer').implement({
  description: 'The caller and their rights.',
  leafFields: 'public',
  fields: (t) => ({
    kind: t.expose('kind', { type: CallerKindType, description: 'The kind of credential.' }),
    user: t.field({
      type: User,
      guard: 'public',
      description: 'The user that the credential acts for.',
      resolve: userOf,
    }),
    apiKey: t.prismaField({
      type: 'ApiKey',
      nullable: true,
      guard: 'public',
      description:
        "The calling key, or the calling token's; null for a person, and for a key in no workspace.",
      resolve: (query, { workspaceId }, _args, context) =>
        workspaceId === null ? null : ownKey(context, query),
    }),
    accessToken: t.prismaField({
      type: 'AccessToken',
      nullable: true,
      guard: 'public',
      description: 'The calling token, if it is one.',
      resolve: (query, _principal, _args, context) => ownToken(context, query),
    }),
    workspace: t.prismaField({
      type: 'Workspace',
      nullable: true,
      guard: {
        permissions: ['workspace:read'],
        unless: {
          note: 'Null for who is in none.',
          when: (_args, { workspaceId }) => workspaceId === null,
        },
      },
      description: 'The workspace.',
      resolve: (query, { workspaceId }, _args, context) =>
        workspaceId === null ? null : findWorkspace(context, query),
    }),
    role: t.field({
      type: RoleType,
      nullable: true,
      description: "The user's role here.",
      resolve: (principal) => (principal.workspaceId === null ? null : principal.user.role),
    }),
    permissions: t.stringList({
      listSize: permissionNames.length,
      description:
        "Effective and workspace-wide: owner's live role, cut by the key, cut by the token.",
      resolve: (principal) => workspaceWide(rightsOf(principal)),
    }),
    allSpaces: t.boolean({
      description: 'Whether every space is within reach, now and later.',
      resolve: (principal) => rightsOf(principal).allSpaces,
    }),
    spaces: t.field({
      type: [EffectiveSpace],
      guard: 'public',
      listSize: ({ context }) => rightsOf(context.principal).spaces.size,
      description:
        'Every space within reach, each with what may be done there. Empty when allSpaces.',
      resolve: (principal) =>
        [...rightsOf(principal).spaces].map(([spaceId, held]) => ({ spaceId, held })),
    }),
  }),
})

builder.queryField('viewer', (t) =>
  t.field({
    type: Viewer,
    guard: 'public',
    description:
      'Who is asking, with what rights. Needs no permission: the first query of every integrator.',
    resolve: (_root, _args, { principal }) => principal,
  }),
)
