import { expect } from 'vitest'
import type { World } from '../../setup/world.ts'

/** What `verifyApiKey` answers of a secret. The mutation itself must not fail. */
export async function verify(
  world: Pick<World, 'gql'>,
  verifier: string,
  input: Readonly<Record<string, unknown>>,
): Promise<any> {
  const { data, errors } = await world.gql(
    verifier,
    `mutation ($input: VerifyApiKeyInput!) { verifyApiKey(input: $input) {
      valid code apiKey { id } permissions missingPermissions
      rateLimits { subject limit remaining } errors { code path } } }`,
    { input },
  )
  expect(errors).toEqual([])
  return data.verifyApiKey
}
