import type { Member as MemberRow } from '../../generated/prisma/client.ts'
import { builder } from '../../schema/builder.ts'
import { entityField, mutation } from '../../schema/mutation.ts'
import { createMachineUser } from './machine-user.service.ts'
import { Member } from './member.schema.ts'
import { addMember, leavesByItself, removeMember, updateMember } from './member.service.ts'
import { RoleType } from './user.schema.ts'

const AddMemberInput = builder.inputType('AddMemberInput', {
  description: 'A person to enter.',
  fields: (t) => ({
    email: t.string({ required: true, description: 'Their e-mail address.' }),
    name: t.string({ description: 'Their name here; by default the e-mail address.' }),
    role: t.field({ type: RoleType, required: true, description: 'A role that you may give.' }),
  }),
})

mutation<typeof AddMemberInput.$inferInput, { member: MemberRow }>('addMember', {
  description: 'Enters a person in the workspace.',
  guard: 'members:create',
  input: AddMemberInput,
  payload: (t) => ({
    member: entityField(t, 'member', Member, 'The member.'),
  }),
  run: async (context, input) => ({ member: await addMember(context, input) }),
})

const UpdateMemberInput = builder.inputType('UpdateMemberInput', {
  description: 'The changes of a member; absent fields stay.',
  fields: (t) => ({
    id: t.id({ required: true, description: 'The id of the membership.' }),
    role: t.field({ type: RoleType, description: 'A role that you may give.' }),
    name: t.string({ description: 'Their name here.' }),
  }),
})

mutation<typeof UpdateMemberInput.$inferInput, { member: MemberRow }>('updateMember', {
  description: "Changes a member's role or name; their keys follow the role at once.",
  guard: 'members:update',
  input: UpdateMemberInput,
  payload: (t) => ({
    member: entityField(t, 'member', Member, 'The member.'),
  }),
  run: async (context, input) => ({ member: await updateMember(context, input) }),
})

const RemoveMemberInput = builder.inputType('RemoveMemberInput', {
  description: 'The member to remove.',
  fields: (t) => ({
    id: t.id({ required: true, description: 'The id of the membership.' }),
    revokeCreated: t.boolean({
      defaultValue: false,
      guard: {
        permission: 'keys:delete',
        unless: { note: 'False needs nothing.', when: (value) => value !== true },
      },
      description:
        "Also revokes the machine users' keys that this member made or was given the secret of, and theirs: as revokeApiKey does, with its rights.",
    }),
  }),
})

mutation<typeof RemoveMemberInput.$inferInput, { member: MemberRow; revokedKeyCount: number }>(
  'removeMember',
  {
    description: 'Removes a member and revokes their keys here.',
    guard: {
      permissions: ['members:delete'],
      unless: {
        note: 'A person who has signed in may leave.',
        when: ({ input }, principal) => leavesByItself(principal, input.id),
      },
    },
    input: RemoveMemberInput,
    payloadDescription:
      "Removing a member stops that member's own keys at once; revokedKeyCount says how many.",
    payload: (t) => ({
      member: entityField(t, 'member', Member, 'Who was removed.'),
      revokedKeyCount: t.int({
        nullable: true,
        description: 'How many keys were revoked with it.',
        resolve: ({ revokedKeyCount }) => revokedKeyCount ?? null,
      }),
    }),
    run: (context, input) => removeMember(context, input),
  },
)

const CreateMachineUserInput = builder.inputType('CreateMachineUserInput', {
  description: 'A user for an integration.',
  fields: (t) => ({
    name: t.string({ required: true, description: 'Its name.' }),
    role: t.field({ type: RoleType, required: true, description: 'At most ADMIN.' }),
    spaceIds: t.idList({
      guard: {
        permission: 'spaces:update',
        unless: {
          note: 'An empty list needs nothing.',
          when: (value) => Array.isArray(value) && value.length === 0,
        },
      },
      description: 'Spaces to add it to.',
    }),
  }),
})

mutation<typeof CreateMachineUserInput.$inferInput, { member: MemberRow }>('createMachineUser', {
  description: 'Makes a user for an integration: it owns keys, is no seat and cannot sign in.',
  guard: 'members:create',
  input: CreateMachineUserInput,
  payload: (t) => ({
    member: entityField(t, 'member', Member, 'The membership of the machine user.'),
  }),
  run: async (context, input) => ({ member: await createMachineUser(context, input) }),
})
