import type { Scope as ScopeRow } from '../../generated/prisma/client.ts'
import { builder } from '../../schema/builder.ts'
import { deletedId, entityField, mutation } from '../../schema/mutation.ts'
import { AccessLevelType, Scope } from './scope.schema.ts'
import { createScope, deleteScope, updateScope } from './scope.service.ts'

interface ScopePayload {
  readonly scope: ScopeRow
}

const CreateScopeInput = builder.inputType('CreateScopeInput', {
  description: 'A scope to make.',
  fields: (t) => ({
    name: t.string({ required: true, description: 'Unique in the workspace, in any case.' }),
    description: t.string({ description: 'A description of the scope.' }),
    permissions: t.stringList({ description: 'Permissions and aliases that you hold.' }),
    agentAccess: t.field({
      type: AccessLevelType,
      description: 'Adds the agent permissions of a level.',
    }),
  }),
})

mutation<typeof CreateScopeInput.$inferInput, ScopePayload>('createScope', {
  description: 'Makes a scope.',
  guard: 'scopes:create',
  input: CreateScopeInput,
  payload: (t) => ({ scope: entityField(t, 'scope', Scope, 'The new scope.') }),
  run: async (context, input) => ({ scope: await createScope(context, input) }),
})

const UpdateScopeInput = builder.inputType('UpdateScopeInput', {
  description: 'The changes of a scope; absent fields stay.',
  fields: (t) => ({
    id: t.id({ required: true, description: 'The id of the scope.' }),
    name: t.string({ description: 'Unique in the workspace, in any case.' }),
    description: t.string({ description: 'A description of the scope; null clears it.' }),
    permissions: t.stringList({ description: 'Permissions and aliases anew, all of them.' }),
    agentAccess: t.field({
      type: AccessLevelType,
      description: 'Puts the agent permissions of a level in the place of those it has.',
    }),
  }),
})

mutation<typeof UpdateScopeInput.$inferInput, ScopePayload>('updateScope', {
  description: 'Changes a scope and, at once, every key that links to it.',
  guard: 'scopes:update',
  input: UpdateScopeInput,
  payload: (t) => ({ scope: entityField(t, 'scope', Scope, 'The scope as it is now.') }),
  run: async (context, input) => ({ scope: await updateScope(context, input) }),
})

const DeleteScopeInput = builder.inputType('DeleteScopeInput', {
  description: 'Which scope to delete.',
  fields: (t) => ({ id: t.id({ required: true, description: 'The id of the scope.' }) }),
})

mutation<typeof DeleteScopeInput.$inferInput, { deletedId: string }>('deleteScope', {
  description: 'Deletes a scope that no live key links to.',
  guard: 'scopes:delete',
  input: DeleteScopeInput,
  payload: (t) => ({ deletedId: deletedId(t) }),
  run: async (context, input) => ({ deletedId: await deleteScope(context, input) }),
})
