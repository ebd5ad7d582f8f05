import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import {
  buildSchema,
  findBreakingChanges,
  type GraphQLField,
  type GraphQLNamedType,
  isEnumType,
  isInputObjectType,
  isInterfaceType,
  isIntrospectionType,
  isNonNullType,
  isObjectType,
  isSpecifiedScalarType,
} from 'graphql'
import { expect, test } from 'vitest'
import { isPermission } from '../src/auth/permissions.ts'
import { isForPeople, requirementOf } from '../src/schema/guard.ts'
import { printedSchema, schema } from '../src/schema/schema.ts'

const types: readonly GraphQLNamedType[] = Object.values(schema.getTypeMap()).filter(
  (type) => !isIntrospectionType(type) && !isSpecifiedScalarType(type),
)

const fields: readonly (readonly [string, GraphQLField<unknown, unknown>])[] = types.flatMap(
  (type) =>
    isObjectType(type) || isInterfaceType(type)
      ? Object.values(type.getFields()).map(
          (field) => [`${type.name}.${field.name}`, field] as const,
        )
      : [],
)

test('schema.graphql is what the code prints', () => {
  expect(readFileSync(new URL('../schema.graphql', import.meta.url), 'utf8')).toBe(printedSchema())
})

/** Everything of the schema that has a name, with its description. */
function named(): [string, string | null | undefined][] {
  return [
    ...types.map(({ name, description }): [string, typeof description] => [name, description]),
    ...fields.flatMap(([name, { description, args }]): [string, typeof description][] => [
      [name, description],
      ...args.map((arg): [string, typeof description] => [`${name}(${arg.name})`, arg.description]),
    ]),
    ...types.flatMap((type): [string, string | null | undefined][] => {
      const members = isInputObjectType(type)
        ? Object.values(type.getFields())
        : isEnumType(type)
          ? type.getValues()
          : []
      return members.map((member) => [`${type.name}.${member.name}`, member.description])
    }),
    ...schema
      .getDirectives()
      .flatMap((directive): [string, string | null | undefined][] => [
        [`@${directive.name}`, directive.description],
        ...directive.args.map((arg): [string, string | null | undefined] => [
          `@${directive.name}(${arg.name})`,
          arg.description,
        ]),
      ]),
  ]
}

test('whatever has a name has a description, a sentence of its own', () => {
  const all = named()
  expect(all.length).toBeGreaterThan(400)
  expect(all.filter(([, text]) => !text?.trim()).map(([name]) => name)).toEqual([])
})

// A denied field must not take its siblings with it, and a reader must see what it asks for.
test('guarded fields are nullable, say their permissions last and print them for routers', () => {
  const printed = buildSchema(printedSchema(), { assumeValidSDL: true })
  const guarded = fields.flatMap(([name, field]) => {
    const requirement = requirementOf(field)
    return requirement === undefined ? [] : [{ name, field, requirement }]
  })
  expect(guarded.length).toBeGreaterThan(40)
  for (const { name, field, requirement } of guarded) {
    const { permissions, allSpaces } = requirement
    expect(permissions.length > 0 && permissions.every(isPermission), name).toBe(true)
    expect(isNonNullType(field.type), `${name} is nullable`).toBe(false)
    const list = permissions.map((permission) => `\`${permission}\``).join(' and ')
    expect(
      field.description?.endsWith(`Needs ${list}${allSpaces ? ' and all spaces' : ''}.`),
      name,
    ).toBe(true)
    const [typeName = '', fieldName = ''] = name.split('.')
    const type = printed.getType(typeName)
    const directive = isObjectType(type)
      ? type
          .getFields()
          [fieldName]?.astNode?.directives?.find((it) => it.name.value === 'requiresScopes')
      : undefined
    const scopes = directive?.arguments?.[0]?.value
    const text = scopes?.kind === 'ListValue' ? JSON.stringify(scopes.values.map(valuesOf)) : ''
    expect(text, name).toBe(JSON.stringify([permissions]))
  }
})

function valuesOf(node: {
  readonly kind: string
  readonly values?: readonly unknown[]
}): unknown[] {
  return (node.values ?? []).map((value) => (value as { readonly value: string }).value)
}

// Nobody can ask for what is open by accident: whatever is open at the root is named here.
test('of the roots only these ask for nothing, and only this one for a person', () => {
  const roots = fields.filter(([name]) => /^(Query|Mutation)\./.test(name))
  const forPeople = roots.filter(([, field]) => isForPeople(field))
  expect(forPeople.map(([name]) => name)).toEqual(['Mutation.createWorkspace'])
  const open = roots.filter(
    ([, field]) => requirementOf(field) === undefined && !isForPeople(field),
  )
  expect(open.map(([name]) => name).sort()).toEqual([
    'Mutation.createAccessToken',
    'Mutation.rotateAccessToken',
    'Query.node',
    'Query.nodes',
    'Query.permissions',
    'Query.rateLimits',
    'Query.requiredPermissions',
    'Query.viewer',
    'Query.workspaces',
  ])
})

const contractFile = fileURLToPath(new URL('../../shared/contract.graphql', import.meta.url))

const contracts = existsSync(contractFile) ? [contractFile] : []

test.for(contracts)('nothing of the contract is broken', (file) => {
  const contract = buildSchema(readFileSync(file, 'utf8'))
  const breaking = findBreakingChanges(contract, schema).map(({ description }) => description)
  expect(breaking).toEqual([])
})
