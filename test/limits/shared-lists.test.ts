import { expect, test } from 'vitest'
import { leastProcessorTime } from '../setup/processor-time.ts'
import { useWorkspace, workspace, world } from '../setup/use-world.ts'

useWorkspace()

test('a long list that many fields are given takes little more than that one field is given', async () => {
  const input = { permissions: Array(175_000).fill('x'), secret: workspace.secret }
  const ask = async (count: number, limit: number) => {
    const fields = Array.from(
      { length: count },
      (_, index) => `f${index}: verifyApiKey(input: $input) { errors { code } }`,
    )
    const query = `mutation ($input: VerifyApiKeyInput!) { ${fields.join(' ')} }`
    const { value, ms } = await leastProcessorTime(limit, () =>
      world.gql(workspace.secret, query, { input }),
    )
    expect(value.data.f0).toEqual({ errors: [{ code: 'INVALID' }] })
    return ms
  }
  const limit = 3 * (await ask(1, 0))
  expect(await ask(28, limit)).toBeLessThan(limit)
})
