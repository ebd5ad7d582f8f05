import { type GraphQLObjectType, getNamedType, isInterfaceType, isLeafType } from 'graphql'
import { schema } from '../../src/schema/schema.ts'
import { fieldPermissions } from '../auth/field-permissions.ts'
import type { Furnished } from '../auth/furnish.ts'
import type { OwnIds } from '../auth/id-places.ts'

/** A type of Node, with the query field for one of its objects. */
export interface NodeType {
  readonly name: string
  readonly item: string
  /** What that field needs. */
  readonly needs: readonly string[]
  /** All of its scalars and enums. */
  readonly leaves: string
}

const node = schema.getType('Node')
const types: readonly GraphQLObjectType[] = isInterfaceType(node)
  ? schema.getPossibleTypes(node)
  : []

/** The names of all types of Node. */
export const nodeNames = types.map(({ name }) => name)

/** Events have no query field of their own: see modules/audit. */
const withItems = types.filter(({ name }) => name !== 'AuditEvent')

export const nodeTypes: readonly NodeType[] = withItems.map((type) => {
  const own = `${type.name.charAt(0).toLowerCase()}${type.name.slice(1)}`
  const item = own === 'webhookEndpoint' ? 'webhookEndpoints' : own
  const leaves = Object.values(type.getFields()).filter((field) =>
    isLeafType(getNamedType(field.type)),
  )
  return {
    name: type.name,
    item,
    needs: fieldPermissions.Query?.guarded[item] ?? [],
    leaves: leaves.map((field) => field.name).join(' '),
  }
})

/** The query field for the object of that id; the workspace has none to name, and of endpoints all are listed. */
export const itemQuery = ({ name, item }: NodeType, id: string): string =>
  ['Workspace', 'WebhookEndpoint'].includes(name) ? item : `${item}(id: "${id}")`

const kinds: Readonly<Record<string, keyof OwnIds>> = {
  AccessToken: 'token',
  Agent: 'agent',
  ApiKey: 'key',
  Document: 'document',
  Member: 'member',
  Run: 'run',
  Scope: 'scope',
  Session: 'session',
  Space: 'space',
  WebhookEndpoint: 'endpoint',
}

/** The id of the workspace's own object of that type. */
export const ownId = ({ id, own }: Furnished, { name }: NodeType): string => {
  const kind = kinds[name]
  return kind === undefined ? id : own[kind]
}

/** Of those objects that a limited key does not see; undefined: it sees all of that type. */
export const hiddenId = ({ hidden }: Furnished, { name }: NodeType): string | undefined => {
  const kind = kinds[name]
  return kind && hidden[kind]
}
