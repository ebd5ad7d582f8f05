import { expect } from 'vitest'
import { mutationField, operationOf, queryField } from '../../auth/every-field.ts'
import { fieldPermissions } from '../../auth/field-permissions.ts'
import type { View } from '../../setup/view.ts'
import type { World } from '../../setup/world.ts'

/** What the API answers to a credential itself. */
export interface ApiAnswers {
  /** Why the credential is refused; null: it is let in. */
  readonly refusal: string | null
  readonly view: View
  /** Of the permissions that fields ask for alone: those whose field is not refused for lack of it. */
  readonly passed: ReadonlyMap<string, boolean>
  /** Whether a real operation in the space is done, by the permission that it asks for there. */
  readonly done: Readonly<Record<string, boolean>>
}

/** By permission: a field that asks for nothing else, called so that it changes nothing. */
const fieldsAsking = (type: 'Query' | 'Mutation', call: (name: string) => string) =>
  new Map(
    Object.entries(fieldPermissions[type]?.guarded ?? {})
      .filter(([, asked]) => asked.length === 1)
      .map(([name, [permission = '']]) => [permission, call(name)]),
  )
const queried = fieldsAsking('Query', queryField)
const mutated = fieldsAsking('Mutation', mutationField)

const noView: View = { permissions: [], allSpaces: false, spaces: {} }
const viewer = 'viewer { permissions allSpaces spaces { spaceId permissions } }'

/** What is tried: fields that ask for these permissions, and real operations in a space. */
export interface Tried {
  readonly permissions: readonly string[]
  readonly spaceId: string
  readonly agentId: string
}

/** Asks as the credential, from that address. */
export async function askApi(
  world: World,
  secret: string,
  address: string | undefined,
  { permissions, spaceId, agentId }: Tried,
): Promise<ApiAnswers> {
  const ask = (type: 'query' | 'mutation', fields: readonly string[]) =>
    world.gql(secret, operationOf(type, fields), {}, address ? { address } : {})
  const aliased = (fields: ReadonlyMap<string, string>) =>
    permissions.flatMap((name, index) => {
      const field = fields.get(name)
      return field === undefined ? [] : [`p${index}: ${field}`]
    })
  const queries = await ask('query', [
    viewer,
    `space(id: "${spaceId}") { id } agent(id: "${agentId}") { id }`,
    ...aliased(queried),
  ])
  if (queries.status === 401) {
    const refusal = String(queries.errors[0]?.extensions.reason)
    return { refusal, view: noView, passed: new Map(), done: {} }
  }
  const mutations = await ask('mutation', [
    `updateSpace(input: { id: "${spaceId}" }) { space { id } }`,
    `updateAgent(input: { id: "${agentId}" }) { agent { id } }`,
    `createSession(input: { agentId: "${agentId}" }) { session { id } }`,
    ...aliased(mutated),
  ])
  const errors = [...queries.errors, ...mutations.errors]
  expect(errors.filter(({ extensions }) => extensions.code !== 'FORBIDDEN')).toEqual([])
  const isMissing = (permission: string): boolean =>
    errors.some(
      ({ extensions, path }) =>
        String(path?.[0]).startsWith('p') &&
        (extensions.missingPermissions as string[]).includes(permission),
    )
  const { spaces, ...rest } = queries.data.viewer
  const entries = spaces.map((each: any) => [each.spaceId, each.permissions])
  const asked = permissions.filter((name) => queried.has(name) || mutated.has(name))
  return {
    refusal: null,
    view: { ...rest, spaces: Object.fromEntries(entries) },
    passed: new Map(asked.map((name) => [name, !isMissing(name)])),
    done: {
      'spaces:read': Boolean(queries.data.space),
      'agents:read': Boolean(queries.data.agent),
      'spaces:update': Boolean(mutations.data.updateSpace?.space),
      'agents:update': Boolean(mutations.data.updateAgent?.agent),
      'sessions:create': Boolean(mutations.data.createSession?.session),
    },
  }
}
