import type { Space as SpaceRow } from '../../generated/prisma/client.ts'
import { builder } from '../../schema/builder.ts'
import { deletedId, entityField, mutation } from '../../schema/mutation.ts'
import { Space, SpaceVisibilityType } from './space.schema.ts'
import { createSpace, deleteSpace, updateSpace } from './space.service.ts'
import { addSpaceMember, removeSpaceMember } from './space-members.service.ts'

interface SpacePayload {
  readonly space: SpaceRow
}

const CreateSpaceInput = builder.inputType('CreateSpaceInput', {
  description: 'A space to make.',
  fields: (t) => ({
    name: t.string({ required: true, description: 'Unique in the workspace, in any case.' }),
    description: t.string({ description: 'A description of the space.' }),
    visibility: t.field({ type: SpaceVisibilityType, description: 'RESTRICTED by default.' }),
  }),
})

mutation<typeof CreateSpaceInput.$inferInput, SpacePayload>('createSpace', {
  description: 'Makes a space.',
  guard: { permissions: ['spaces:create'], allSpaces: true },
  input: CreateSpaceInput,
  payload: (t) => ({ space: entityField(t, 'space', Space, 'The new space.') }),
  run: async (context, input) => ({ space: await createSpace(context, input) }),
})

const UpdateSpaceInput = builder.inputType('UpdateSpaceInput', {
  description: 'The changes of a space; absent fields stay.',
  fields: (t) => ({
    id: t.id({ required: true, description: 'The id of the space.' }),
    name: t.string({ description: 'Unique in the workspace, in any case.' }),
    description: t.string({ description: 'A description of the space; null clears it.' }),
    visibility: t.field({
      type: SpaceVisibilityType,
      description: 'Opening a space takes all that its members gain there.',
    }),
  }),
})

mutation<typeof UpdateSpaceInput.$inferInput, SpacePayload>('updateSpace', {
  description: 'Changes a space.',
  guard: 'spaces:update',
  input: UpdateSpaceInput,
  payload: (t) => ({ space: entityField(t, 'space', Space, 'The space as it is now.') }),
  run: async (context, input) => ({ space: await updateSpace(context, input) }),
})

const DeleteSpaceInput = builder.inputType('DeleteSpaceInput', {
  description: 'Which space to delete.',
  fields: (t) => ({ id: t.id({ required: true, description: 'The id of the space.' }) }),
})

mutation<typeof DeleteSpaceInput.$inferInput, { deletedId: string }>('deleteSpace', {
  description:
    'Deletes a space with its grants and memberships; its agents stay out of reach until they are moved.',
  guard: 'spaces:delete',
  input: DeleteSpaceInput,
  payload: (t) => ({ deletedId: deletedId(t) }),
  run: async (context, input) => ({ deletedId: await deleteSpace(context, input) }),
})

const AddSpaceMemberInput = builder.inputType('AddSpaceMemberInput', {
  description: 'A member and the space to add them to.',
  fields: (t) => ({
    spaceId: t.id({ required: true, description: 'The id of the space.' }),
    memberId: t.id({ required: true, description: 'The id of the membership.' }),
  }),
})

mutation<typeof AddSpaceMemberInput.$inferInput, SpacePayload>('addSpaceMember', {
  description: 'Lets a member into a space.',
  guard: 'spaces:update',
  input: AddSpaceMemberInput,
  payload: (t) => ({ space: entityField(t, 'space', Space, 'The space.') }),
  run: async (context, input) => ({ space: await addSpaceMember(context, input) }),
})

const RemoveSpaceMemberInput = builder.inputType('RemoveSpaceMemberInput', {
  description: 'A member and the space to remove them from.',
  fields: (t) => ({
    spaceId: t.id({ required: true, description: 'The id of the space.' }),
    memberId: t.id({ required: true, description: 'The id of the membership.' }),
  }),
})

mutation<typeof RemoveSpaceMemberInput.$inferInput, SpacePayload>('removeSpaceMember', {
  description: 'Takes a member out of a space; what they could do there ends at once.',
  guard: 'spaces:update',
  input: RemoveSpaceMemberInput,
  payload: (t) => ({ space: entityField(t, 'space', Space, 'The space.') }),
  run: async (context, input) => ({ space: await removeSpaceMember(context, input) }),
})
