import { expect } from 'vitest'
import { mutationField, queryField } from '../../auth/every-field.ts'
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

/** Asks as the credential, from that address, for a field of each of the permissions. */
export async function askApi(
  world: World,
  secret: string,
  address: string | undefined,
  permissions: readonly string[],
): Promise<ApiAnswers> {
  const options = address === undefined ? {} : { address }
  const ask = (type: string, fields: readonly string[]) =>
    world.gql(secret, `${type} { ${fields.join(' ')} }`, undefined, options)
  const aliased = (fields: ReadonlyMap<string, string>) =>
    permissions.flatMap((name, index) => {
      const field = fields.get(name)
      return field === undefined ? [] : [`p${index}: ${field}`]
    })
  const first = await ask('query', [viewer, ...aliased(queried)])
  if (first.status === 401) {
    const reason = String(first.errors[0]?.extensions.reason)
    return { refusal: reason, view: noView, passed: new Map() }
  }
  expect(first.status).toBe(200)
  const asked = aliased(mutated)
  const second = asked.length > 0 ? await ask('mutation', asked) : { errors: [] }
  const errors = [...first.errors, ...second.errors]
  expect(errors.filter(({ extensions }) => extensions.code !== 'FORBIDDEN')).toEqual([])
  const isMissing = (permission: string): boolean =>
    errors.some(({ extensions }) =>
      (extensions.missingPermissions as string[]).includes(permission),
    )
  const { spaces, ...rest } = first.data.viewer
  return {
    refusal: null,
    view: {
      ...rest,
      spaces: Object.fromEntries(
        spaces.map((space: { spaceId: string; permissions: string[] }) => [
          space.spaceId,
          space.permissions,
        ]),
      ),
    },
    passed: new Map(
      permissions
        .filter((name) => queried.has(name) || mutated.has(name))
        .map((name) => [name, !isMissing(name)]),
    ),
  }
}

/** Whether real operations in a space are done, by the permission that each asks for there. */
export async function doneIn(
  world: World,
  secret: string,
  address: string | undefined,
  { spaceId, agentId }: { readonly spaceId: string; readonly agentId: string },
): Promise<Record<string, boolean>> {
  const options = address === undefined ? {} : { address }
  const ask = async (operation: string) =>
    (await world.gql(secret, operation, undefined, options)).data ?? {}
  const { space, agent } = await ask(
    `query { space(id: "${spaceId}") { id } agent(id: "${agentId}") { id } }`,
  )
  const { updateSpace, updateAgent } = await ask(`mutation {
    updateSpace(input: { id: "${spaceId}" }) { space { id } }
    updateAgent(input: { id: "${agentId}" }) { agent { id } } }`)
  return {
    'spaces:read': Boolean(space),
    'agents:read': Boolean(agent),
    'spaces:update': Boolean(updateSpace?.space),
    'agents:update': Boolean(updateAgent?.agent),
  }
}
