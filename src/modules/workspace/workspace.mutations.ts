import type { Workspace as WorkspaceRow } from '../../generated/prisma/client.ts'
import { builder } from '../../schema/builder.ts'
import { notSignedIn } from '../../schema/guard.ts'
import { entityField, mutation } from '../../schema/mutation.ts'
import { createWorkspace } from './create-workspace.ts'
import { Workspace } from './workspace.schema.ts'
import { updateWorkspace } from './workspace.service.ts'

const CreateWorkspaceInput = builder.inputType('CreateWorkspaceInput', {
  description: 'A workspace to make.',
  fields: (t) => ({
    name: t.string({ required: true, description: 'The name of the workspace.' }),
    slug: t.string({
      required: true,
      description: 'Lower-case letters, digits and inner hyphens; unique everywhere.',
    }),
  }),
})

mutation<typeof CreateWorkspaceInput.$inferInput, { workspace: WorkspaceRow }>('createWorkspace', {
  description: 'Makes a workspace that is yours, on the FREE plan; at most five.',
  guard: 'signed-in',
  input: CreateWorkspaceInput,
  payload: (t) => ({ workspace: entityField(t, 'workspace', Workspace, 'The new workspace.') }),
  run: async ({ deps, requestId, address, principal }, input) => {
    if (principal.kind !== 'HUMAN') throw notSignedIn()
    const { signIn } = principal
    return { workspace: await createWorkspace({ deps, requestId, address, signIn }, input) }
  },
})

const UpdateWorkspaceInput = builder.inputType('UpdateWorkspaceInput', {
  description: 'The changes of the workspace; absent fields stay.',
  fields: (t) => ({
    name: t.string({ description: 'The name of the workspace.' }),
    slug: t.string({ description: 'Lower-case letters, digits and inner hyphens.' }),
    maxKeyLifetimeDays: t.int({
      description:
        "1 or more; null removes the policy. Keys that live longer by it must be grantable; to shorten the life of an OWNER's takes members:own.",
    }),
    legacyKeySunsetAt: t.field({
      type: 'DateTime',
      description:
        "After this instant legacy keys are refused. Those that live longer by it must be grantable; to shorten the life of an OWNER's takes members:own.",
    }),
  }),
})

mutation<typeof UpdateWorkspaceInput.$inferInput, { workspace: WorkspaceRow }>('updateWorkspace', {
  description: 'Changes the workspace and its policies.',
  guard: 'workspace:update',
  input: UpdateWorkspaceInput,
  payload: (t) => ({
    workspace: entityField(t, 'workspace', Workspace, 'The workspace as it is now.'),
  }),
  run: async (context, input) => ({ workspace: await updateWorkspace(context, input) }),
})
