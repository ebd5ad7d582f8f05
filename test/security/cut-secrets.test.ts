import { expect, test } from 'vitest'
import { exchange, send } from '../oauth/ask.ts'
import { useWorkspace, workspace, world } from '../setup/use-world.ts'

useWorkspace()

const shown = 12

/** The longest part of the secret, from `shown` characters on, that the text holds. */
function partIn(text: string, secret: string): string | undefined {
  const starts = Array.from({ length: secret.length - shown + 1 }, (_, i) => i)
  const found = starts.find((start) => text.includes(secret.slice(start, start + shown)))
  return found === undefined ? undefined : secret.slice(found, found + shown)
}

const create =
  'mutation ($input: CreateScopeInput!) { createScope(input: $input) { errors { message } } }'

// An error quotes the beginning of a wrong name: a secret in it may not be cut so short that it is
// no longer known for one.
test('a secret that stands anywhere in a wrong permission is told by no error', async () => {
  const { keyId: id, secret } = workspace
  const token = await exchange(world, { id, secret })
  for (const hidden of [secret, token])
    for (const length of [0, 1, 20, 33, 45, 59])
      for (const filler of ['-', 'x', '0']) {
        const name = filler.repeat(length) + hidden
        const input = { name: 'wrong', permissions: [name] }
        const { data } = await world.gql(secret, create, { input })
        expect(data.createScope.errors[0].message).toContain('There is no permission')
        expect(partIn(data.createScope.errors[0].message, hidden)).toBeUndefined()
        const form = { grant_type: 'client_credentials', scope: name }
        const { body } = await send(world, '/oauth/token', form, { client: { id, secret } })
        expect(body.error).toBe('invalid_scope')
        expect(partIn(body.error_description, hidden)).toBeUndefined()
      }
})
