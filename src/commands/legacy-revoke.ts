import { revokeUserLevelKey } from '../modules/legacy-import/revoke-everywhere.ts'
import { defineCommand } from './define.ts'

/** `latchkey legacy revoke`. */
export const legacyRevoke = defineCommand({
  words: 'legacy revoke',
  parameters: ['key id'],
  description: "end a person's legacy key in every workspace of theirs",
  example: 'legacy revoke key_…',
  read:
    ({ 'key id': id }) =>
    async (deps) => {
      const count = await revokeUserLevelKey(deps, id)
      return {
        text:
          count > 0
            ? `The key ${id} is revoked, in ${count === 1 ? 'one workspace' : `${count} workspaces`}.`
            : `Nothing was changed: the key ${id} was revoked before.`,
        json: { id, workspaceCount: count },
      }
    },
})
