import type { roles } from '../../auth/roles.ts'
import type { UserKind } from '../../generated/prisma/client.ts'
import { builder } from '../../schema/builder.ts'
import type { Context, DataLoader } from '../../schema/context.ts'

/** A user as the workspace shows them, also once they are no member any more. */
export interface ShownUser {
  readonly id: string
  /** Absent: it is looked up where it is shown. */
  readonly kind?: UserKind
  readonly name: string
  readonly email: string | null
}

export const UserKindType = builder.enumType('UserKind', {
  description: 'A person or a machine user.',
  values: {
    HUMAN: { description: 'A person.' },
    MACHINE: { description: 'An integration: it owns keys, is no seat and cannot sign in.' },
  } as const,
})

export const RoleType = builder.enumType('Role', {
  description:
    "The most that a member can do, and their keys with them. A member's present role counts.",
  values: {
    OWNER: { description: 'Everything, in every space.' },
    ADMIN: { description: 'Everything but making and unmaking owners, in every space.' },
    BUILDER: { description: 'Agents, sessions and documents in their spaces; their own keys.' },
    MEMBER: { description: 'Runs agents in their spaces, in their own sessions; their own keys.' },
  } satisfies Record<(typeof roles)[number], { description: string }>,
})

const kindLoader = (context: Context): DataLoader<UserKind> =>
  context.loader<UserKind>('user.kind', async (ids) => {
    const rows = await context.deps.prisma.user.findMany({
      where: { id: { in: [...ids] } },
      select: { id: true, kind: true },
    })
    const byId = new Map(rows.map(({ id, kind }) => [id, kind]))
    return ids.map((id) => byId.get(id) ?? new Error('a member is a user'))
  })

export const User = builder.objectRef<ShownUser>('User').implement({
  description: 'A user, under the name and e-mail that this workspace knows.',
  leafFields: 'public',
  fields: (t) => ({
    id: t.exposeID('id', { description: 'The id of the user.' }),
    kind: t.field({
      type: UserKindType,
      description: 'A person or an integration.',
      resolve: ({ id, kind }, _args, context) => kind ?? kindLoader(context).load(id),
    }),
    name: t.exposeString('name', { description: 'The name in this workspace.' }),
    email: t.exposeString('email', { nullable: true, description: 'Null for a machine user.' }),
  }),
})

/** The users of these ids in the caller's workspace, past members included. */
export const userLoader = (context: Context): DataLoader<ShownUser | null> =>
  context.loader('user', async (ids) => {
    const rows = await context.deps.prisma.member.findMany({
      where: { workspaceId: context.caller.workspaceId, userId: { in: [...ids] } },
      select: { userId: true, name: true, email: true },
    })
    const byId = new Map(
      rows.map(({ userId, name, email }) => [userId, { id: userId, name, email }]),
    )
    return ids.map((id) => byId.get(id) ?? null)
  })

/** A field for the user whose id is in the column; null where there is none. */
export const userField = <Column extends string>(column: Column, description: string) =>
  ({
    type: User,
    nullable: true,
    guard: 'members:read',
    description,
    select: { [column]: true } as Readonly<Record<Column, true>>,
    resolve: (row: Readonly<Record<Column, string | null>>, _args: object, context: Context) => {
      const id = row[column]
      return id === null ? null : userLoader(context).load(id)
    },
  }) as const
