import { expect } from 'vitest'
import type { World } from '../../setup/world.ts'

type Front = Pick<World, 'gql'>
type Input = Readonly<Record<string, unknown>>

const verdict = 'valid code permissions missingPermissions errors { code path }'

/** What `verifyApiKey` answers to each question, asked in one operation. None may fail. */
export async function verifyAll(
  world: Front,
  verifier: string,
  questions: readonly Input[],
  selection = verdict,
): Promise<any[]> {
  const fields = questions.map(
    (_, index) => `q${index}: verifyApiKey(input: $q${index}) { ${selection} }`,
  )
  const types = questions.map((_, index) => `$q${index}: VerifyApiKeyInput!`)
  const { data, errors } = await world.gql(
    verifier,
    `mutation (${types.join(' ')}) { ${fields.join(' ')} }`,
    Object.fromEntries(questions.map((question, index) => [`q${index}`, question])),
  )
  expect(errors).toEqual([])
  return questions.map((_, index) => data[`q${index}`])
}

const withLimits = `${verdict} rateLimits { subject limit remaining }`

/** All that `verifyApiKey` answers of a secret. The mutation itself must not fail. */
export const verify = async (world: Front, verifier: string, input: Input): Promise<any> =>
  (await verifyAll(world, verifier, [input], `${withLimits} apiKey { id }`))[0]

/** The verdict alone: all that costs the verifier nothing. */
export const verdictOn = async (world: Front, verifier: string, input: Input): Promise<any> =>
  (await verifyAll(world, verifier, [input], withLimits))[0]

/** What is asked of a secret at either door. */
export interface Question {
  readonly secret: string
  readonly permissions?: readonly string[]
  readonly spaceIds?: readonly string[]
  readonly ip?: string | null
}

/** A request to `/verify` as it is given. All that is answered. */
export async function knock(
  { app }: Pick<World, 'app'>,
  headers: Readonly<Record<string, string>>,
  { query = '', method = 'GET', address = '10.0.0.254' } = {},
): Promise<{ status: number; headers: Record<string, string>; body: string }> {
  const request = new Request(`http://latchkey.test/verify${query}`, { method, headers })
  const response = await app.fetch(request, { address })
  const { status } = response
  return { status, headers: Object.fromEntries(response.headers), body: await response.text() }
}

/** The same question as `verify`, to `/verify`. */
export function gate(
  world: Pick<World, 'app'>,
  verifier: string,
  { secret, permissions = [], spaceIds = [], ip }: Question,
): ReturnType<typeof knock> {
  const query = new URLSearchParams([
    ...permissions.map((name) => ['permission', name]),
    ...spaceIds.map((id) => ['space', id]),
    ...(typeof ip === 'string' ? [['ip', ip]] : []),
  ])
  const headers = { 'latchkey-verifier': verifier, authorization: `Bearer ${secret}` }
  return knock(world, headers, { query: `?${query}` })
}

const explanation =
  'allowed code message missingPermissions missingSpaces steps { rule passed detail }'

/** What `explainAccess` answers to each input, asked in one operation. None may fail. */
export async function explainAll(
  world: Front,
  caller: string,
  inputs: readonly Input[],
): Promise<any[]> {
  const fields = inputs.map((_, at) => `q${at}: explainAccess(input: $q${at}) { ${explanation} }`)
  const types = inputs.map((_, at) => `$q${at}: ExplainAccessInput!`)
  const { data, errors } = await world.gql(
    caller,
    `query (${types.join(' ')}) { ${fields.join(' ')} }`,
    Object.fromEntries(inputs.map((input, at) => [`q${at}`, input])),
  )
  expect(errors).toEqual([])
  return inputs.map((_, at) => data[`q${at}`])
}
