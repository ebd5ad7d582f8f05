import { builder } from '../../builder.ts'
import type { Workspace as WorkspaceRow } from '../../generated/prisma/client.ts'
import { mutation, shown } from '../../graphql/mutation.ts'
import { Workspace } from '../refs.ts'
import { updateWorkspace } from './workspace.service.ts'

const UpdateWorkspaceInput = builder.inputType('UpdateWorkspaceInput', {
  description: 'What to change of the workspace; absent fields stay.',
  fields: (t) => ({
    name: t.string({ description: 'What it is called.' }),
    slug: t.string({ description: 'Lower-case letters, digits and inner hyphens.' }),
    maxKeyLifetimeDays: t.int({ description: '1 or more; null removes the policy.' }),
    legacyKeySunsetAt: t.field({
      type: 'DateTime',
      description: 'After this instant legacy keys are refused.',
    }),
  }),
})

mutation<typeof UpdateWorkspaceInput.$inferInput, { workspace: WorkspaceRow }>('updateWorkspace', {
  description: 'Changes the workspace and its policies.',
  guard: 'workspace:update',
  input: UpdateWorkspaceInput,
  payload: (t) => ({ workspace: shown(t, 'workspace', Workspace, 'The workspace as it is now.') }),
  run: async (context, input) => ({ workspace: await updateWorkspace(context, input) }),
})
