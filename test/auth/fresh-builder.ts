import SchemaBuilder from '@pothos/core'
import ScopeAuthPlugin from '@pothos/plugin-scope-auth'
import { graphql } from 'graphql'
import type { Caller } from '../../src/auth/caller.ts'
import { effectiveRights } from '../../src/auth/policy.ts'
import { getDatamodel } from '../../src/generated/pothos.ts'
import type { Context } from '../../src/schema/context.ts'
import { hasRights, isSignedIn, type RightsQuestion, unauthorized } from '../../src/schema/guard.ts'

/** A builder with the plugins and defaults of ours, on which nothing has been built. */
export function freshBuilder() {
  const builder = new SchemaBuilder<{
    Context: Context
    AuthScopes: { rights: RightsQuestion; signedIn: boolean }
    DefaultAuthStrategy: 'all'
    DefaultFieldNullability: false
  }>({
    plugins: [ScopeAuthPlugin, 'guard'],
    defaultFieldNullability: false,
    prisma: { client: ({ deps }) => deps.prisma, dmmf: getDatamodel() },
    scopeAuth: {
      authScopes: (context) => ({
        rights: (question) => hasRights(context, question),
        signedIn: () => isSignedIn(context),
      }),
      defaultStrategy: 'all',
      unauthorizedError: unauthorized,
    },
  })
  builder.queryType({ fields: (t) => ({ open: t.string({ guard: 'public', resolve: () => '' }) }) })
  return builder
}

export type Builder = ReturnType<typeof freshBuilder>

const contextWith = (permissions: readonly string[]): Context => {
  const owner = { role: 'OWNER', reach: 'all' } as const
  const declared = { permissions, allSpaces: true, grants: new Map() }
  const caller = { rights: effectiveRights(owner, declared) } as unknown as Caller
  const deps = { usage: { usedRights: () => undefined } }
  return { caller, principal: caller, deps } as unknown as Context
}

/** What comes of an operation on the built schema, by a caller with these permissions in all spaces. */
export async function run(builder: Builder, source: string, permissions: readonly string[] = []) {
  const schema = builder.toSchema()
  const result = await graphql({ schema, source, contextValue: contextWith(permissions) })
  return {
    data: JSON.parse(JSON.stringify(result.data ?? null)),
    errors: (result.errors ?? []).map(({ message }) => message),
  }
}
